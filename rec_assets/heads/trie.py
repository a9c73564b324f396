"""Token sequences as a tree, read by the model in one pass: shared beginnings once.

Made for the few words of labels, of any lengths. Beams over a whole catalogue walk a tree of another kind,
a step at a time: :mod:`rec_assets.generation.trie`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rec_assets.backbone.precision import reading
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.prefix import Prefix
from rec_assets.heads.states import equal_length_batches


@dataclass(frozen=True)
class Trie:
    """Sequences of tokens by their shared beginnings.

    Node 0 is the end of the prompt; nodes 1 to T are the tokens that another token follows. Last tokens are
    no nodes: nothing is read after them.

    Parameters
    ----------
    tokens, parents, depths
        Of nodes 1 to T: its token, its parent's node, and its distance from the root.
    steps
        For each sequence, the node it stands on before each of its tokens.
    children
        For each node, the tokens that may follow it, sorted.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> "Trie":
        """Build it; equal sequences share all their nodes."""
        nodes: dict[tuple[int, ...], int] = {(): 0}
        inner = {tuple(s[:end]) for s in sequences for end in range(1, len(s))}
        for beginning in sorted(inner, key=lambda path: (len(path), path)):
            nodes[beginning] = len(nodes)
        children: list[set[int]] = [set() for _ in nodes]
        steps = []
        for sequence in sequences:
            path = tuple(nodes[tuple(sequence[:end])] for end in range(len(sequence)))
            steps.append(path)
            for node, token in zip(path, sequence, strict=True):
                children[node].add(token)
        paths = list(nodes)[1:]
        return cls(
            tuple(path[-1] for path in paths),
            tuple(nodes[path[:-1]] for path in paths),
            tuple(len(path) for path in paths),
            tuple(steps),
            tuple(tuple(sorted(tokens)) for tokens in children),
        )

    def ancestry(self) -> torch.Tensor:
        """Mark for each node 1 to T itself and those above it, (T, T), true where it may look."""
        seen = torch.eye(len(self.tokens), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent:
                seen[node] |= seen[parent - 1]
        return seen


@torch.no_grad()
def read_trees(
    language: LanguageModel, rows: Sequence[Sequence[int]], trie: Trie, prefix: Prefix | None = None
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Read every prompt with the whole tree behind it, each node seeing only its own ancestors.

    Parameters
    ----------
    language
        The model.
    rows
        Token ids of the N prompts, without the prefix.
    trie
        What may come after a prompt.
    prefix
        What comes before every prompt.

    Yields
    ------
    tuple
        Row numbers of a batch of B, and the states at its prompts' ends and the nodes, (B, 1 + T, d).
    """
    before, nodes = (0 if prefix is None else len(prefix.tokens)), len(trie.tokens)
    for batch in equal_length_batches([len(row) + nodes for row in rows], before):
        length = len(rows[batch[0]])
        ids = torch.tensor([[*rows[index], *trie.tokens] for index in batch], device=language.device)
        options: dict[str, Any] = {"use_cache": False}
        if prefix is not None:
            options = {"use_cache": True, "past_key_values": prefix.cache(len(batch))}
        if nodes:
            places = torch.tensor([*range(length), *(length - 1 + depth for depth in trie.depths)]) + before
            options["position_ids"] = places.to(language.device).expand(len(batch), -1)
            options["attention_mask"] = _masks(language, trie, before, length, places, len(batch))
        with reading(language.device):
            states = language.decoder(input_ids=ids, **options).last_hidden_state
        yield batch, states[:, length - 1 :]


def _masks(
    language: LanguageModel, trie: Trie, before: int, length: int, places: torch.Tensor, batch: int
) -> Any:
    """Make what each position may see: (B, 1, L + T, P + L + T), one for each kind of attention layer."""
    ends, nodes = before + length, len(trie.tokens)
    allowed = torch.zeros(length + nodes, ends + nodes, dtype=torch.bool)
    allowed[:length, :ends] = torch.ones(length, ends, dtype=torch.bool).tril(before)
    allowed[length:, :ends] = True
    allowed[length:, ends:] = trie.ancestry()
    config = language.decoder.config.get_text_config()
    seen_at = torch.cat([torch.arange(before), places])
    window = getattr(config, "sliding_window", None)
    near = allowed if window is None else allowed & (places[:, None] - seen_at[None, :] < window)
    dtype = next(p for p in language.decoder.parameters() if p.is_floating_point()).dtype

    def additive(mask: torch.Tensor) -> torch.Tensor:
        floating = torch.zeros(mask.shape, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)
        return floating.to(language.device).expand(batch, 1, -1, -1)

    kinds = getattr(config, "layer_types", None)
    if kinds and "sliding_attention" in kinds:
        return {"full_attention": additive(allowed), "sliding_attention": additive(near)}
    return additive(allowed if kinds else near)
