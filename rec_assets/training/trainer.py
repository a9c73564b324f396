"""The trainer of an SKU language model: its learning rates, and NDCG of one-pass ranking."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, TrainerCallback
from trl import SFTConfig

from rec_assets.params import Training
from rec_assets.recommender.build import sku_model
from rec_assets.recommender.row_trainer import RowTrainer
from rec_assets.recommender.storage import trained_tensors
from rec_assets.training.validation import Holdout, ndcg_at_10
from rec_assets.vocabulary.token_rows import TokenRow

NDCG = "eval_ndcg@10"


class RecommenderTrainer(RowTrainer):
    """Supervised fine-tuning whose loss is a softmax over SKUs; see :meth:`SkuLanguageModel.forward`.

    Parameters
    ----------
    model, args, rows, tokenizer, callbacks
        As in :class:`~rec_assets.recommender.row_trainer.RowTrainer`.
    settings
        Batches, learning rates and weight decay.
    holdout
        Customers whose lists are judged after each epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        args: SFTConfig,
        settings: Training,
        rows: Sequence[TokenRow],
        holdout: Holdout,
        tokenizer: PreTrainedTokenizerBase,
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        self._settings = settings
        self._holdout = holdout
        super().__init__(
            model,
            args,
            rows,
            tokenizer,
            batch_tokens=settings.batch_tokens,
            weight_decay=settings.weight_decay,
            callbacks=callbacks,
        )

    def learning_rate_of(self, name: str) -> float:
        """Give item vectors, and branches that read SKUs, learning rates of their own."""
        beside = ".branches." in f".{name}"
        settings = self._settings.sku_branches if beside else self._settings
        return settings.item_learning_rate if ".items." in f".{name}" else settings.learning_rate

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """NDCG@10 on the validation window, the whole catalogue ranked in one pass a customer."""
        with self.whole_parameters(), self.accelerator.autocast():
            value = ndcg_at_10(sku_model(self.model), self._holdout, self.args.device)
        return self.report({NDCG: value})

    def trained(self) -> dict[str, Tensor]:
        """Copy the trained tensors, gathered where they are sharded; every process has to call it."""
        with self.whole_parameters():
            return trained_tensors(self.model)
