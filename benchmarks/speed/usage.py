"""Memory of a training, by kind."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

MIB = 2**20


def restart_peak() -> None:
    """Let ``VmHWM`` start anew from what is resident now, where the kernel allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def weight_bytes(model: nn.Module) -> tuple[int, int]:
    """Bytes of frozen and of trained weights; buffers are frozen, tied weights count once."""
    trained = {id(value) for value in model.parameters() if value.requires_grad}
    sizes = [0, 0]
    seen = set()
    for value in [*model.parameters(), *model.buffers(), *_quantisation(model)]:
        storage = value.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            sizes[id(value) in trained] += storage.nbytes()
    return sizes[0], sizes[1]


def _quantisation(model: nn.Module) -> Iterable[Tensor]:
    """Scales and code books that bitsandbytes keeps beside its 4-bit weights, its own scales included."""
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        for part in (state, getattr(state, "state2", None)):
            if part is not None:
                yield from (value for value in vars(part).values() if isinstance(value, Tensor))


def optimiser_bytes(optimiser: torch.optim.Optimizer) -> int:
    """Bytes of what the optimiser remembers."""
    states = optimiser.state.values()
    return sum(value.nbytes for state in states for value in state.values() if isinstance(value, Tensor))


def activation_bytes(model: nn.Module, forward: Callable[[], Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward pass, weights left out and every storage once."""
    weights = {value.untyped_storage().data_ptr() for value in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = value  # held, so that no other tensor takes its place
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        forward()
    return sum(value.untyped_storage().nbytes() for value in kept.values())
