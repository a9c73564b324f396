"""Stage ``prompts``: the rows the model is trained on, judged on, and asked today."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from rec_assets.columns import CUSTOMER, HISTORY, LOSS_FROM, SKU, SPLIT, TIMESTAMP, UNKNOWN
from rec_assets.errors import TableError
from rec_assets.features.clean_text import clean_text
from rec_assets.files import atomic_folder, read_json
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.prompts.answers import Answers
from rec_assets.prompts.mixture import NEXT_ITEM, Mixture
from rec_assets.prompts.render import NO_MONTH, Block, holdout_rows, latest_rows, train_rows
from rec_assets.prompts.show import prompt_text
from rec_assets.prompts.template import LONGEST_VALUE, Template, find_template, load_template
from rec_assets.workspace import Workspace

NAMES = ("train", "validation", "test", "latest")
_SPLIT_CODES = pa.array(["train", "validation", "test"])
_BLOCK = 50_000  # customers rendered at once: bounds memory at some hundred MB for long histories


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write ``train``, ``validation``, ``test`` and ``latest.parquet``, sorted by customer.

    Raises
    ------
    ParamsError
        When the template does not fit the customers' attributes, or ``prompts.targets`` asks for what this
        retailer does not tell.
    TableError
        When a purchase or a customer would be lost, or counted twice.
    """
    windows = read_json(workspace.splits / "windows.json")
    columns = pq.read_schema(workspace.behaviour / "customers.parquet").names
    template = load_template(find_template(workspace, params.prompts.template), columns)
    template = template.told(_told(workspace.behaviour / "customers.parquet", template.attributes))
    mixture = _mixture(workspace, params, dated=windows["time"] == "date")
    history = params.prompts.history
    moments = _prediction_months(workspace.behaviour / "events.parquet", windows)
    rows = dict.fromkeys(NAMES, 0)
    losses = 0
    examples: dict[str, Any] = {}
    with atomic_folder(workspace.prompts) as folder, ExitStack() as stack:
        writers: dict[str, Any] = {}
        for block in _blocks(workspace.behaviour, template, dated=windows["time"] == "date"):
            tables = {
                "train": mixture.train_rows(block, template, history)
                if mixture
                else train_rows(block, template, history),
                "validation": holdout_rows(block, template, history, 1, moments["validation"]),
                "test": holdout_rows(block, template, history, 2, moments["test"]),
                "latest": latest_rows(block, template, history, moments["latest"]),
            }
            for name, table in tables.items():
                if name not in writers:
                    file = folder / f"{name}.parquet"
                    writers[name] = stack.enter_context(
                        pq.ParquetWriter(file, table.schema, compression="zstd")
                    )
                writers[name].write_table(table)
                rows[name] += len(table)
                examples.setdefault(name, table.slice(0, 1).to_pylist())
            losses = mixture.purchases if mixture else losses + _bearing(tables["train"])
        _assert_counts(rows, losses, windows, workspace.behaviour / "customers.parquet")
    counts = mixture.counts if mixture else {}
    shown = [{"rows": name, "prompt": prompt_text(row)} for name, some in examples.items() for row in some]
    return StageReport(
        summary=f"{rows['train']:,} training rows for {losses:,} purchases; "
        f"{rows['validation']:,} validation, {rows['test']:,} test and {rows['latest']:,} current prompts.",
        rows={**rows, **{f"train: {kind}": count["rows"] for kind, count in counts.items()}},
        metrics={
            "purchases_with_loss": float(losses),
            **{f"answers_{kind}": float(count["answers"]) for kind, count in counts.items()},
        },
        tables={
            "examples": pd.DataFrame(shown),
            **({"targets": _targets(counts)} if counts else {}),
        },
    )


def _told(customers: Path, attributes: tuple[str, ...]) -> set[str]:
    """Attributes that at least one customer has a value for."""
    values = pd.read_parquet(customers, columns=list(attributes))
    return {
        name
        for name in attributes
        if any(clean_text(one, LONGEST_VALUE) not in ("", UNKNOWN) for one in values[name].unique())
    }


def _mixture(workspace: Workspace, params: Params, *, dated: bool) -> Mixture | None:
    """Give what mixes the training rows; none where they are just each purchase once."""
    shares = {kind: share for kind, share in params.prompts.targets.shares().items() if share > 0}
    if shares == {NEXT_ITEM: 1.0}:
        return None
    return Mixture(shares, Answers(workspace.neighbours, list(shares), dated=dated), params.run.seed)


def _bearing(train: Any) -> int:
    """Purchases that bear loss in training rows."""
    return len(train[HISTORY].combine_chunks().flatten()) - (pc.sum(train[LOSS_FROM]).as_py() or 0)


def _targets(counts: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Give rows written, places asked and answers found, by kind."""
    return pd.DataFrame.from_dict(counts, orient="index").rename_axis("kind").reset_index()


def _prediction_months(events: Path, windows: dict[str, Any]) -> dict[str, Any]:
    """Month counted from year 0 in which each kind of row predicts; none: the held-out purchase's own."""
    if windows["time"] == "order":
        return {"validation": NO_MONTH, "test": NO_MONTH, "latest": NO_MONTH}
    newest: datetime = pc.max(pq.read_table(events, columns=[TIMESTAMP])[TIMESTAMP]).as_py()
    months: dict[str, Any] = {"latest": _month(newest.date() + timedelta(days=1))}
    for name, day in (("validation", windows["validation_start"]), ("test", windows["as_of"])):
        months[name] = _month(date.fromisoformat(day)) if day else None
    return months


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _blocks(behaviour: Path, template: Template, *, dated: bool) -> Iterator[Block]:
    """Read customers in order of their id, with their purchases, some thousand at a time."""
    customers = pd.read_parquet(behaviour / "customers.parquet", columns=[CUSTOMER, *template.attributes])
    headers: dict[tuple[object, ...], str] = {}  # few combinations of attributes, many customers
    with tqdm(total=len(customers), desc="prompts", unit=" customers", delay=1) as bar:
        for begin in range(0, len(customers), _BLOCK):
            some = customers.iloc[begin : begin + _BLOCK]
            texts = []
            for values in zip(*(some[name] for name in template.attributes), strict=True):
                if values not in headers:
                    headers[values] = template.render_header(
                        dict(zip(template.attributes, values, strict=True))
                    )
                texts.append(headers[values])
            yield _block(behaviour / "events.parquet", some[CUSTOMER], texts, template, dated=dated)
            bar.update(len(some))


def _block(
    events: Path, ids: "pd.Series[str]", headers: list[str], template: Template, *, dated: bool
) -> Block:
    # Both files are sorted by customer, so only the row groups that hold these customers are read.
    span = [(CUSTOMER, ">=", ids.iloc[0]), (CUSTOMER, "<=", ids.iloc[-1])]
    purchases = pq.read_table(
        events, columns=[CUSTOMER, SKU, TIMESTAMP, SPLIT], filters=span
    ).combine_chunks()
    customers = pa.array(ids, pa.string())
    owner = pc.index_in(purchases[CUSTOMER], customers).to_numpy()
    splits = pc.index_in(purchases[SPLIT], _SPLIT_CODES).to_numpy()
    if ((np.diff(owner) < 0) | ((np.diff(owner) == 0) & (np.diff(splits) < 0))).any():
        raise TableError(
            f"{events} is not in order of customer, split and time.", "Run stage behaviour again."
        )
    moments = purchases[TIMESTAMP].to_numpy()
    months = moments.astype("datetime64[M]").astype(np.int64)
    return Block(
        customers=customers,
        headers=pa.array(headers or [template.render_header({})] * len(ids), pa.string()),
        skus=purchases[SKU].combine_chunks(),
        months=months + 1970 * 12 if dated else np.full(len(months), NO_MONTH),
        starts=np.searchsorted(owner, np.arange(len(ids) + 1)).astype(np.int64),
        splits=splits.astype(np.int64),
        days=moments.astype("datetime64[D]").astype(np.int64),
    )


def _assert_counts(rows: dict[str, int], losses: int, windows: dict[str, Any], customers: Path) -> None:
    """Compare what was written with what the splits counted."""
    expected = {
        "training purchases that bear loss": (losses, windows["rows"]["train"]),
        "validation rows": (rows["validation"], windows["customers"]["validation"]),
        "test rows": (rows["test"], windows["customers"]["test"]),
        "current rows": (rows["latest"], pq.read_metadata(customers).num_rows),
    }
    wrong = [
        f"{what}: {found:,}, expected {due:,}" for what, (found, due) in expected.items() if found != due
    ]
    if wrong:
        raise TableError(
            f"Prompts do not match the splits ({'; '.join(wrong)}).",
            "Run stages splits and behaviour again, then prompts.",
        )
