"""BERT4Rec: a two-sided transformer that guesses masked SKUs."""

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, PreTrainedModel

from rec_assets.baselines.sequential import HEADS, INITIAL_SD, LAYERS, LENGTH, Sequential, cross_entropy

DROPOUT = 0.2
MASKED_SHARE = 0.3
LAST_ONLY = 0.3  # share of rows where only the last SKU is masked, as when ranking


class Bert4Rec(Sequential):
    """Bidirectional encoder for sequential recommendation (arXiv 1904.06690); softmax over all sold SKUs."""

    def _network(self, vocabulary: int) -> PreTrainedModel:
        config = BertConfig(
            vocab_size=vocabulary + 2,
            max_position_embeddings=LENGTH + 1,
            type_vocab_size=1,
            hidden_size=self.width,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * self.width,
            hidden_dropout_prob=DROPOUT,
            attention_probs_dropout_prob=DROPOUT,
            pad_token_id=vocabulary,
            initializer_range=INITIAL_SD,
        )
        return BertModel(config, add_pooling_layer=False)

    def _hidden(self, rows: Tensor) -> Tensor:
        real = rows != self.padding
        # Places count towards the end, as in the paper's left-padded rows: the SKU to guess when ranking
        # always stands at the last one, whatever the length of the history.
        places = torch.arange(rows.shape[1]) + LENGTH + 1 - real.sum(dim=1, keepdim=True)
        output = self.network(rows, attention_mask=real.long(), position_ids=places.clamp(max=LENGTH))
        return output.last_hidden_state  # (B, T, d)

    def _loss(self, rows: Tensor) -> Tensor:
        real = rows != self.padding
        last = torch.arange(rows.shape[1]) == real.sum(dim=1, keepdim=True) - 1  # (B, T)
        guessed = (torch.rand(rows.shape) < MASKED_SHARE) & real
        # A row without a mask teaches nothing; a row with nothing but its last one masked is the task itself.
        only_last = (torch.rand(len(rows), 1) < LAST_ONLY) | ~guessed.any(dim=1, keepdim=True)
        guessed = torch.where(only_last, last, guessed)
        hidden = self._hidden(rows.masked_fill(guessed, self.mask))
        return cross_entropy(hidden[guessed], self._items(), rows[guessed])

    def _next(self, rows: Tensor, lengths: Tensor) -> Tensor:
        asked = nn.functional.pad(rows, (0, 1), value=self.padding)
        asked[range(len(rows)), lengths] = self.mask
        return self._hidden(asked)[range(len(rows)), lengths] @ self._items().T
