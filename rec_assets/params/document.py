"""The whole of ``params.yaml``: its sections, in the file's order."""

from pydantic import Field

from rec_assets.params.base_model import BaseModelSection
from rec_assets.params.baselines import Baselines
from rec_assets.params.behaviour import Behaviour
from rec_assets.params.evaluation import Evaluation
from rec_assets.params.heads import Head, shipped_heads
from rec_assets.params.item_texts import ItemTexts
from rec_assets.params.lineage import Lineage
from rec_assets.params.promotion import Promotion
from rec_assets.params.prompts import Prompts
from rec_assets.params.ranking import Ranking
from rec_assets.params.recommendations import Recommendations
from rec_assets.params.run import Run
from rec_assets.params.schedule import Schedule
from rec_assets.params.sections import Section
from rec_assets.params.source import Source
from rec_assets.params.splits import Splits
from rec_assets.params.tracking import Tracking
from rec_assets.params.training import Training
from rec_assets.params.trends import Trends
from rec_assets.params.validation import Validation
from rec_assets.params.vocabulary import Vocabulary


class Params(Section):
    """All of ``params.yaml``."""

    run: Run = Run()
    lineage: Lineage = Lineage()
    source: Source = Source()
    validation: Validation = Validation()
    splits: Splits = Splits()
    item_texts: ItemTexts = ItemTexts()
    behaviour: Behaviour = Behaviour()
    prompts: Prompts = Prompts()
    base_model: BaseModelSection = BaseModelSection()
    vocabulary: Vocabulary = Vocabulary()
    training: Training = Training()
    ranking: Ranking = Ranking()
    baselines: Baselines = Baselines()
    evaluation: Evaluation = Evaluation()
    heads: dict[str, Head] = Field(default_factory=shipped_heads)
    recommendations: Recommendations = Recommendations()
    trends: Trends = Trends()
    promotion: Promotion = Promotion()
    tracking: Tracking = Tracking()
    schedule: Schedule = Schedule()
