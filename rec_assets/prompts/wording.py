"""The wording of a model's prompts: its texts, and how much of a history they show."""

from dataclasses import asdict, dataclass
from pathlib import Path

from rec_assets.files import read_json, write_json
from rec_assets.prompts.template import Template

WORDING = "wording.json"  # beside the prompts, and beside every model trained on them


@dataclass(frozen=True)
class Wording:
    """What turns a customer into a prompt.

    Parameters
    ----------
    template
        The texts, of attributes that this retailer told when the model was trained.
    history
        Newest SKUs shown.
    """

    template: Template
    history: int

    def save(self, folder: Path) -> None:
        """Write ``wording.json`` into a folder."""
        write_json(asdict(self), folder / WORDING)


def read_wording(folder: Path) -> Wording:
    """Read the wording of a folder of prompts, or of a recommender.

    Raises
    ------
    TableError
        When the folder has none.
    """
    told = read_json(folder / WORDING)
    template = told["template"]
    return Wording(Template(**{**template, "header": tuple(template["header"])}), told["history"])
