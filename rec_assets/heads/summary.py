"""What a stage tells of the heads it judged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from rec_assets.heads.verdict import MAJORITY
from rec_assets.pipeline import StageReport


def summarised(
    judged: Mapping[str, Mapping[str, Any]], skipped: Mapping[str, str], reports: Path
) -> StageReport:
    """Make a report without checks.

    Parameters
    ----------
    judged
        Figures by head, as :func:`rec_assets.heads.head_page.write_page` gives them.
    skipped
        Why the others were left out.
    reports
        Folder of the heads' pages.
    """
    rules = {name: ("head", MAJORITY, one["baseline"]) for name, one in judged.items()}
    table = pd.DataFrame(
        [
            {"head": name, "classifier": rule} | judged[name][rule]
            for name, own in rules.items()
            for rule in own
        ],
        columns=["head", "classifier", "accuracy", "macro_f1", "calibration_error"],
    )
    told = [f"{name}: accuracy {one['head']['accuracy']:.3f}" for name, one in judged.items()]
    told += [f"{name}: left out, {reason}" for name, reason in skipped.items()]
    return StageReport(
        summary="; ".join(told) + "." if told else "No heads are configured (heads in params.yaml).",
        rows={
            f"{name} {part}": one["rows"][part]
            for name, one in judged.items()
            for part in ("train", "test")
            if part in one["rows"]
        },
        metrics={
            f"{name}_{score}": value for name, one in judged.items() for score, value in one["head"].items()
        },
        tables={"classifiers": table},
        plots=[
            reports / name / f"{kind}_{name}.png" for name in judged for kind in ("confusion", "calibration")
        ],
    )
