"""Which model answers: the champion, around the newest vocabulary that continues its own."""

from pathlib import Path

from rec_assets.files import read_json
from rec_assets.registry.champion import read_champion
from rec_assets.registry.versions import version_folder
from rec_assets.vocabulary.registry import extends
from rec_assets.workspace import Workspace


def serving_model(workspace: Workspace) -> tuple[Path, Path, Path]:
    """Folders of the recommender, the base model and the vocabulary that answer now.

    Before the first promotion they are those of the newest training.
    """
    champion = read_champion(workspace)
    if champion is None:
        return workspace.recommender, workspace.base_model, workspace.vocabulary
    version = version_folder(workspace, champion.version)
    return version / "recommender", version / "base", vocabulary_for(workspace, version)


def lists_of(workspace: Workspace) -> str | None:
    """Name the champion that the lists in ``data/recommendations`` are of; None where there are none."""
    record = workspace.recommendations / "model.json"
    listed: str | None = read_json(record)["champion"] if record.exists() else None
    return listed


def vocabulary_for(workspace: Workspace, version: Path) -> Path:
    """Give the newest vocabulary if it continues the version's: then new arrivals can be ranked."""
    own = version / "vocabulary"
    return workspace.vocabulary if extends(workspace.vocabulary, own) else own
