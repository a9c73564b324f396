"""What each of two processes does in ``training/test_sharded.py``; spawned ones have to import it."""

import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from peft.utils.other import fsdp_auto_wrap_policy
from torch.distributed.fsdp import (
    FullStateDictConfig,
    FullyShardedDataParallel,
    MixedPrecision,
    ShardingStrategy,
    StateDictType,
)

from rec_assets.params import Training
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.storage import load_trained, trained_tensors
from rec_assets.training.validation import Holdout, ndcg_at_10
from rec_assets.vocabulary.token_rows import TokenRow

RECIPE = Recipe(Training(method="lora", dropout=0.0, fresh_layers=1), seed=1)
IDS, TARGETS = torch.tensor([[1, 51, 56, 3, 54]]), torch.tensor([[0, -100, -100, 3, 5]])


def work(rank: int, port: int, base: Path, vocabulary: Path, out: Path) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    model = build(base, vocabulary, RECIPE, dtype=torch.bfloat16)
    before = trained_tensors(model)
    sharded = FullyShardedDataParallel(
        model,
        auto_wrap_policy=fsdp_auto_wrap_policy(model),
        use_orig_params=True,
        sharding_strategy=ShardingStrategy.FULL_SHARD,
        mixed_precision=MixedPrecision(param_dtype=torch.bfloat16, reduce_dtype=torch.float32),
        device_id=torch.device("cpu"),
    )
    optimiser = torch.optim.AdamW([p for p in sharded.parameters() if p.requires_grad], lr=1e-2)
    holdout = Holdout([TokenRow(np.array([1, 51, 56]), np.full(3, -100))], [{1}], torch.ones(6).bool(), 100)
    for _ in range(2):
        sharded.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = sharded(input_ids=IDS, targets=TARGETS).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        summoned_whole = FullyShardedDataParallel.summon_full_params(sharded, writeback=True)
        with summoned_whole, torch.autocast("cpu", dtype=torch.bfloat16):
            score = ndcg_at_10(sku_model(sharded.module), holdout, torch.device("cpu"))
    whole = FullStateDictConfig(rank0_only=False)
    with FullyShardedDataParallel.state_dict_type(sharded, StateDictType.FULL_STATE_DICT, whole):
        gathered = trained_tensors(sharded, sharded.state_dict())
    with FullyShardedDataParallel.summon_full_params(sharded, writeback=True):
        summoned = trained_tensors(sharded)
        load_trained(sharded, summoned)
    if rank == 0:
        torch.save({"before": before, "gathered": gathered, "summoned": summoned, "score": score}, out)
    dist.destroy_process_group()
