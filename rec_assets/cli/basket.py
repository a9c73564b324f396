"""The command that samples a basket."""

from typing import Annotated

import typer

from rec_assets.cli.application import SHOP, app
from rec_assets.cli.shop import Customer
from rec_assets.columns import CATEGORY, COLOUR, PRICE, RANK, SKU, TITLE


@app.command("suggest-basket", rich_help_panel=SHOP)
def suggest_basket(
    customer_id: Customer,
    chains: Annotated[int, typer.Option(min=1, help="How many ways the purchases may go.")] = 4,
    length: Annotated[int, typer.Option(min=1, help="Articles a chain.")] = 10,
    temperature: Annotated[float, typer.Option(help="Below 1: nearer to the most probable.")] = 0.7,
    top_k: Annotated[int, typer.Option(min=0, help="Articles drawn from at each step; 0: all.")] = 950,
    top_p: Annotated[float, typer.Option(help="Of these, the fewest with this share of probability.")] = 0.9,
    k: Annotated[int, typer.Option("--k", min=1, help="How many articles.")] = 12,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Also what was bought before.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Of the draws; default: run.seed.")] = None,
) -> None:
    """Sample what one customer may buy next, one article after the other, and merge the chains.

    `recommend` ranks the next purchase; here each article is chosen knowing the ones before it in its chain,
    so that a basket belongs together. Articles that more chains hold, and hold earlier, come first.

    For example:
      couturier suggest-basket C000001
      couturier suggest-basket C000001 --chains 8 --temperature 1.0 --seed 3
    """
    from rec_assets.cli.tables import print_table
    from rec_assets.generation.basket import VOTES
    from rec_assets.generation.basket import suggest_basket as suggest
    from rec_assets.generation.chains import Sampling
    from rec_assets.params import read_params
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    sampling = Sampling(chains, length, temperature, top_k or None, top_p)
    found = suggest(
        workspace, read_params(workspace.params_file), customer_id, k, sampling, include_seen, seed
    )
    head = (RANK, SKU, TITLE, CATEGORY, COLOUR, PRICE, VOTES)
    prices = found[PRICE].map("{:.2f}".format, na_action="ignore").fillna("")
    shown = found.assign(price=prices)[list(head)]
    print_table(f"A basket for customer {customer_id}", head, shown.itertuples(index=False))
