"""The evaluation's tables as the page and the terminal show them: the recommender beside the baselines."""

from dataclasses import dataclass

import pandas as pd

RECOMMENDER = "couturier"
HEADLINE = "ndcg@10"
METRICS = ("ndcg@10", "recall@10", "hit_rate@10", "precision@10", "map@10", "mrr@10", "revenue@10")
OF_LISTS = (
    "recall@200",
    "coverage@10",
    "novelty@10",
    "serendipity@10",
    "popularity_quantile@10",
    "gini@10",
    "diversity@10",
)


def model_table(metrics: pd.DataFrame, names: tuple[str, ...], *, masked: bool) -> pd.DataFrame:
    """Give one row per model, best first, one column per ``metric@k`` that was measured."""
    if metrics.empty:
        return pd.DataFrame()
    rows = metrics[metrics["masked"] == masked]
    if rows.empty:  # masked, where everything in the window was bought before
        return pd.DataFrame()
    named = rows.assign(name=rows["metric"] + "@" + rows["cutoff"].astype(str))
    wide = named.pivot(index="model", columns="name", values="value")
    order = HEADLINE if HEADLINE in wide else wide.columns[0]
    return wide.sort_values(order, ascending=False, kind="stable")[[name for name in names if name in wide]]


@dataclass(frozen=True)
class Lead:
    """The recommender's headline metric and its lead over one baseline."""

    mean: float
    low: float
    high: float
    against: str | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p_value: float | None


def headline(significance: pd.DataFrame, best_baseline: str | None) -> Lead | None:
    """Give the recommender's unmasked NDCG@10 beside the best baseline's; none before an evaluation."""
    if significance.empty:
        return None
    rows = significance[(significance["metric"] == HEADLINE) & ~significance["masked"]].set_index("model")
    if RECOMMENDER not in rows.index:
        return None
    own = rows.loc[RECOMMENDER].to_dict()
    score = (own["mean"], own["low"], own["high"])
    if best_baseline not in rows.index:
        return Lead(*score, None, None, None, None, None)
    rival = rows.loc[best_baseline].to_dict()
    return Lead(
        *score,
        best_baseline,
        rival["difference"],
        rival["difference_low"],
        rival["difference_high"],
        rival["p_value"],
    )


def slice_table(slices: pd.DataFrame, best_baseline: str | None, most: int = 8) -> dict[str, pd.DataFrame]:
    """Give by kind of slice the recommender's and the best baseline's NDCG@10, unmasked.

    Returns
    -------
    dict
        kind: frame with ``value``, ``customers``, ``purchases``, ``own``, its interval ``low`` to ``high``,
        ``best``, and the interval of the lead, ``lead_low`` to ``lead_high``; the ``most`` parts with the
        most purchases.
    """
    if slices.empty:
        return {}
    rows = slices[~slices["masked"]]
    own = rows[rows["model"] == RECOMMENDER]
    lead = {HEADLINE: "best", "difference_low": "lead_low", "difference_high": "lead_high"}
    best = rows[rows["model"] == best_baseline][["slice", "value", *lead]].rename(columns=lead)
    both = own.rename(columns={HEADLINE: "own"}).merge(best, on=["slice", "value"], how="left")
    columns = ["value", "customers", "purchases", "own", "low", "high", "best", "lead_low", "lead_high"]
    return {str(kind): part[columns].head(most) for kind, part in both.groupby("slice", sort=False)}
