"""Weights & Biases behind one small interface: one run per pipeline run, offline unless a key is set.

The local registry and DVC are the truth; W&B gets configuration, data versions, metrics, curves and reports.
"""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import pandas as pd
import yaml

from rec_assets.errors import CouturierError
from rec_assets.files import read_json
from rec_assets.params import Params
from rec_assets.workspace import Workspace

RUN_ID = "COUTURIER_RUN_ID"
TABLE_ROWS = 2000

Mode = Literal["offline", "online", "disabled"]

_kept_open = False


class Tracker(Protocol):
    """Where a run's story is written; as a context manager it finishes at the end of the block."""

    def __enter__(self) -> Self:
        """Give itself."""

    def __exit__(self, *_: object) -> None:
        """Finish."""

    def config(self, values: Mapping[str, Any]) -> None:
        """Record what the run was asked to do."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record numbers: a point of each curve at ``step``, or the run's final figures without one."""

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Record a table, at most its first 2,000 rows."""

    def image(self, name: str, path: Path) -> None:
        """Record a picture."""

    def file(self, path: Path) -> None:
        """Record a file that stays where it is."""

    def finish(self) -> None:
        """End this part of the run."""


class _Block:
    """``with tracker(...)``: finish, whatever happened."""

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Finish."""
        self.finish()

    def finish(self) -> None:
        """End this part of the run."""
        raise NotImplementedError


class NullTracker(_Block):
    """Writes nothing: for ``tracking.mode: disabled``, processes other than the first, and tests."""

    def config(self, values: Mapping[str, Any]) -> None:
        """Drop them."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Drop them."""

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Drop it."""

    def image(self, name: str, path: Path) -> None:
        """Drop it."""

    def file(self, path: Path) -> None:
        """Drop it."""

    def finish(self) -> None:
        """Nothing is open."""


class WandbTracker(_Block):
    """Writes to one W&B run; several stages and processes of a pipeline run share its id.

    Parameters
    ----------
    workspace
        Local files go to ``wandb/`` in its root, or to ``WANDB_DIR``.
    project
        The W&B project.
    mode
        ``offline`` touches no network; ``wandb sync`` uploads such a run later.
    job_type
        What this part of the run does.
    """

    def __init__(self, workspace: Workspace, project: str, mode: Mode, job_type: str) -> None:
        folder = Path(os.environ.get("WANDB_DIR", workspace.root))
        os.environ.setdefault("WANDB_SILENT", "true")
        # Files handed over are staged here until a sync, not in the user's home.
        os.environ.setdefault("WANDB_DATA_DIR", str(folder / "wandb"))
        os.environ.setdefault("WANDB_CACHE_DIR", str(folder / "wandb" / "cache"))
        import wandb

        self._wandb = wandb
        identity = run_id(workspace)
        if wandb.run is not None and wandb.run.id == identity:
            self._run = wandb.run
            return
        try:
            self._run = wandb.init(
                project=project,
                id=identity,
                name=identity,
                dir=folder,
                mode=mode,
                job_type=job_type,
                resume="allow",
                settings=wandb.Settings(silent=True, console="off"),
            )
        except wandb.errors.Error as error:
            raise CouturierError(
                f"Weights & Biases refused the run: {error}.",
                "Check WANDB_API_KEY and the network, or set tracking.mode: offline in params.yaml.",
            ) from error

    def config(self, values: Mapping[str, Any]) -> None:
        """Record what the run was asked to do."""
        self._run.config.update(dict(values), allow_val_change=True)

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record a point of each curve at ``step``, or final figures without one."""
        if step is None:
            self._run.summary.update(dict(values))
        else:
            self._run.log(dict(values), step=step)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Record a table, at most its first 2,000 rows."""
        self._run.log({name: self._wandb.Table(dataframe=frame.head(TABLE_ROWS))})

    def image(self, name: str, path: Path) -> None:
        """Record a picture."""
        self._run.log({name: self._wandb.Image(str(path))})

    def file(self, path: Path) -> None:
        """Record a file as an artefact of its own; ``add_file`` keeps its content until a sync."""
        artefact = self._wandb.Artifact(f"{path.stem}-{self._run.id}", type="report")
        artefact.add_file(str(path), skip_cache=True)
        self._run.log_artifact(artefact)

    def finish(self) -> None:
        """End the run, unless :func:`one_run` keeps it open for later stages."""
        if not _kept_open:
            self._run.finish()


def tracker(workspace: Workspace, params: Params, job_type: str) -> Tracker:
    """Open the pipeline run's tracker for one job.

    Parameters
    ----------
    workspace
        Holds ``params.yaml`` and receives ``wandb/``.
    params
        Its ``tracking`` section.
    job_type
        What is being done: ``training``, ``report``.
    """
    mode = tracking_mode(params)
    first_process = os.environ.get("RANK", "0") == "0"  # accelerate and torchrun number theirs
    if mode == "disabled" or not first_process:
        return NullTracker()
    return WandbTracker(workspace, params.tracking.project, mode, job_type)


def tracking_mode(params: Params) -> Mode:
    """``offline``, ``online`` or ``disabled``: ``auto`` goes online only with a key."""
    if params.tracking.mode != "auto":
        return params.tracking.mode
    return "online" if os.environ.get("WANDB_API_KEY") else "offline"


def inside_a_run() -> bool:
    """Whether a pipeline run started this process, and tracks its reports itself."""
    return RUN_ID in os.environ


def run_id(workspace: Workspace) -> str:
    """Id shared by all processes of a pipeline run.

    ``COUTURIER_RUN_ID``, else a hash of what the run is made from: ``params.yaml`` and the record of the
    files read. ``dvc repro`` starts each stage by itself, and two stages of one run have nothing else in
    common.
    """
    given = os.environ.get(RUN_ID)
    if given:
        return "".join("-" if character in "/\\#?%:" else character for character in given)
    made_from = [path for path in (workspace.params_file, workspace.raw / "source.json") if path.exists()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_from)).hexdigest()[:12]


@contextmanager
def one_run(identity: str) -> Iterator[None]:
    """Give every tracker of this process, and of those it starts, one run; it ends with the block."""
    global _kept_open
    before = os.environ.get(RUN_ID)
    os.environ[RUN_ID] = identity
    _kept_open = True
    try:
        yield
    finally:
        _kept_open = False
        if before is None:
            del os.environ[RUN_ID]
        else:
            os.environ[RUN_ID] = before
        wandb = sys.modules.get("wandb")
        if wandb is not None and wandb.run is not None:
            wandb.run.finish()


def track_reports(workspace: Workspace, params: Params) -> None:
    """Record the whole run: configuration, data versions, metrics, curves, plots and reports."""
    with tracker(workspace, params, "report") as open_run:
        open_run.config({"params": params.model_dump(mode="json"), "data_versions": data_versions(workspace)})
        reports = workspace.reports
        told = {
            "metrics": "metrics",
            "promotion": "promotion",
            "trends": "trends/trends",
            "attribute_heads": "heads/heads",
            "customer_heads": "customer_heads/heads",
        }
        for name, file in told.items():
            if (path := reports / f"{file}.json").exists():
                open_run.metrics(flatten(read_json(path), name))
        if (curve := reports / "training_curve.csv").exists():
            open_run.table("training_curve", pd.read_csv(curve))
        for path in sorted(reports.rglob("*.png")):
            open_run.image(path.relative_to(reports).with_suffix("").as_posix(), path)
        for name in ("report.html", "metrics.json", "promotion.json"):
            if (reports / name).exists():
                open_run.file(reports / name)


def data_versions(workspace: Workspace) -> dict[str, str]:
    """MD5 of every output that ``dvc.lock`` records, by path; empty without one."""
    lock = workspace.root / "dvc.lock"
    if not lock.exists():
        return {}
    stages = (yaml.safe_load(lock.read_text()) or {}).get("stages", {})
    return {
        out["path"]: out["md5"] for entry in stages.values() for out in entry.get("outs", ()) if "md5" in out
    }


def flatten(values: Any, prefix: str) -> dict[str, float]:
    """Numbers in nested JSON by their slash-separated path.

    Examples
    --------
    >>> flatten({"model": {"ndcg@10": 0.5, "name": "x"}, "rows": [1]}, "metrics")
    {'metrics/model/ndcg@10': 0.5, 'metrics/rows/0': 1}
    """
    if isinstance(values, bool) or values is None or isinstance(values, str):
        return {}
    if isinstance(values, int | float):
        return {prefix: values}
    items = values.items() if isinstance(values, dict) else enumerate(values)
    return {
        key: number for name, inner in items for key, number in flatten(inner, f"{prefix}/{name}").items()
    }
