"""The noisy channel: which label makes the text most likely (Min et al. 2022, arXiv 2108.04106).

A small model's answers are shaky, but it predicts every word of a text, and a label that prepares it for them
shows. All words of the text have to be scored under the whole vocabulary: nothing can be trimmed.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import log_softmax

from rec_assets.backbone.precision import reading
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.opening import opening_tokens
from rec_assets.heads.prefix import Prefix, read_prefix
from rec_assets.heads.states import TEXT_TOKENS, equal_length_batches


class ChannelScorer:
    """Scores a label by the log-probability of the text after its words.

    Parameters
    ----------
    language
        The model, with its vocabulary's head.
    beginnings
        For each of the n labels, the ways to lead to a text; their probabilities are averaged.
    demonstrations
        Tokens before everything, the opening ones included.
    text_tokens
        Tokens of a text that are scored.
    """

    def __init__(
        self,
        language: LanguageModel,
        beginnings: Sequence[Sequence[str]],
        demonstrations: Sequence[int] = (),
        text_tokens: int = TEXT_TOKENS,
    ) -> None:
        self.language = language
        self.text_tokens = text_tokens
        self.beginnings = tuple(tuple(own) for own in beginnings)
        self._demonstrations = list(demonstrations)
        self._prefixes: list[list[Prefix]] | None = None

    @property
    def prefixes(self) -> list[list[Prefix]]:
        """Each label's beginnings as the model remembers them, read at the first use."""
        if self._prefixes is None:
            self._prefixes = [
                [read_prefix(self.language, self._beginning(one)) for one in own] for own in self.beginnings
            ]
        return self._prefixes

    def _beginning(self, words: str) -> list[int]:
        tokenizer = self.language.tokenizer
        before = self._demonstrations or opening_tokens(tokenizer, words)
        return before + tokenizer.encode(words, add_special_tokens=False)

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Render texts to the token ids that are read; special tokens spelled in them stay characters."""
        encode = self.language.tokenizer.encode
        return [
            encode(text, add_special_tokens=False, split_special_tokens=True)[: self.text_tokens]
            for text in texts
        ]

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Score N texts, (N, n): log-probabilities of the labels, all equally likely beforehand."""
        rows = self.rows(texts)
        columns = []
        for own in self.prefixes:
            likely = torch.stack([text_log_probabilities(self.language, rows, prefix) for prefix in own])
            columns.append(likely.logsumexp(dim=0) - np.log(len(own)))
        scores: np.ndarray = log_softmax(torch.stack(columns, dim=-1).double().numpy(), axis=1)
        return scores.astype(np.float32)


@torch.no_grad()
def text_log_probabilities(
    language: LanguageModel, rows: Sequence[Sequence[int]], prefix: Prefix
) -> torch.Tensor:
    """Sum the log-probabilities of each row's tokens after a prefix; of no tokens it is 0.

    Parameters
    ----------
    language
        The model.
    rows
        Token ids of N texts.
    prefix
        What comes before each.

    Returns
    -------
    torch.Tensor
        (N,), float32, on the CPU.
    """
    total = torch.zeros(len(rows))
    for batch in equal_length_batches([len(row) for row in rows], len(prefix.tokens)):
        if not rows[batch[0]]:
            continue
        ids = torch.tensor([list(rows[index]) for index in batch], device=language.device)  # (B, T)
        states = prefix.state.expand(len(batch), 1, -1)
        if ids.shape[1] > 1:
            cache = prefix.cache(len(batch))
            with reading(language.device):
                read = language.decoder(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True)
            states = torch.cat([states, read.last_hidden_state.to(states)], dim=1)  # (B, T, d)
        found = language.log_probabilities(states.flatten(0, 1), ids.flatten())
        total[batch] = found.view(ids.shape).sum(dim=1).cpu()
    return total
