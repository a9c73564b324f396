"""The number format a training or a forward pass should use on this machine."""

from contextlib import AbstractContextManager
from pathlib import Path

import torch

from rec_assets.params import Precision

# Instruction sets that multiply bf16 directly; without them a CPU emulates it hundreds of times slower.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16", "svebf16"})


def choose_precision(precision: Precision = "auto") -> torch.dtype:
    """Resolve ``training.precision``.

    Parameters
    ----------
    precision
        ``fp32`` and ``bf16`` are taken at their word. ``auto`` is bf16 on a GPU or CPU that computes in it,
        else fp32.

    Returns
    -------
    torch.dtype
        ``torch.float32`` or ``torch.bfloat16``.
    """
    if precision == "fp32":
        return torch.float32
    if precision == "bf16":
        return torch.bfloat16
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _BF16_FLAGS & cpu_flags() else torch.float32


def reading(device: torch.device, precision: Precision = "auto") -> AbstractContextManager[None]:
    """Autocast for passes without gradients: products in :func:`choose_precision`'s format.

    Parameters
    ----------
    device
        Where the model computes.
    precision
        As ``training.precision``.
    """
    chosen = choose_precision(precision)
    return torch.autocast(device.type, chosen, enabled=chosen is not torch.float32)


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Instruction sets the CPU names; empty where the system does not say."""
    if not cpuinfo.exists():
        return frozenset()
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()
