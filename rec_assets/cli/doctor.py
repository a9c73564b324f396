"""``couturier doctor``."""

import typer

from rec_assets.cli.application import SET_UP, app


@app.command(rich_help_panel=SET_UP)
def doctor() -> None:
    """Check Python, disk, memory, processor, source, DVC, expectations, W&B, base model and sentence encoder.

    Each finding that would stop a run comes with its cure; then the exit code is 1.

    For example:
      couturier doctor
    """
    from rec_assets.cli.surroundings import examine
    from rec_assets.workspace import Workspace

    ailing = 0
    for finding in examine(Workspace.find()):
        mark, colour = ("ok  ", "green") if finding.well else ("mend", "red")
        typer.secho(f"{mark}  {finding.name:<13} {finding.found}", fg=colour)
        if not finding.well:
            ailing += 1
            typer.secho(f"      cure: {finding.cure}", fg="yellow")
    if ailing:
        raise typer.Exit(1)
    typer.echo("All well: `couturier run`.")
