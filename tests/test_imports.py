"""Which room may import which, and what a light import must not drag in."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def test_import_contracts_are_kept() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    ended = subprocess.run([program, "--no-cache"], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        # The command line answers --help without loading PyTorch; Dagster loads the graph every few seconds.
        ("rec_assets.cli", "torch"),
        ("orchestration.definitions", "torch"),
        ("rec_assets.pipeline", "torch"),
        ("rec_assets.cli", "dagster"),
    ],
)
def test_light_modules_stay_light(module: str, heavy: str) -> None:
    asked = f"import sys, {module}; sys.exit({heavy!r} in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", asked], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, f"importing {module} imports {heavy}\n{ended.stderr}"
