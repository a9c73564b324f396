"""A base model and its tokenizer, loaded once and shared by every classifier that reads with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from rec_assets.backbone.layers import plain_model
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.backbone.trim import LogitScaling, effective_weight
from rec_assets.heads.errors import HeadError

_LOGITS = 1 << 24  # logits held at once: 64 MiB in float32


class LanguageModel:
    """A causal language model in evaluation mode, and its tokenizer.

    Copies of an estimator share it: a deep copy is the object itself, and pickling one that was loaded from a
    folder stores the folder.

    Parameters
    ----------
    model
        A causal language model of transformers, PEFT's wrapper of one, or only its decoder.
    tokenizer
        Its tokenizer.
    folder
        Where both came from, if they are still as they lie there.
    """

    def __init__(self, model: Any, tokenizer: Any, folder: Path | None = None) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.folder = folder
        self.memory: dict[Any, torch.Tensor] | None = None

    @contextmanager
    def remembering(self, memory: dict[Any, torch.Tensor] | None) -> Iterator[None]:
        """Keep pooled states inside the block: what several heads read alike is computed once.

        Parameters
        ----------
        memory
            Where they are kept; none: nowhere, for texts that no other head reads.
        """
        before, self.memory = self.memory, memory
        try:
            yield
        finally:
            self.memory = before

    @classmethod
    def load(cls, folder: Path | str) -> "LanguageModel":
        """Load a checkpoint's folder, or give the copy that is loaded already."""
        return _load(Path(folder).resolve())

    @classmethod
    def of(cls, base: "LanguageModel | Path | str | None") -> "LanguageModel":
        """Give a model as it is, load it from a folder, or, of none, load the workspace's base model."""
        if isinstance(base, LanguageModel):
            return base
        if base is None:
            from rec_assets.workspace import Workspace

            return cls.load(Workspace.find().base_model)
        return cls.load(base)

    def __deepcopy__(self, memo: dict[int, Any]) -> "LanguageModel":
        return self

    def __reduce__(self) -> Any:
        if self.folder is not None:
            return LanguageModel.load, (self.folder,)
        return LanguageModel, (self.model, self.tokenizer, None)

    @property
    def decoder(self) -> Any:
        """The layers without the vocabulary's head."""
        return plain_model(self.model).get_decoder()

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return next(self.decoder.parameters()).device

    @property
    def vocabulary(self) -> int:
        """Rows of the vocabulary's head."""
        head = self.head
        # A 4-bit weight's shape is that of its packed bytes; PEFT's wrapper of rows tells no size.
        return int(getattr(head, "out_features", None) or effective_weight(head)[0].shape[0])

    @property
    def head(self) -> Any:
        """The vocabulary's head.

        Raises
        ------
        HeadError
            When the model was stored without it.
        """
        inner = plain_model(self.model)
        head = inner.get_output_embeddings() if hasattr(inner, "get_output_embeddings") else None
        if head is None:
            raise HeadError(
                "This model holds no vocabulary head, only a trimmed one.",
                "Load the base model for other labels, words of several tokens, or the channel mode.",
            )
        return head

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Score the whole vocabulary: states (M, d) to logits (M, V), float32."""
        head = self.head
        # A quantised head multiplies in its own number format; a plain one in that of its weight.
        weight = next((one for one in head.parameters() if one.is_floating_point()), None)
        weight = next(self.decoder.parameters()) if weight is None else weight
        scaling = LogitScaling.of(plain_model(self.model).config)
        logits: torch.Tensor = scaling(head(states.to(weight.device, weight.dtype)))
        return logits.float()

    @torch.no_grad()
    def log_partition(self, states: torch.Tensor) -> torch.Tensor:
        """Logarithm of the sum of exponentials over the vocabulary, states (M, d) to (M,)."""
        chunks = states.split(max(1, _LOGITS // self.vocabulary))
        return torch.cat([self.logits(chunk).logsumexp(dim=-1) for chunk in chunks])

    @torch.no_grad()
    def log_probabilities(self, states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Log-probability of one token after each state: (M, d) and (M,) to (M,)."""
        size = max(1, _LOGITS // self.vocabulary)
        found = []
        for chunk, wanted in zip(states.split(size), tokens.split(size), strict=True):
            logits = self.logits(chunk)
            found.append(logits.gather(1, wanted[:, None].to(logits.device))[:, 0] - logits.logsumexp(dim=-1))
        return torch.cat(found)


@lru_cache(maxsize=2)
def _load(folder: Path) -> LanguageModel:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return LanguageModel(load_base(folder, device=device), load_tokenizer(folder), folder)
