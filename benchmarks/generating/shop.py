"""The workspace that every scheme learns in, and one of each scheme's own beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from harness.couturier import CHANGES, beauty_source
from harness.parameters import parameters
from harness.stages import make_workspace, run_until

from rec_assets import columns as c
from rec_assets.files import read_table
from rec_assets.ranking.holdout import seen_before_test
from rec_assets.workspace import Workspace


@dataclass(frozen=True)
class Shop:
    """Prompts, vocabulary and base model, and what is asked of a list.

    Parameters
    ----------
    workspace
        With stages run up to the vocabulary.
    registry
        The SKUs.
    train, test
        Prompts.
    targets
        What each test customer bought, as sets of SKUs.
    seen
        What each had bought before.
    listed
        ``(n,)``: SKUs that lists may hold.
    """

    workspace: Workspace
    registry: pd.DataFrame
    train: pd.DataFrame
    test: pd.DataFrame
    targets: list[set[str]]
    seen: list[list[str]]
    listed: np.ndarray

    def first(self, customers: int) -> "Shop":
        """Keep the first test customers; all of the training."""
        cut = slice(customers)
        return Shop(
            self.workspace,
            self.registry,
            self.train,
            self.test.iloc[cut].reset_index(drop=True),
            self.targets[cut],
            self.seen[cut],
            self.listed,
        )


def prepare(dataset: str, work: Path, customers: int | None, layers: int | None) -> Workspace:
    """Run the stages up to the vocabulary, those that have not run yet."""
    changes: dict[str, object] = {"base_model.layers": layers}
    if dataset == "beauty":
        changes |= CHANGES | {"source.path": str(beauty_source(customers, work))}
    elif customers:
        changes["source.synthetic.customers"] = customers
    workspace = make_workspace(work / "shop", parameters(changes))
    for stage in ("prompts", "vocabulary"):
        run_until(workspace, stage)
    return workspace


def open_shop(workspace: Workspace, customers: int | None) -> Shop:
    """Read a prepared workspace, with its first customers only where asked."""
    train = read_table(workspace.prompts / "train.parquet")
    test = read_table(workspace.prompts / "test.parquet")
    if customers:
        test = test.head(customers)
        train = train[train[c.CUSTOMER].isin(test[c.CUSTOMER])].reset_index(drop=True)
    bought = seen_before_test(workspace)
    registry = read_table(workspace.vocabulary / "registry.parquet")
    return Shop(
        workspace=workspace,
        registry=registry,
        train=train,
        test=test,
        targets=[set(basket) for basket in test[c.TARGETS]],
        seen=[bought.get(customer, []) for customer in test[c.CUSTOMER]],
        listed=registry[c.LISTED].to_numpy(copy=True),
    )


def own_workspace(shop: Workspace, root: Path) -> Workspace:
    """Make the workspace of one scheme around the shop's base model."""
    here = Workspace(root)
    here.base_model.parent.mkdir(parents=True, exist_ok=True)
    if not here.base_model.exists():
        here.base_model.symlink_to(shop.base_model.resolve())
    return here
