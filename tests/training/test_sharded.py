"""FSDP over two processes, with PEFT's wrapping policy, as the trainer of transformers sets it up on GPUs.

accelerate refuses to shard on a machine without an accelerator, so PyTorch's own FSDP stands here.
"""

import socket
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from sharding import work


@pytest.mark.slow
def test_two_processes_share_one_model(tiny_base: Path, vocabulary: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(work, args=(port, tiny_base, vocabulary, tmp_path / "out.pt"), nprocs=2)
    found = torch.load(tmp_path / "out.pt", weights_only=True)
    assert found["gathered"].keys() == found["summoned"].keys() == found["before"].keys()
    for name, before in found["before"].items():
        assert found["summoned"][name].shape == before.shape
        assert not torch.equal(found["summoned"][name], before), f"{name} has not moved"
        torch.testing.assert_close(found["gathered"][name], found["summoned"][name])
    assert 0 <= found["score"] <= 1
