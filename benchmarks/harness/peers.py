"""Runs RecTools' models in an environment of their own; Parquet goes in, ranked lists come out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from harness.beauty import PROJECT
from rec_assets import columns as c
from rec_assets.backbone.precision import choose_precision
from rec_assets.baselines.data import Purchases

if TYPE_CHECKING:
    from harness.models import Options

ENVIRONMENT = PROJECT / ".venv-peers"
FOLDER = PROJECT / "benchmarks" / "peers"
READY = ENVIRONMENT / ".installed"


def peers_python() -> Path:
    """Find the peers' interpreter; make their environment when there is none or its pins have changed."""
    python = ENVIRONMENT / "bin" / "python"
    requirements, lock = FOLDER / "requirements.txt", FOLDER / "requirements.lock"
    pins = requirements.read_text() + lock.read_text()
    if READY.exists() and READY.read_text() == pins:
        return python
    print(f"Installing the peers into {ENVIRONMENT}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    (ENVIRONMENT / ".gitignore").write_text("*\n")
    pip = [python, "-m", "pip", "install", "--progress-bar", "off", "--quiet"]
    subprocess.run([*pip, "--constraint", lock, "--requirement", requirements], check=True)
    READY.write_text(pins)
    return python


def rank_with_peer(
    name: str, purchases: Purchases, options: "Options", depth: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train one peer and rank for every customer.

    Returns
    -------
    lists, report
        Ranked lists; and seconds, peak memory and parameters as the peer's own process measured them.
    """
    folder = options.files.with_name(f"{options.files.name}-exchange")
    folder.mkdir(parents=True, exist_ok=True)
    interactions, lists, report = (folder / file for file in ("in.parquet", "lists.parquet", "report.json"))
    names = purchases.customers[purchases.customer]
    frame = pd.DataFrame({c.CUSTOMER: names, c.SKU: purchases.skus[purchases.sku]})
    frame[c.POSITION] = frame.groupby(c.CUSTOMER, sort=False).cumcount()
    frame["in_training"] = purchases.in_training
    frame.to_parquet(interactions, index=False)
    command = [str(peers_python()), str(FOLDER / "rank.py"), "--model", name, "--depth", str(depth)]
    command += ["--interactions", str(interactions), "--lists", str(lists), "--report", str(report)]
    bf16 = choose_precision() is torch.bfloat16
    command += ["--precision", "bf16-mixed" if bf16 else "32-true"]
    command += ["--seed", str(options.seed), "--threads", str(options.threads)]
    for flag in ("epochs", "patience"):
        if getattr(options, flag) is not None:
            command += [f"--{flag}", str(getattr(options, flag))]
    # Lightning writes its folders where it stands; threads are set before torch starts.
    threads = {"OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads)}
    subprocess.run(command, check=True, cwd=folder, env={**os.environ, **threads})
    return pd.read_parquet(lists), json.loads(report.read_text())
