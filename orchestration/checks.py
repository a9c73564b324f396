"""Blocking asset checks: one for each check that a stage declares."""

import dagster as dg

from rec_assets.pipeline import Stage, StageReport


def check_specs(stage: Stage) -> list[dg.AssetCheckSpec]:
    """Declare the checks of a stage; a failed one keeps everything downstream from running."""
    return [
        dg.AssetCheckSpec(name, asset=stage.name, description=_sentence(name), blocking=True)
        for name in stage.checks
    ]


def check_results(report: StageReport) -> list[dg.AssetCheckResult]:
    """Tell Dagster how each check ended."""
    return [
        dg.AssetCheckResult(
            check_name=check.name,
            passed=check.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=check.description,
            metadata={key: str(value) for key, value in check.metadata.items()},
        )
        for check in report.checks
    ]


def _sentence(name: str) -> str:
    words = name.replace("_", " ")
    return f"{words[0].upper()}{words[1:]}; blocks everything downstream when it fails."
