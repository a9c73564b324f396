"""Commands for model versions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rec_assets.cli.application import MODELS, app

if TYPE_CHECKING:
    from rec_assets.registry import Champion
    from rec_assets.workspace import Workspace


@app.command(rich_help_panel=MODELS)
def history() -> None:
    """List stored model versions, decisions and switches, oldest first.

    For example:
      couturier history
    """
    from rec_assets.cli.tables import print_table
    from rec_assets.registry import history as read
    from rec_assets.registry import list_versions, read_champion
    from rec_assets.registry.champion import DECIDED
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    rows = []
    for entry in read(workspace):
        if entry["event"] == DECIDED:
            outcome = entry["outcome"]
            rows.append((entry["at"], outcome["version"], outcome["decision"], " ".join(outcome["reasons"])))
        else:
            rows.append((entry["at"], entry["version"], "in service", f"by {entry['by']}"))
    print_table("History", ("at", "version", "event", "reasons"), rows)
    champion = read_champion(workspace)
    typer.echo(f"Champion: {champion.version if champion else 'none yet'}")
    typer.echo(f"Stored versions: {', '.join(list_versions(workspace)) or 'none yet'}")


@app.command(rich_help_panel=MODELS)
def promote(
    version: Annotated[str, typer.Argument(help="A stored version, or the first digits of its id.")],
) -> None:
    """Make a stored version the champion by hand.

    For example:
      couturier promote 3fa9c1
    """
    from rec_assets.registry import promote as switch
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    _in_service(workspace, switch(workspace, version))


@app.command(rich_help_panel=MODELS)
def rollback() -> None:
    """Put the champion's predecessor back in service.

    For example:
      couturier rollback
    """
    from rec_assets.registry import rollback as switch
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    _in_service(workspace, switch(workspace))


def _in_service(workspace: "Workspace", champion: "Champion") -> None:
    from rec_assets.registry.serving import lists_of

    typer.echo(f"Champion: {champion.version}")
    if (listed := lists_of(workspace)) not in (None, champion.version):
        typer.echo(
            f"The lists in {workspace.relative(workspace.recommendations)} are still those of {listed}: "
            "couturier run --from recommendations"
        )


@app.command(rich_help_panel=MODELS)
def export(
    out: Annotated[Path, typer.Option(help="Folder to write; an earlier export is replaced.")] = Path(
        "export"
    ),
) -> None:
    """Write the recommender as plain Hugging Face checkpoints.

    AutoModelForCausalLM.from_pretrained loads the folder, and its sku_branch_1 and so on where there are any;
    at the SKUs, their logits add up to the recommender's. skus.json maps SKUs to token ids.

    For example:
      couturier export --out exported
    """
    from rec_assets.ranking.export import export as write
    from rec_assets.workspace import Workspace

    folder = write(Workspace.find(), out.resolve())
    typer.echo(f"Written to {folder}. Load it with AutoModelForCausalLM.from_pretrained({str(folder)!r}).")
