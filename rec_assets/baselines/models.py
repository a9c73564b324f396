"""Every baseline by the name that ``baselines.models`` uses."""

from collections.abc import Callable

from rec_assets.baselines.base import Baseline
from rec_assets.baselines.bert4rec import Bert4Rec
from rec_assets.baselines.collaborative import ease, implicit_als, item_knn, user_knn
from rec_assets.baselines.rules import Popular, PopularInCategory, RecentlyPopular, Repeat
from rec_assets.baselines.sasrec import SasRec
from rec_assets.baselines.successors import BoughtNext
from rec_assets.baselines.titles import TitleNeighbours
from rec_assets.errors import ParamsError
from rec_assets.params import Params


def _sequential(params: Params) -> dict[str, int]:
    return {
        "width": params.baselines.sequential_width,
        "epochs": params.baselines.sequential_epochs,
        "seed": params.run.seed,
        "threads": params.run.threads,
    }


MODELS: dict[str, Callable[[Params], Baseline]] = {
    "popular": lambda _: Popular(),
    "recently_popular": lambda params: RecentlyPopular(params.baselines.recent_days),
    "popular_in_category": lambda _: PopularInCategory(),
    "repeat": lambda _: Repeat(),
    "title_knn": lambda _: TitleNeighbours(),
    "item_knn": lambda params: item_knn(params.run.seed, params.run.threads),
    "user_knn": lambda params: user_knn(params.run.seed, params.run.threads),
    "implicit_als": lambda params: implicit_als(params.run.seed, params.run.threads),
    "ease": lambda params: ease(params.run.seed, params.run.threads, params.baselines.ease_max_items),
    "bought_next": lambda _: BoughtNext(),
    "sasrec": lambda params: SasRec(**_sequential(params)),
    "bert4rec": lambda params: Bert4Rec(**_sequential(params)),
}


def chosen(params: Params) -> dict[str, Baseline]:
    """Make the baselines that ``baselines.models`` names, in its order.

    Raises
    ------
    ParamsError
        When it names an unknown baseline.
    """
    unknown = [name for name in params.baselines.models if name not in MODELS]
    if unknown:
        raise ParamsError(
            f"baselines.models names {', '.join(map(repr, unknown))}, which no baseline is called.",
            f"Choose from: {', '.join(MODELS)}.",
        )
    return {name: MODELS[name](params) for name in params.baselines.models}
