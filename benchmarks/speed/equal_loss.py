"""Time to the same loss, read off two curves."""

from collections.abc import Sequence

Point = dict[str, float]


def common_loss(curves: Sequence[Sequence[Point]]) -> float:
    """Give the lowest loss that every curve reaches: the highest of their lowest ones."""
    return max(min(point["loss"] for point in curve) for curve in curves)


def reach(curve: Sequence[Point], loss: float, key: str = "seconds") -> float | None:
    """Say when a curve first comes down to a loss, on a straight line between its points.

    Nothing for a curve that starts there: how long that takes is not on it.

    Raises
    ------
    ValueError
        When it never does.
    """
    before = curve[0]
    if before["loss"] <= loss:
        return None
    for point in curve[1:]:
        if point["loss"] <= loss:
            share = (before["loss"] - loss) / (before["loss"] - point["loss"])
            return before[key] + share * (point[key] - before[key])
        before = point
    raise ValueError(f"the curve ends at {before['loss']:.4f}, above {loss:.4f}")


def pace(curve: Sequence[Point], key: str) -> float:
    """Give the ``key`` a second over the whole curve."""
    return curve[-1][key] / curve[-1]["seconds"]
