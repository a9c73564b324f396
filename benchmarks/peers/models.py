"""RecTools' models with one recipe: 50 newest SKUs, sampled softmax, stopped by validation NDCG@10.

Sizes of SASRec and eSASRec are those that eSASRec's authors used on Beauty (arXiv 2508.06450): one block, one
head, width 256, 256 uniform negatives. eSASRec is SASRec with LiGR blocks. The others keep RecTools' two
blocks and four heads: BERT4Rec masks and reads both ways; HSTU has its pointwise attention, without relative
time, as the data has no clock, and a temperature of 0.05: RecTools compares with the cosine there, and a
softmax over cosines cannot become sharp without one.
"""

from typing import Any, Literal

import pandas as pd
from pytorch_lightning import Trainer
from real_places import RealPlaces, RealTargets
from rectools import Columns
from rectools.models import BERT4RecModel, HSTUModel, SASRecModel
from rectools.models.nn.transformers.base import TransformerModelBase
from rectools.models.nn.transformers.ligr import LiGRLayers
from stopping import StopByNdcg

Precision = Literal["32-true", "bf16-mixed"]

COMMON: dict[str, Any] = {
    "n_blocks": 2,
    "n_heads": 4,
    "n_factors": 256,
    "dropout_rate": 0.2,
    "session_max_len": 50,
    "loss": "sampled_softmax",
    "n_negatives": 256,
    "lr": 1e-3,
    "batch_size": 128,
    "use_key_padding_mask": True,
    "lightning_module_type": RealPlaces,
    "verbose": 1,
}
ONE_BLOCK = {"n_blocks": 1, "n_heads": 1}
LIGR = {"ff_factors_multiplier": 4, "bias_in_ff": False, "ff_activation": "swiglu"}
MODELS: dict[str, tuple[type[TransformerModelBase], dict[str, Any]]] = {
    "rectools_sasrec": (SASRecModel, ONE_BLOCK),
    "rectools_esasrec": (
        SASRecModel,
        {**ONE_BLOCK, "transformer_layers_type": LiGRLayers, "transformer_layers_kwargs": LIGR},
    ),
    "rectools_bert4rec": (BERT4RecModel, {"mask_prob": 0.2}),
    "rectools_hstu": (
        HSTUModel,
        {
            "relative_time_attention": False,
            "lightning_module_type": RealTargets,
            "lightning_module_kwargs": {"logits_t": 0.05},
        },
    ),
}


def newest(interactions: pd.DataFrame) -> pd.Series:
    """Mark each customer's newest purchase: the validation SKU."""
    order = interactions.groupby(Columns.User)[Columns.Datetime].rank(ascending=False, method="first")
    return order <= 1


def trainer(epochs: int, patience: int, precision: Precision) -> Trainer:
    """Make a trainer on the CPU that stops by validation NDCG@10 and writes no files."""
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        deterministic=True,
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[StopByNdcg(patience)],
    )


def build(
    name: str, epochs: int, patience: int, precision: Precision, **changes: Any
) -> TransformerModelBase:
    """Make a model by its name in the benchmark; ``changes`` are of its recipe."""
    kind, own = MODELS[name]
    return kind(
        **{**COMMON, **own, **changes},
        get_val_mask_func=newest,
        get_trainer_func=trainer,
        get_trainer_func_kwargs={"epochs": epochs, "patience": patience, "precision": precision},
    )
