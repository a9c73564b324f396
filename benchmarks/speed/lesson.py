"""What is learnt from: the training prompts of a workspace and a sample of its held-out purchases."""

from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from rec_assets import columns as c
from rec_assets.files import read_table
from rec_assets.params import Params, read_params
from rec_assets.training.items import row_encoder
from rec_assets.vocabulary.token_rows import RowEncoder, TokenRow
from rec_assets.workspace import Workspace


@dataclass(frozen=True)
class Lesson:
    """One set of data for every trainer.

    Parameters
    ----------
    workspace
        Where it lies.
    params
        Its parameters.
    registry
        ``n`` SKUs.
    encoder
        Of prompts.
    rows
        Token rows of the training prompts that hold a purchase to learn from.
    held_out
        Token rows of sampled validation customers.
    bought
        ``(len(held_out),)``: the ``sku_index`` each of them bought next.
    prompts, asked
        What ``rows`` and ``held_out`` were encoded from.
    """

    workspace: Workspace
    params: Params
    registry: pd.DataFrame
    encoder: RowEncoder
    rows: list[TokenRow]
    held_out: list[TokenRow]
    bought: Tensor
    prompts: pd.DataFrame
    asked: pd.DataFrame


def read_lesson(home: Path, judged: int, seed: int) -> Lesson:
    """Read a prepared workspace, with ``judged`` of its validation customers.

    Raises
    ------
    ValueError
        When its training rows ask for other things than the next purchase: a text cannot say that.
    """
    workspace = Workspace(home)
    params = read_params(workspace.params_file)
    registry = read_table(workspace.vocabulary / "registry.parquet")
    encoder = row_encoder(workspace, registry)
    prompts = read_table(workspace.prompts / "train.parquet")
    if c.ANSWERS in prompts:
        raise ValueError("the workspace's prompts.targets must be next_item alone")
    rows = encoder.encode(prompts)
    learnt = [bool((row.targets >= 0).any()) for row in rows]
    holdout = read_table(workspace.prompts / "validation.parquet")
    holdout = holdout.sample(min(judged, len(holdout)), random_state=seed).reset_index(drop=True)
    index = dict(zip(registry[c.SKU], registry[c.SKU_INDEX], strict=True))
    return Lesson(
        workspace=workspace,
        params=params,
        registry=registry,
        encoder=encoder,
        rows=list(compress(rows, learnt)),
        held_out=encoder.encode(holdout),
        bought=torch.tensor([index[basket[0]] for basket in holdout[c.TARGETS]]),
        prompts=prompts[learnt].reset_index(drop=True),
        asked=holdout,
    )
