"""Whether a stored model learnt from purchases that a run holds out."""

from collections.abc import Mapping
from typing import Any

VALIDATION = "validation_start"
TEST = "as_of"


def learnt_ahead(model: Mapping[str, Any], run: Mapping[str, Any], date: str) -> bool:
    """Tell whether a model learnt from purchases after a date of a run's windows.

    Both are ``windows.json``. Models of one source without dates held out each customer's last purchases of
    the time, and never learnt ahead; where one has dates and the other has none, nobody knows.

    Parameters
    ----------
    model
        Windows the model was trained with.
    run
        Windows of the run that would start from it, or judge it.
    date
        The end of what the run may have learnt from: :data:`VALIDATION` for one that goes on training,
        :data:`TEST` for one that judges.

    Examples
    --------
    >>> learnt_ahead({"as_of": "2025-03-01"}, {"as_of": "2025-02-01"}, TEST)
    True
    >>> learnt_ahead({"as_of": "2025-03-01"}, {"as_of": "2025-03-01"}, TEST)
    False
    """
    until, start = model.get(date), run.get(date)
    if until is None or start is None:
        return (until is None) != (start is None)
    return bool(until > start)
