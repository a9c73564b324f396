"""Train one of RecTools' models and write ranked lists, in the peers' environment.

``python rank.py --model rectools_sasrec --interactions in.parquet --lists out.parquet --report out.json``

In: ``customer_id, sku, position, in_training``, the newest of each customer held out for validation. Out:
``customer_id, sku, rank, score, masked``, and a report with seconds, peak memory and parameters.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import get_args

import pandas as pd
import torch
from models import MODELS, Precision, build
from pytorch_lightning import seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from stopping import StopByNdcg


def read(path: Path) -> pd.DataFrame:
    """Read interactions as RecTools names them; places become days, as there is no clock.

    Raises
    ------
    ValueError
        When the validation SKU is not each customer's newest.
    """
    frame = pd.read_parquet(path).sort_values(["customer_id", "position"], ignore_index=True)
    if not (~frame["in_training"] == ~frame.duplicated("customer_id", keep="last")).all():
        raise ValueError(f"{path}: the newest purchase of each customer must be the validation one")
    return pd.DataFrame(
        {
            Columns.User: frame["customer_id"],
            Columns.Item: frame["sku"],
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2000-01-01") + pd.to_timedelta(frame["position"], unit="D"),
        }
    )


def peak_mb() -> int:
    """Give the highest resident memory of this process, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, choices=MODELS)
    for name in ("interactions", "lists", "report"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--patience", type=int, default=10)
    parser.add_argument("--precision", choices=get_args(Precision), default="32-true", help="of training")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    torch.set_num_threads(options.threads)
    seed_everything(options.seed, verbose=False)
    interactions = read(options.interactions)
    dataset = Dataset.construct(interactions)
    start = time.perf_counter()
    model = build(options.model, options.epochs, options.patience, options.precision)
    model.fit(dataset)
    stopping = next(call for call in model.fit_trainer.callbacks if isinstance(call, StopByNdcg))
    model.lightning_model.torch_model.load_state_dict(stopping.best)
    users = interactions[Columns.User].unique()
    parts = []
    for masked in (False, True):
        lists = model.recommend(users, dataset, k=options.depth, filter_viewed=masked)
        parts.append(lists.assign(masked=masked))
    seconds = time.perf_counter() - start
    names = {Columns.User: "customer_id", Columns.Item: "sku", Columns.Rank: "rank", Columns.Score: "score"}
    ranked = pd.concat(parts).rename(columns=names)
    ranked = ranked[["customer_id", "sku", "rank", "score", "masked"]]
    ranked.sort_values(["customer_id", "masked", "rank"]).to_parquet(options.lists, index=False)
    parameters = sum(value.numel() for value in model.lightning_model.torch_model.parameters())
    notes = {
        "precision": options.precision,
        "epochs": len(stopping.curve),
        "best_epoch": stopping.best_epoch,
        "validation_ndcg@10": max(stopping.curve),
    }
    report = {"seconds": seconds, "peak_mb": peak_mb(), "parameters": parameters, "notes": notes}
    options.report.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
