"""Small charts as inline SVG: crisp at any size, in print, and equal bytes for equal figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH = 1016  # the width of the page, so that text keeps its size


@dataclass(frozen=True)
class Interval:
    """One line of an interval chart; ``own`` marks the recommender."""

    label: str
    mean: float
    low: float
    high: float
    own: bool


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Give round numbers that span a range.

    Examples
    --------
    >>> ticks(0, 0.047)
    [0.0, 0.01, 0.02, 0.03, 0.04, 0.05]
    """
    high = high if high > low else low + (abs(low) or 1.0)
    span = high - low
    rough = span / about
    magnitude = 10 ** math.floor(math.log10(rough))
    step = min((m * magnitude for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def intervals(lines: Sequence[Interval], label: str) -> Markup:
    """Draw means with their intervals, one line per model, from zero."""
    left, right, row, top = 160, 80, 27, 8
    marks = ticks(0, max((line.high for line in lines), default=0.0))
    bottom = top + row * len(lines)

    def x(value: float) -> str:
        return f"{left + (value / marks[-1]) * (_WIDTH - left - right):.1f}"

    drawn = [
        Markup(
            '<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>'
            '<text class="tick" x="{0}" y="{3}">{4}</text>'
        ).format(x(mark), top, bottom, bottom + 16, f"{mark:g}")
        for mark in marks
    ]
    for place, line in enumerate(lines):
        y = top + row * place + row / 2
        drawn.append(
            Markup(
                '<g class="{kind}"><text class="name" x="{label_x}" y="{text_y}">{name}</text>'
                '<line class="range" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
                '<circle cx="{mean}" cy="{y}" r="4.5"/>'
                '<text class="value" x="{value_x}" y="{text_y}">{value}</text></g>'
            ).format(
                kind="own" if line.own else "other",
                label_x=left - 12,
                name=line.label,
                low=x(line.low),
                high=x(line.high),
                mean=x(line.mean),
                y=f"{y:.1f}",
                text_y=f"{y + 4:.1f}",
                value_x=_WIDTH - 4,
                value=f"{line.mean:.4f}",
            )
        )
    return canvas("intervals", bottom + 22, label, drawn)


def curve(points: Sequence[tuple[float, float]], label: str, digits: int = 3, width: int = 488) -> Markup:
    """Draw one quantity over training epochs, the best or last value in figures at its end."""
    left, right, top, height = 44, 14, 12, 180
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    marks = ticks(min(ys), max(ys), about=4)
    first, last = min(xs), max(xs)

    def place(point: tuple[float, float]) -> tuple[str, str]:
        across = (point[0] - first) / ((last - first) or 1)
        up = (point[1] - marks[0]) / ((marks[-1] - marks[0]) or 1)
        return f"{left + across * (width - left - right):.1f}", f"{top + (1 - up) * height:.1f}"

    drawn = []
    for mark in marks:
        _, y = place((first, mark))
        drawn.append(
            Markup(
                '<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
                '<text class="name" x="{label_x}" y="{label_y}">{mark}</text>'
            ).format(
                left=left,
                right=width - right,
                y=y,
                label_x=left - 8,
                label_y=f"{float(y) + 4:.1f}",
                mark=f"{mark:g}",
            )
        )
    path = " ".join(",".join(place(point)) for point in points)
    drawn.append(Markup('<polyline class="line" points="{}"/>').format(path))
    if len(points) <= 40:
        drawn += [
            Markup('<circle class="dot" cx="{}" cy="{}" r="3"/>').format(*place(point)) for point in points
        ]
    for value in dict.fromkeys((first, last)):
        drawn.append(
            Markup('<text class="tick" x="{}" y="{}">{}</text>').format(
                place((value, marks[0]))[0], top + height + 18, f"{value:g}"
            )
        )
    said = f"{label}: from {ys[0]:.{digits}f} to {ys[-1]:.{digits}f}"
    return canvas("curve", top + height + 26, said, drawn, width)


def track(expected: float, model: float, popular: float, most: float) -> Markup:
    """Draw one relation's shares, of best-sellers, expected and the model's, on a scale up to ``most``."""
    width, height = 240, 22

    def x(share: float) -> str:
        return f"{6 + (share / (most or 1)) * (width - 12):.1f}"

    drawn = [
        Markup('<line class="rail" x1="6" x2="{}" y1="11" y2="11"/>').format(width - 6),
        Markup('<line class="way" x1="{}" x2="{}" y1="11" y2="11"/>').format(x(popular), x(expected)),
        Markup('<line class="popular" x1="{0}" x2="{0}" y1="5" y2="17"/>').format(x(popular)),
        Markup('<line class="expected" x1="{0}" x2="{0}" y1="3" y2="19"/>').format(x(expected)),
    ]
    if not math.isnan(model):
        drawn.append(Markup('<circle cx="{}" cy="11" r="5"/>').format(x(model)))
    said = f"best-sellers {popular:.0%}, expected {expected:.0%}, model {model:.0%}"
    return canvas("track", height, said, drawn, width)


def canvas(kind: str, height: float, label: str, drawn: Sequence[Markup], width: int = _WIDTH) -> Markup:
    """Wrap shapes in an SVG that scales with the page and reads as one image."""
    return Markup('<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        kind, width, f"{height:g}", label, Markup("").join(drawn)
    )
