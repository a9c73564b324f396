"""What a run leaves on the screen."""

import shlex

import pyarrow.parquet as pq

from rec_assets.columns import CUSTOMER
from rec_assets.files import read_json
from rec_assets.report.terminal import final_printout
from rec_assets.workspace import Workspace


def results(workspace: Workspace) -> str:
    """Tables, examples, the promotion's reasons, the report's path, and the next commands to try."""
    lines = [final_printout(workspace), ""]
    decision = workspace.reports / "promotion.json"
    if decision.exists():
        outcome = read_json(decision)
        lines += [f"Promotion: {outcome['decision']} (model {outcome['version']})"]
        lines += [f"  {reason}" for reason in outcome["reasons"]] + [""]
    page = workspace.reports / "report.html"
    if page.exists():
        lines += [f"Report: {page}", ""]
    customer = shlex.quote(_some_customer(workspace))
    steps = {
        f"couturier recommend {customer}": "what to show one customer",
        f"couturier show-prompt {customer} --titles": "what the model reads about them",
        "couturier status": "what is up to date, and who is champion",
        "couturier history": "every decision, with its reasons",
        "couturier export --out DIR": "plain Hugging Face checkpoints",
        "make ui": "the graph in Dagster",
    }
    width = max(map(len, steps))
    lines += ["Next:", *(f"  {command:<{width}}  {why}" for command, why in steps.items())]
    return "\n".join(lines)


def _some_customer(workspace: Workspace) -> str:
    prompts = workspace.prompts / "latest.parquet"
    if not prompts.exists():
        return "CUSTOMER_ID"
    first = next(pq.ParquetFile(prompts).iter_batches(1, columns=[CUSTOMER]), None)
    return str(first.to_pylist()[0][CUSTOMER]) if first is not None and len(first) else "CUSTOMER_ID"
