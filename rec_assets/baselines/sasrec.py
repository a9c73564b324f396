"""SASRec: a causal transformer that predicts the next SKU at every place."""

from torch import Tensor
from transformers import GPT2Config, GPT2Model, PreTrainedModel

from rec_assets.baselines.sequential import HEADS, INITIAL_SD, LAYERS, LENGTH, Sequential, cross_entropy

DROPOUT = 0.3


class SasRec(Sequential):
    """Self-attentive sequential recommendation (arXiv 1808.09781), with a softmax over all sold SKUs.

    The full softmax in place of the paper's binary loss with sampled negatives is what makes it strong
    (arXiv 2309.07602).
    """

    def _network(self, vocabulary: int) -> PreTrainedModel:
        config = GPT2Config(
            vocab_size=vocabulary + 2,
            n_positions=LENGTH + 1,
            n_embd=self.width,
            n_layer=LAYERS,
            n_head=HEADS,
            activation_function="relu",
            resid_pdrop=DROPOUT,
            embd_pdrop=DROPOUT,
            attn_pdrop=DROPOUT,
            bos_token_id=None,
            eos_token_id=None,
            use_cache=False,
            initializer_range=INITIAL_SD,
        )
        return GPT2Model(config)

    def _hidden(self, rows: Tensor) -> Tensor:
        # Padding stands on the right, where causal attention from real places never looks.
        return self.network(rows).last_hidden_state  # (B, T, d)

    def _loss(self, rows: Tensor) -> Tensor:
        inputs, targets = rows[:, :-1], rows[:, 1:]
        real = targets != self.padding
        return cross_entropy(self._hidden(inputs)[real], self._items(), targets[real])

    def _next(self, rows: Tensor, lengths: Tensor) -> Tensor:
        hidden = self._hidden(rows)
        return hidden[range(len(rows)), lengths - 1] @ self._items().T
