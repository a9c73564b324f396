"""DVC through its command line: which stages changed, recording their outputs, and ``dvc.yaml``'s text.

DVC lives in an environment of its own. It needs antlr4 4.9 where Dagster's ``--select`` needs 4.13, and pip
does not see that clash, so neither is imported beside the other.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from rec_assets.errors import VersioningError
from rec_assets.pipeline import STAGES, Stage
from rec_assets.workspace import Workspace

LOCK_SECONDS = 600.0
"""How long to wait for another process of ours that is talking to DVC."""

HEADER = """\
# Written from rec_assets/pipeline.py by `make dvc.yaml`: change the graph there. A test compares the two.
"""


def find_dvc(workspace: Workspace) -> Path:
    """Find DVC: ``COUTURIER_DVC``, the workspace's ``.venv-dvc``, beside this Python, then ``PATH``.

    Raises
    ------
    VersioningError
        When it is in none of them, or ``COUTURIER_DVC`` names no file.
    """
    if named := os.environ.get("COUTURIER_DVC"):
        if not Path(named).is_file():
            raise VersioningError(
                f"COUTURIER_DVC is {named!r}, which is not a file.", "Set it to the path of the dvc command."
            )
        return Path(named)
    for folder in (workspace.root / ".venv-dvc" / "bin", Path(sys.executable).parent):
        if (folder / "dvc").is_file():
            return folder / "dvc"
    if found := shutil.which("dvc"):
        return Path(found)
    raise VersioningError(
        f"DVC was not found: no COUTURIER_DVC, no {workspace.root / '.venv-dvc'}, none on PATH.",
        "Run `make install`, or set COUTURIER_DVC to a dvc command.",
    )


def changed_stages(workspace: Workspace) -> list[str]:
    """Stages whose inputs, parameters, code or outputs differ from ``dvc.lock``, in running order.

    Raises
    ------
    VersioningError
        When DVC is missing or cannot read the workspace.
    """
    changed = json.loads(_dvc(workspace, "status", "--json"))
    return [stage.name for stage in STAGES if stage.name in changed]


def commit(workspace: Workspace, *stages: str) -> None:
    """Record what lies on disk for ``stages`` in ``dvc.lock``, and copy their outputs to DVC's cache.

    Raises
    ------
    VersioningError
        When DVC is missing, an input or output of a stage is missing, or another DVC command runs.
    """
    _dvc(workspace, "commit", "--force", *stages)


def render_dvc_yaml() -> str:
    """Write the graph the way DVC reads it; deterministic.

    Metrics and plots are named in sections of their own, not under the stage: they are outputs already,
    and DVC refuses a path that two entries claim.
    """
    document: dict[str, Any] = {"stages": {stage.name: _entry(stage) for stage in STAGES}}
    document["metrics"] = [path for stage in STAGES for path in stage.metrics]
    document["plots"] = [path for stage in STAGES for path in stage.plots]
    return HEADER + yaml.safe_dump(document, sort_keys=False, width=110)


def _entry(stage: Stage) -> dict[str, Any]:
    deps = [*stage.inputs, *stage.code]
    if stage.reads_source:
        deps.append("${source.path}")
    if stage.name == "prompts":
        deps.append("${prompts.template}")
    return {
        "desc": stage.description,
        "cmd": f"couturier stage {stage.name}",
        "deps": sorted(set(deps)),
        "params": sorted(stage.sections),
        "outs": sorted(stage.outputs),
    }


def _dvc(workspace: Workspace, *arguments: str) -> str:
    command = find_dvc(workspace)
    if not (workspace.root / ".dvc").is_dir():
        raise VersioningError(f"{workspace.root} is not a DVC repository.", "Run `dvc init` in it.")
    with _alone(workspace):
        ended = subprocess.run(
            [command, *arguments],
            cwd=workspace.root,
            env={**os.environ, "DVC_NO_ANALYTICS": "1"},
            capture_output=True,
            text=True,
        )
    if ended.returncode:
        said = ended.stderr.strip() or ended.stdout.strip()
        raise VersioningError(f"`dvc {' '.join(arguments)}` failed in {workspace.root}: {said}", _cure(said))
    return ended.stdout


def _cure(said: str) -> str:
    if "Unsupported value of type 'date'" in said:
        return 'Put quotes around dates in params.yaml, as in as_of: "2026-01-31": DVC reads no bare ones.'
    if "acquire" in said and "lock" in said:
        return "Wait for the other DVC command to end, then try again."
    if "does not exist" in said:
        return "Run the stages that write it first: couturier run."
    return "Run the same command by hand; `dvc doctor` shows DVC's surroundings."


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    # DVC fails at once on a lock it finds taken; ours waits, so our own processes queue up.
    lock = workspace.root / ".dvc" / "tmp" / "couturier.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise VersioningError(
            f"Another Couturier process has held {lock} for {LOCK_SECONDS:.0f} seconds.",
            "Wait for it to end, or end it, then try again.",
        ) from error
