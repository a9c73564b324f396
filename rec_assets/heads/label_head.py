"""The label head: the language model's own head, cut to label words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from rec_assets.backbone.trim import TrimmedDecoder, trim_decoder
from rec_assets.files import read_json, write_json

SETTINGS_FILE = "head.json"
_BATCH = 64
_WEIGHT_DECAY = 0.01


class LabelHead(nn.Module):
    """Scores labels by the rows of a trimmed decoder.

    Parameters
    ----------
    decoder
        One row and one bias per label, (n, d) and (n,).
    labels
        The n labels, in the order of the rows.
    prompt
        Template with the field ``{text}``; its last token's hidden state is what is scored.
    """

    def __init__(self, decoder: TrimmedDecoder, labels: Sequence[str], prompt: str) -> None:
        super().__init__()
        self.decoder = decoder
        self.labels = tuple(labels)
        self.prompt = prompt

    @classmethod
    def from_label_words(
        cls,
        model: Any,
        tokenizer: Any,
        labels: Sequence[str],
        prompt: str,
        words: Sequence[str | Sequence[str]] | None = None,
    ) -> "LabelHead":
        """Cut a model's head down to label words: a classifier before any training.

        A word's row is the head's row of its first token, as the prompt would continue with it; where words
        of several labels share that token, each takes the mean over the rows of all its tokens. A label's row
        is the mean of its words'.

        Parameters
        ----------
        model, tokenizer
            The base model.
        labels
            The n labels.
        prompt
            Template with the field ``{text}``.
        words
            A word, or several, of each label; none: its name.
        """
        spelt = [
            [
                tokenizer.encode(f" {_small(word)}", add_special_tokens=False)
                for word in ([own] if isinstance(own, str) else own)
            ]
            for own in words or labels
        ]
        firsts = [{ids[0] for ids in own} for own in spelt]
        full = trim_decoder(model, sorted({token for own in spelt for ids in own for token in ids})).cpu()
        place = {int(token): row for row, token in enumerate(full.token_ids)}

        def mean_row(table: torch.Tensor, ids: list[int]) -> torch.Tensor:
            alone = sum(ids[0] in own for own in firsts) == 1
            return table[[place[token] for token in (ids[:1] if alone else ids)]].float().mean(dim=0)

        def rows(table: torch.Tensor) -> torch.Tensor:
            means = [torch.stack([mean_row(table, ids) for ids in own]).mean(dim=0) for own in spelt]
            return torch.stack(means)

        bias = torch.zeros(len(labels)) if full.bias is None else rows(full.bias.detach())
        tokens = torch.tensor([own[0][0] for own in spelt])
        decoder = TrimmedDecoder(rows(full.weight.detach()), bias, tokens, full.scaling, full.full_rows)
        return cls(decoder, labels, prompt)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Score last-token states (N, d) as label logits (N, n)."""
        logits: torch.Tensor = self.decoder(states)
        return logits

    def fit(
        self, states: torch.Tensor, targets: torch.Tensor, *, epochs: int, learning_rate: float, seed: int
    ) -> list[float]:
        """Train rows and biases by softmax cross-entropy on states of a frozen model.

        The states' channels differ widely in spread, so the rows are trained on standardised channels,
        started where they score exactly as before, and folded back afterwards.

        Parameters
        ----------
        states
            Last-token hidden states, (N, d).
        targets
            Label indices, (N,).
        epochs
            Passes over the rows; 0 keeps the label words' own rows.
        learning_rate
            AdamW's, falling to zero along a cosine.
        seed
            Seed of the order of the rows.

        Returns
        -------
        list of float
            Mean loss of each epoch.
        """
        if epochs == 0:
            return []
        mean, spread = states.mean(dim=0), states.std(dim=0).clamp(min=1e-6)
        weight, bias = self.decoder.weight, self.decoder.bias
        assert bias is not None  # from_label_words always gives one
        with torch.no_grad():
            bias.add_(weight @ mean)
            weight.mul_(spread)
        optimiser = torch.optim.AdamW(self.parameters(), lr=learning_rate, weight_decay=_WEIGHT_DECAY)
        steps = epochs * -(-len(states) // _BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        generator = torch.Generator().manual_seed(seed)
        standard = (states - mean) / spread
        losses = []
        with _one_thread():
            for _ in tqdm(range(epochs), desc="train head", unit="epoch"):
                total = 0.0
                for batch in torch.randperm(len(states), generator=generator).split(_BATCH):
                    loss = functional.cross_entropy(self(standard[batch]), targets[batch])
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
                    total += float(loss.detach()) * len(batch)
                losses.append(total / len(states))
        with torch.no_grad():
            weight.div_(spread)
            bias.sub_(weight @ mean)
        return losses

    @torch.no_grad()
    def predict(self, states: torch.Tensor) -> torch.Tensor:
        """Choose a label index for each state: (N, d) to (N,)."""
        return self(states).argmax(dim=-1)

    def save(self, folder: Path) -> None:
        """Write the trimmed decoder and ``head.json`` into an existing folder."""
        self.decoder.save(folder)
        write_json({"labels": list(self.labels), "prompt": self.prompt}, folder / SETTINGS_FILE)

    @classmethod
    def load(cls, folder: Path) -> "LabelHead":
        """Read what :meth:`save` wrote; it answers with the same bits."""
        settings = read_json(folder / SETTINGS_FILE)
        return cls(TrimmedDecoder.load(folder), settings["labels"], settings["prompt"])


def _small(word: str) -> str:
    """Write a name as it stands within a sentence; an abbreviation stays one."""
    return word if word.isupper() else word.lower()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: matrices this small cost more to share than to multiply."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
