"""A decoder without its vocabulary head, a label head in its place: what fine-tuning trains."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from rec_assets.backbone.layers import plain_model
from rec_assets.vocabulary.token_rows import IGNORED


class HeadModel(PreTrainedModel):
    """Decoder layers and a label head; the vocabulary's rows are never multiplied, moved or stored.

    Rows are padded on the right. Under a causal mask no position sees the padding after it, so no attention
    mask is needed and the fastest attention kernel applies.

    Parameters
    ----------
    model
        A causal language model, or PEFT's wrapper of one. Its decoder is shared, not copied.
    head
        Maps last-token states ``(B, d)`` to label logits ``(B, n)``.
    dropout
        On the states before the head.
    label_smoothing
        Share of each target spread over all labels (arXiv 1512.00567).
    """

    # Attention and experts are the decoder's, chosen when it was loaded; what that supports, this does.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _can_set_experts_implementation_cached_value = True

    def __init__(
        self, model: Any, head: nn.Module, dropout: float = 0.0, label_smoothing: float = 0.0
    ) -> None:
        decoder = plain_model(model).get_decoder()
        super().__init__(copy.deepcopy(decoder.config))  # TRL writes the tokenizer's special tokens into it
        self.decoder = decoder
        self.head = head
        self.dropout = nn.Dropout(dropout)
        self.label_smoothing = label_smoothing
        self.supports_gradient_checkpointing = decoder.supports_gradient_checkpointing

    def get_input_embeddings(self) -> nn.Module:
        """Give the embeddings of the words."""
        embeddings: nn.Module = self.decoder.get_input_embeddings()
        return embeddings

    def get_output_embeddings(self) -> None:
        """None: the head has a row a label, not a row a word."""
        return None

    def forward(self, input_ids: Tensor, targets: Tensor, **_: Any) -> SequenceClassifierOutput:
        """Score labels at each prompt's last token.

        Parameters
        ----------
        input_ids
            ``(B, T)``.
        targets
            ``(B, T)``: the label's index at the prompt's last token, -100 elsewhere.

        Returns
        -------
        SequenceClassifierOutput
            Logits ``(B, n)`` and their mean cross-entropy.
        """
        wanted = targets != IGNORED  # one position a row
        states = self.decoder(input_ids=input_ids, use_cache=False).last_hidden_state[wanted]  # (B, d)
        with torch.autocast(states.device.type, enabled=False):  # few labels: exactness costs nothing
            logits = self.head(self.dropout(states.float()))
        smoothing = self.label_smoothing if self.training else 0.0
        loss = F.cross_entropy(logits, targets[wanted], label_smoothing=smoothing)
        return SequenceClassifierOutput(loss=loss, logits=logits)
