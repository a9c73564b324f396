"""Where everything lies: the one map from an artefact's name to its path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rec_assets.errors import CouturierError


@dataclass(frozen=True)
class Workspace:
    """A folder that holds ``params.yaml``, ``dvc.yaml``, ``great_expectations/`` and ``data/``."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Workspace":
        """Take ``COUTURIER_HOME``, or the nearest folder upwards that holds ``params.yaml``.

        Raises
        ------
        CouturierError
            When ``COUTURIER_HOME`` is no folder, or no folder up to the root holds ``params.yaml``.
        """
        if home := os.environ.get("COUTURIER_HOME"):
            if not Path(home).is_dir():
                raise CouturierError(
                    f"COUTURIER_HOME is {home!r}, which is not a folder.", "Set it to the project's folder."
                )
            return cls(Path(home).resolve())
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "params.yaml").exists():
                return cls(folder)
        raise CouturierError(
            f"No params.yaml in {here} or above it.",
            "Change to the project's folder, or set COUTURIER_HOME to it.",
        )

    @property
    def params_file(self) -> Path:
        """The parameters of every stage."""
        return self.root / "params.yaml"

    @property
    def data(self) -> Path:
        """The root of everything the pipeline writes."""
        return self.root / "data"

    @property
    def raw(self) -> Path:
        """Canonical tables as the source adapter mapped them, unchecked, and ``source.json``."""
        return self.data / "raw"

    @property
    def truth(self) -> Path:
        """Planted relations of the synthetic retailer; an empty folder for real sources."""
        return self.data / "raw" / "truth"

    @property
    def validated(self) -> Path:
        """Canonical tables whose rows met every expectation."""
        return self.data / "validated"

    @property
    def quarantine(self) -> Path:
        """Rows set aside, each with the expectation it broke."""
        return self.data / "quarantine"

    @property
    def splits(self) -> Path:
        """``train.parquet``, ``validation.parquet``, ``test.parquet``, ``windows.json``."""
        return self.data / "splits"

    @property
    def item_texts(self) -> Path:
        """One clean text per SKU."""
        return self.data / "features" / "item_texts.parquet"

    @property
    def behaviour(self) -> Path:
        """``events.parquet``, ``articles.parquet``, ``customers.parquet``."""
        return self.data / "features" / "behaviour"

    @property
    def neighbours(self) -> Path:
        """Similar articles and customers, clusters of interest."""
        return self.data / "features" / "neighbours"

    @property
    def prompts(self) -> Path:
        """``train.parquet``, ``validation.parquet``, ``test.parquet``, ``latest.parquet``."""
        return self.data / "prompts"

    @property
    def vocabulary(self) -> Path:
        """``registry.parquet``, title and co-purchase vectors, and the extended ``tokenizer/``."""
        return self.data / "vocabulary"

    @property
    def base_model(self) -> Path:
        """The base model as plain safetensors, cut to the layers kept."""
        return self.data / "models" / "base"

    @property
    def recommender(self) -> Path:
        """The fine-tuned recommender: adapter, item vectors, gates, curves."""
        return self.data / "models" / "recommender"

    @property
    def checkpoints(self) -> Path:
        """Training checkpoints, kept until a training ends (not versioned)."""
        return self.data / "checkpoints"

    @property
    def heads(self) -> Path:
        """One folder per decoder-trimmed classifier."""
        return self.data / "models" / "heads"

    @property
    def baseline_rankings(self) -> Path:
        """One Parquet of ranked holdout lists per baseline."""
        return self.data / "rankings" / "baselines"

    @property
    def holdout_rankings(self) -> Path:
        """The recommender's ranked lists for the test customers: ``couturier.parquet``."""
        return self.data / "rankings" / "holdout"

    @property
    def recommendations(self) -> Path:
        """Ranked lists for every customer as of the newest data."""
        return self.data / "recommendations"

    @property
    def reports(self) -> Path:
        """JSON, tables, plots and the HTML page that people read."""
        return self.data / "reports"

    @property
    def registry(self) -> Path:
        """Champion pointer, model versions and the decisions taken (not versioned by DVC)."""
        return self.data / "registry"

    @property
    def expectations(self) -> Path:
        """The Great Expectations file context."""
        return self.root / "great_expectations"

    def relative(self, path: Path) -> str:
        """Give ``path`` as ``dvc.yaml`` names it."""
        return path.relative_to(self.root).as_posix()


_LOCK_SECONDS = 5.0


@contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Keep other runs out of the workspace; within one process it may be taken again.

    Raises
    ------
    CouturierError
        When another process holds it for longer than it takes one stage to follow another.
    """
    if os.environ.get("RANK", "0") != "0":  # accelerate's further processes belong to the first
        yield
        return
    workspace.data.mkdir(parents=True, exist_ok=True)
    lock = FileLock(workspace.data / ".run.lock", timeout=_LOCK_SECONDS, is_singleton=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise CouturierError(
            f"Another run works in {workspace.root}.",
            "Wait for it to end, or end it; it may be Dagster's (make ui).",
        ) from error
    try:
        yield
    finally:
        lock.release()
