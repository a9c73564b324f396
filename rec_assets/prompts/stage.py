"""Stage ``prompts``: the rows the model is trained on, judged on, and asked today."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec_assets.columns import HISTORY, LOSS_FROM, UNKNOWN
from rec_assets.errors import TableError
from rec_assets.features.clean_text import clean_text
from rec_assets.files import atomic_folder, read_json
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.prompts.answers import Answers
from rec_assets.prompts.blocks import customer_blocks
from rec_assets.prompts.mixture import NEXT_ITEM, Mixture
from rec_assets.prompts.questions import QUESTIONS, prediction_months, question_rows
from rec_assets.prompts.render import train_rows
from rec_assets.prompts.show import prompt_text
from rec_assets.prompts.template import LONGEST_VALUE, find_template, load_template
from rec_assets.prompts.wording import Wording
from rec_assets.workspace import Workspace

NAMES = ("train", *QUESTIONS)


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
    wording = Wording(template, params.prompts.history)
    dated = windows["time"] == "date"
    mixture = _mixture(workspace, params, dated=dated)
    months = prediction_months(workspace.behaviour / "events.parquet", windows)
    rows = dict.fromkeys(NAMES, 0)
    losses = 0
    examples: dict[str, Any] = {}
    with atomic_folder(workspace.prompts) as folder, ExitStack() as stack:
        writers: dict[str, Any] = {}
        wording.save(folder)
        for block in customer_blocks(workspace.behaviour, template, dated=dated):
            render = mixture.train_rows if mixture else train_rows
            tables: dict[str, Any] = {
                "train": render(block, template, wording.history),
                **{kind: question_rows(block, wording, kind, months[kind]) for kind in QUESTIONS},
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
