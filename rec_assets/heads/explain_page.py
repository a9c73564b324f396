"""An explained text as HTML, and as a picture for the report."""

import html
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from rec_assets.files import atomic_file
from rec_assets.heads.explain import Attribution

_FOR, _AGAINST = (46, 125, 50), (198, 40, 40)  # green, red
_BARS = 20


def to_html(text: str, parts: Sequence[Attribution], label: object) -> str:
    """Write a text with each part's ground coloured: green speaks for the label, red against it.

    Colours are relative to the strongest part; the score is in the part's title, so nothing is said by colour
    alone.
    """
    strongest = max((abs(part.score) for part in parts), default=0.0) or 1.0
    pieces, end = [], 0
    for part in parts:
        red, green, blue = _FOR if part.score >= 0 else _AGAINST
        strength = abs(part.score) / strongest
        pieces.append(html.escape(text[end : part.offset]))
        pieces.append(
            f'<span title="{part.score:+.3f}" style="background:rgba({red},{green},{blue},{strength:.2f})">'
            f"{html.escape(part.token)}</span>"
        )
        end = part.offset + len(part.token)
    pieces.append(html.escape(text[end:]))
    return f'<p class="explained"><b>{html.escape(str(label))}</b>: {"".join(pieces)}</p>'


def to_png(parts: Sequence[Attribution], label: object, path: Path) -> None:
    """Draw the strongest parts as bars, in the order of the text; equal parts give equal bytes."""
    kept = sorted(sorted(parts, key=lambda part: -abs(part.score))[:_BARS], key=lambda part: part.offset)
    figure, axes = plt.subplots(figsize=(5, 0.8 + 0.28 * max(1, len(kept))), layout="constrained")
    colours = ["#2e7d32" if part.score >= 0 else "#c62828" for part in kept]
    axes.barh(range(len(kept)), [part.score for part in kept], color=colours)
    # A dollar sign would start mathematics.
    axes.set_yticks(range(len(kept)), [part.token.strip().replace("$", r"\$") for part in kept], fontsize=9)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"speaks for {label!s}".replace("$", r"\$"))
    with atomic_file(path) as part:
        figure.savefig(part, dpi=120, format="png", metadata={"Software": None})
    plt.close(figure)
