"""Two processes under ``accelerate launch``, gradients averaged over gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
from safetensors.torch import load_file

from rec_assets.params import read_params
from rec_assets.ranking.holdout import rank_holdout
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[2]


def test_two_processes_train_one_model(prepared_workspace: Workspace) -> None:
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch"),
            *("--config_file", str(PROJECT / "profiles" / "accelerate" / "cpu.yaml")),
            *("--main_process_port", "0", "-m", "rec_assets.cli", "stage", "recommender"),
        ],
        env=os.environ | {"COUTURIER_HOME": str(prepared_workspace.root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert launched.returncode == 0, launched.stderr[-3000:]
    curve = pd.read_csv(prepared_workspace.reports / "training_curve.csv")
    assert curve["train_loss"].iloc[-1] < curve["train_loss"].iloc[0]
    steps_alone = 7 * 3  # batches an epoch in one process, times epochs
    assert curve["step"].iloc[-1] < steps_alone
    assert load_file(prepared_workspace.recommender / "trained.safetensors")
    params = read_params(prepared_workspace.params_file)
    folders = prepared_workspace.recommender, prepared_workspace.vocabulary, prepared_workspace.base_model
    assert len(rank_holdout(prepared_workspace, params, *folders)) > 0
