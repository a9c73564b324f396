"""Plots of the speed benchmarks."""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = ("#7a1f3d", "#c98a5b", "#3f5a6b", "#8a7f72", "#4d6b3f")


@contextmanager
def figure(path: Path, panels: int = 1) -> Any:
    """Give axes side by side, and write them to a file."""
    drawn, axes = plt.subplots(1, panels, figsize=(6.4 * panels, 4.0), layout="constrained", squeeze=False)
    yield axes[0] if panels > 1 else axes[0][0]
    for axis in axes[0]:
        axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(drawn)


def loss_curves(path: Path, curves: Mapping[str, Sequence[Mapping[str, float]]], common: float) -> None:
    """Draw held-out loss over seconds and over histories seen, a line for each trainer."""
    with figure(path, 2) as axes:
        for axis, key, label in (
            (axes[0], "seconds", "seconds of training"),
            (axes[1], "samples", "histories"),
        ):
            for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
                points = [point[key] for point in curve], [point["loss"] for point in curve]
                axis.plot(*points, color=colour, marker=".", label=name)
            axis.axhline(common, color="#999999", linestyle=":", linewidth=1)
            axis.set(xlabel=label, ylabel="held-out cross-entropy over SKUs, nats")
        axes[0].legend(frameon=False, fontsize=8)


def cost_curves(
    path: Path, panels: Sequence[tuple[str, str, Mapping[str, Sequence[tuple[float, float]]], bool]]
) -> None:
    """Draw panels ``(x label, y label, lines by name, logarithmic)``; a line is pairs of x and y."""
    with figure(path, len(panels)) as axes:
        for axis, (x, y, lines, logarithmic) in zip(axes if len(panels) > 1 else [axes], panels, strict=True):
            for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
                axis.plot(*zip(*points, strict=True), color=colour, marker="o", label=name)
            axis.set(xlabel=x, ylabel=y)
            if logarithmic:
                axis.set(xscale="log", yscale="log")
            else:
                axis.set(xlim=(0, None), ylim=(0, None))
            axis.legend(frameon=False, fontsize=8)
