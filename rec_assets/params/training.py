"""Section ``training``: the fine-tune, its item vectors and its adapters."""

from typing import Literal

from pydantic import Field, model_validator

from rec_assets.params.sections import Precision, Section


class ItemVectors(Section):
    """How ID and title parts make one vector per SKU (mix-up, arXiv 2410.11327)."""

    co_purchase_weight: float = Field(
        1.5,
        ge=0,
        description="Length, in title lengths, of the co-purchase part that an ID part starts with.",
    )
    half_count: float = Field(5.0, gt=0, description="Purchases at which the ID part weighs half its limit.")
    id_limit: float = Field(1.0, gt=0, le=1, description="Weight of the ID part of an SKU sold without end.")
    id_dropout: float = Field(
        0.3, ge=0, lt=1, description="Share of SKUs a training step reads by title alone."
    )


class Lora(Section):
    """Low-rank adapters (arXiv 2106.09685; QLoRA: 2305.14314)."""

    rank: int = Field(32, ge=1, description="Width of the adapters.")
    alpha: int = Field(64, ge=1, description="Their output is scaled by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="On the adapters' input.")


class SkuBranches(Section):
    """Narrow decoders beside the language model's layers, which read SKUs alone."""

    copies: int = Field(2, ge=0, description="How many, alike but for their random start; 0: none.")
    layers: int = Field(2, ge=1, description="Decoder layers of each.")
    width: int = Field(384, ge=8, description="Of its states and item vectors; a multiple of heads.")
    heads: int = Field(6, ge=1, description="Of its attention.")
    dropout: float = Field(0.6, ge=0, lt=1, description="On their rows and on what each layer adds.")
    learning_rate: float = Field(1e-3, gt=0, description="Of their layers.")
    item_learning_rate: float = Field(5e-3, gt=0, description="Of their item vectors.")

    @model_validator(mode="after")
    def _share_the_width(self) -> "SkuBranches":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self


class Training(Section):
    """The fine-tune."""

    warm_start: bool = Field(
        True, description="Start from the weights of lineage.parent where they fit; false: anew."
    )
    method: Literal["qlora", "lora", "full"] = Field(
        "qlora", description="qlora: adapters on a 4-bit base; lora: on the base as it is; full: every layer."
    )
    epochs: int = Field(7, ge=1, description="At most; see patience.")
    patience: int = Field(3, ge=1, description="Epochs without a better validation NDCG@10 before stopping.")
    validation_customers: int | None = Field(
        2000, ge=1, description="Seeded sample judged after every epoch; none: every validation customer."
    )
    batch_tokens: int = Field(
        1024, ge=64, description="Tokens a batch; rows of nearly equal length share one."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Adapters, gates, fresh layers and norms.")
    item_learning_rate: float = Field(3e-4, gt=0, description="Item vectors.")
    weight_decay: float = Field(0.1, ge=0, description="AdamW's.")
    warmup_share: float = Field(0.05, ge=0, lt=1, description="Share of the steps that warm up.")
    dropout: float = Field(0.5, ge=0, lt=1, description="On the rows that enter and leave the layers.")
    gate: float | None = Field(0.1, description="Start of the per-channel residual gates; none: no gates.")
    fresh_layers: int = Field(1, ge=0, description="Randomly initialised layers after the pretrained ones.")
    candidates: int | None = Field(
        4000,
        ge=1,
        description="SKUs in the training softmax; smaller catalogues use all of theirs. none: always all.",
    )
    mask_seen: Literal["auto"] | bool = Field(
        "auto",
        description="Leave what a customer has bought out of the training softmax; auto: where fewer than "
        "1 % of the purchases repeat one.",
    )
    precision: Precision = Field("auto", description="auto: bf16 where it is fast.")
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = Field(
        "auto", description="Attention kernel; auto: PyTorch's own, and eager on a CPU in bf16."
    )
    gradient_checkpointing: bool = Field(False, description="Less memory for a third more time.")
    item_vectors: ItemVectors = ItemVectors()
    sku_branches: SkuBranches = SkuBranches()
    lora: Lora = Lora()
