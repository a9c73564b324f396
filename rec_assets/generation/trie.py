"""A prefix tree over the words of all SKUs: after any beginning, which tokens may come next."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rec_assets.errors import RegistryError
from rec_assets.generation.item_tokens import Ints

ROOT = 0


class Trie:
    """Nodes in flat arrays, so that a batch of beams moves through the tree at once.

    Nodes are numbered level by level, and within a level in the order of their words: the children of a node
    are neighbours. Node ``N`` has no children: it is where a word ends up that no SKU has.

    Parameters
    ----------
    codes
        ``(n, L)``: the words of the SKUs, as :attr:`ItemTokens.codes` gives them.
    size
        Number ``C`` of id tokens.
    allowed
        ``(n,)``: False for SKUs that must not come out; None: all may.

    Raises
    ------
    RegistryError
        When two SKUs have one word.
    """

    def __init__(self, codes: Ints, size: int, allowed: npt.NDArray[np.bool_] | None = None) -> None:
        self.size = size
        self.length = codes.shape[1]
        self._held = torch.zeros(self.length, size, dtype=torch.bool)
        self._held[torch.arange(self.length), torch.from_numpy(codes)] = True
        skus = np.arange(len(codes)) if allowed is None else np.flatnonzero(allowed)
        skus = skus[np.lexsort(codes[skus].T[::-1])]
        words = codes[skus]
        parents, tokens = [], []
        above = np.zeros(len(words), dtype=np.int64)  # (n,) each word's node on the level before
        differs = np.zeros(len(words), dtype=bool)
        differs[:1] = True
        count = 1
        for place in range(self.length):
            differs[1:] |= words[1:, place] != words[:-1, place]
            parents.append(above[differs])
            tokens.append(words[differs, place])
            above = count + np.cumsum(differs) - 1
            count += int(differs.sum())
        if not differs.all():
            raise RegistryError("Two SKUs have the same item tokens.", "Make the item tokens again.")
        parent = np.concatenate(parents)  # (N - 1,) of every node but the root
        token = np.concatenate(tokens)
        self.dead = count
        self._token = torch.from_numpy(token)
        self._keys = torch.from_numpy(parent * size + token)  # ascending
        self._first = torch.from_numpy(np.searchsorted(parent, np.arange(count + 2)))  # (N + 2,)
        self._sku = torch.full((count + 1,), -1, dtype=torch.long)
        self._sku[count - len(skus) : count] = torch.from_numpy(skus)
        # Where each SKU is reached from, and by which token; nowhere for those that are not allowed.
        self._last_node = torch.full((len(codes) + 1,), -1, dtype=torch.long)
        self._last_token = torch.zeros(len(codes) + 1, dtype=torch.long)
        self._last_node[skus] = torch.from_numpy(parent[len(parent) - len(skus) :])
        self._last_token[skus] = torch.from_numpy(token[len(token) - len(skus) :])

    def to(self, device: torch.device) -> "Trie":
        """Move the arrays, in place."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def allowed(self, nodes: Tensor) -> Tensor:
        """Tell which tokens may follow.

        Parameters
        ----------
        nodes
            ``(R,)``.

        Returns
        -------
        torch.Tensor
            ``(R, C)``: True for the tokens that continue a word.
        """
        rows, edges = self._children(nodes)
        mask = torch.zeros((len(nodes), self.size), dtype=torch.bool, device=nodes.device)
        mask[rows, self._token[edges]] = True
        return mask

    def held(self, place: int) -> Tensor:
        """``(C,)``: True for the tokens that any SKU, allowed or not, has at a place of its word."""
        return self._held[place]

    def step(self, nodes: Tensor, tokens: Tensor) -> Tensor:
        """Give the nodes after ``tokens``, of the shape of ``nodes``; :attr:`dead` where no word goes on."""
        if not len(self._keys):
            return torch.full_like(nodes, self.dead)
        wanted = nodes * self.size + tokens
        place = torch.searchsorted(self._keys, wanted).clamp(max=len(self._keys) - 1)
        known = (self._keys[place] == wanted) & (tokens >= 0)
        return torch.where(known, place + 1, self.dead)

    def skus(self, nodes: Tensor) -> Tensor:
        """Give the ``sku_index`` of the words that end at ``nodes``; -1 where none does."""
        return self._sku[nodes]

    def forbid(self, scores: Tensor, nodes: Tensor, skus: Tensor) -> None:
        """Set to -inf, in place, the tokens that would complete a row's forbidden SKUs.

        Parameters
        ----------
        scores
            ``(R, C)``: of the token that follows each node.
        nodes
            ``(R,)``.
        skus
            ``(R, S)``: ``sku_index``, padded with -1.
        """
        hit = self._last_node[skus] == nodes[:, None]  # index -1: the entry that is nowhere
        rows, columns = torch.nonzero(hit, as_tuple=True)
        scores[rows, self._last_token[skus[rows, columns]]] = -torch.inf

    def decode(self, tokens: Tensor) -> Tensor:
        """Read words ``(..., L)``: ``sku_index`` ``(...)``, -1 for a word that no SKU has."""
        nodes = torch.full(tokens.shape[:-1], ROOT, device=tokens.device)
        for place in range(self.length):
            nodes = self.step(nodes, tokens[..., place])
        return self.skus(nodes)

    def _children(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Row and edge of every child of ``nodes`` ``(R,)``; edge ``e`` leads to node ``e + 1``."""
        start = self._first[nodes]
        count = self._first[nodes + 1] - start
        rows = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), count)
        within = torch.arange(len(rows), device=nodes.device) - (count.cumsum(0) - count)[rows]
        return rows, start[rows] + within
