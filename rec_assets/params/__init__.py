"""Typed parameters, read from ``params.yaml``: one section per stage, no unknown keys."""

from rec_assets.params.behaviour import Behaviour
from rec_assets.params.changing import change_params
from rec_assets.params.document import Params
from rec_assets.params.heads import Head
from rec_assets.params.item_texts import ItemTexts
from rec_assets.params.promotion import Promotion
from rec_assets.params.ranking import Ranking
from rec_assets.params.reading import read_params
from rec_assets.params.sections import Precision, Section
from rec_assets.params.source import MISSING, OWN_NAMES, Source, Synthetic, TableMapping
from rec_assets.params.splits import Splits
from rec_assets.params.tracking import Tracking
from rec_assets.params.training import ItemVectors, SkuBranches, Training
from rec_assets.params.trends import Trends
from rec_assets.params.validation import Validation

__all__ = [
    "MISSING",
    "OWN_NAMES",
    "Behaviour",
    "Head",
    "ItemTexts",
    "ItemVectors",
    "Params",
    "Precision",
    "Promotion",
    "Ranking",
    "Section",
    "SkuBranches",
    "Source",
    "Splits",
    "Synthetic",
    "TableMapping",
    "Tracking",
    "Training",
    "Trends",
    "Validation",
    "change_params",
    "read_params",
]
