"""Commands that look at customers and recommend to them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rec_assets.cli.application import SHOP, app
from rec_assets.columns import CATEGORY, COLOUR, PRICE, RANK, SCORE, SKU, TITLE

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER_ID", help="As in the retailer's own files.")]


class PromptTable(StrEnum):
    """Which prompts to read."""

    train = "train"
    validation = "validation"
    test = "test"
    latest = "latest"


@app.command(rich_help_panel=SHOP)
def recommend(
    customer_id: Customer,
    k: Annotated[int, typer.Option("--k", min=1, help="How many articles.")] = 12,
    category: Annotated[list[str] | None, typer.Option(help="Only this category; may be repeated.")] = None,
    max_price: Annotated[float | None, typer.Option(min=0, help="Nothing dearer.")] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Also what was bought before.")
    ] = False,
) -> None:
    """Rank the catalogue for one customer: one forward pass, only articles in stock.

    For example:
      couturier recommend C000001
      couturier recommend C000001 --k 5 --category Trousers --max-price 60
    """
    from rec_assets.cli.tables import print_table
    from rec_assets.params import read_params
    from rec_assets.ranking.recommend import recommend as rank
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    params = read_params(workspace.params_file)
    head = (RANK, SKU, TITLE, CATEGORY, COLOUR, PRICE, SCORE)
    found = rank(workspace, params, customer_id, k, category, max_price, include_seen)
    prices = found[PRICE].map("{:.2f}".format, na_action="ignore").fillna("")
    shown = found.assign(price=prices, score=found[SCORE].map("{:.3f}".format))[list(head)]
    print_table(f"For customer {customer_id}", head, shown.itertuples(index=False))


@app.command("show-prompt", rich_help_panel=SHOP)
def show_prompt(
    customer_id: Customer,
    rows: Annotated[PromptTable, typer.Option(help="Which prompts.")] = PromptTable.latest,
    titles: Annotated[bool, typer.Option("--titles", help="Also list each SKU's title.")] = False,
) -> None:
    """Show what the model reads about one customer.

    For example:
      couturier show-prompt C000001 --titles
      couturier show-prompt C000001 --rows test
    """
    from rec_assets.prompts.show import show_prompt as read
    from rec_assets.workspace import Workspace

    typer.echo(read(Workspace.find(), customer_id, rows=rows.value, titles=titles))


@app.command(rich_help_panel=SHOP)
def synthesize(
    out: Annotated[Path, typer.Option(help="Folder to write; an earlier one is replaced.")],
    customers: Annotated[int | None, typer.Option(min=1, help="Customers; default from params.yaml.")] = None,
    skus: Annotated[int | None, typer.Option(min=1, help="Articles; default from params.yaml.")] = None,
    months: Annotated[
        int | None, typer.Option(min=2, help="Months of purchases; default from params.yaml.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="Morning of the export: nothing of that day or later."),
    ] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Parquet instead of CSV.")] = False,
) -> None:
    """Write the synthetic retailer's files as a retailer would export them.

    Use it to try the `table` source, or to drop a new snapshot where Dagster's sensor looks.

    For example:
      couturier synthesize --out data/incoming/2025-06-01 --until 2025-06-01
      couturier synthesize --out shop --customers 200 --skus 300
    """
    from datetime import date

    from rec_assets.errors import ParamsError
    from rec_assets.params import read_params
    from rec_assets.sources.export import write_retailer
    from rec_assets.workspace import Workspace

    try:
        end = date.fromisoformat(until) if until else None
    except ValueError as error:
        raise ParamsError(f"--until {until!r} is not a date.", "Write it as YYYY-MM-DD.") from error
    size = {"customers": customers, "skus": skus, "months": months}
    params = read_params(Workspace.find().params_file).source.synthetic
    params = params.model_copy(update={key: value for key, value in size.items() if value is not None})
    written = write_retailer(out.resolve(), params, end, "parquet" if parquet else "csv")
    typer.echo(f"{out}: {', '.join(f'{table} {count:,}' for table, count in written.items())}")
