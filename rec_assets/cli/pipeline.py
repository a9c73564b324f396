"""Commands that run the graph and tell where it stands."""

import time
from pathlib import Path
from typing import Annotated

import typer

from rec_assets.cli.application import PIPELINE, app


@app.command(rich_help_panel=PIPELINE)
def run(
    source: Annotated[
        str | None, typer.Option(help="Where the files come from: synthetic, hm, amazon or table.")
    ] = None,
    path: Annotated[Path | None, typer.Option(help="Folder with the retailer's files.")] = None,
    profile: Annotated[
        Path | None, typer.Option(help="YAML file of parameters to merge in, such as profiles/NAME.yaml.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any parameter; may be repeated.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="STAGE", help="Run this stage and all after it, changed or not."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every stage, changed or not.")] = False,
    dvc: Annotated[
        bool, typer.Option("--dvc/--no-dvc", help="Without DVC every stage runs and nothing is versioned.")
    ] = True,
) -> None:
    """Run what changed, from raw purchases to a promoted model, and show the results.

    Options that set a parameter write it into params.yaml, so the next run uses it too.
    A run that was stopped goes on where it was: stages that ended are not repeated.

    For example:
      couturier run
      couturier run --source hm --path /data/hm
      couturier run --set training.epochs=3 --set training.method=lora
      couturier run --from recommender
    """
    from rec_assets.cli.overrides import apply
    from rec_assets.cli.results import results
    from rec_assets.runner import plan, run_pipeline
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    plan((), start=start)  # an unknown stage is said before anything is written
    apply(workspace, source, path, profile, setting)
    began = time.monotonic()
    if not dvc:
        stages = f"{start} and all after it" if start else "every stage"
        typer.secho(f"Without DVC {stages} runs, and nothing is versioned.", fg="yellow", err=True)
    ran = run_pipeline(workspace, force=force, start=start, versioned=dvc, announce=typer.echo)
    typer.echo(f"{len(ran)} stages ran in {time.monotonic() - began:.0f} s.\n")
    typer.echo(results(workspace))


@app.command(rich_help_panel=PIPELINE)
def stage(
    name: Annotated[str, typer.Argument(help="A stage; `couturier status` lists them.")],
) -> None:
    """Run one stage from its inputs on disk to its outputs on disk.

    This is what `dvc repro` calls; `couturier run` is the command for a whole run.

    For example:
      couturier stage evaluation
    """
    from rec_assets.params import read_params
    from rec_assets.pipeline import STAGES, run_stage
    from rec_assets.runner import Ran, describe
    from rec_assets.tracking import inside_a_run, track_reports
    from rec_assets.workspace import Workspace

    began = time.monotonic()
    workspace = Workspace.find()
    report = run_stage(workspace, name)
    if name == STAGES[-1].name and not inside_a_run():  # dvc repro ends here, and nobody else tells W&B
        track_reports(workspace, read_params(workspace.params_file))
    typer.echo(f"{name}: {describe(Ran(name, time.monotonic() - began, report)).strip()}")
    for title, link in report.links.items():
        typer.echo(f"  {title}: {link}")


@app.command(rich_help_panel=PIPELINE)
def status() -> None:
    """Tell which stages are up to date, which model is champion, and the last metrics.

    For example:
      couturier status
    """
    from rec_assets.cli.tables import print_table
    from rec_assets.errors import VersioningError
    from rec_assets.pipeline import STAGES, downstream
    from rec_assets.registry import read_champion
    from rec_assets.report.terminal import metrics_table
    from rec_assets.versioning import changed_stages
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    states = dict.fromkeys((entry.name for entry in STAGES), "unknown")
    try:
        changed = changed_stages(workspace)
    except VersioningError as error:
        typer.secho(f"{error.problem} {error.cure}", fg="yellow", err=True)
    else:
        states = dict.fromkeys(states, "up to date")
        states |= {entry.name: "follows a changed stage" for entry in downstream(changed)}
        states |= dict.fromkeys(changed, "changed")
    rows = [(entry.name, states[entry.name], ", ".join(entry.outputs)) for entry in STAGES]
    print_table("Stages", ("stage", "state", "writes"), rows)
    champion = read_champion(workspace)
    since = f", replaced {champion.previous[0]}" if champion and champion.previous else ""
    typer.echo(f"Champion: {champion.version if champion else 'none yet'}{since}")
    typer.echo(f"\n{metrics_table(workspace)}")


@app.command(rich_help_panel=PIPELINE)
def params(
    section: Annotated[str | None, typer.Argument(help="Only this section, such as training.")] = None,
) -> None:
    """List every parameter with its value and meaning.

    For example:
      couturier params
      couturier params training
    """
    from rec_assets.cli.explain import explain
    from rec_assets.cli.tables import print_table
    from rec_assets.errors import ParamsError
    from rec_assets.params import read_params
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    rows = explain(read_params(workspace.params_file))
    sections = list(dict.fromkeys(row[0].partition(".")[0] for row in rows))
    if section is not None and section not in sections:
        raise ParamsError(f"params.yaml has no section {section!r}.", f"Sections: {', '.join(sections)}.")
    chosen = [row for row in rows if section in (None, row[0].partition(".")[0])]
    print_table(str(workspace.params_file), ("key", "value", "meaning"), chosen)


@app.command(rich_help_panel=PIPELINE)
def trends() -> None:
    """Measure how far the newest purchases have moved from the champion's training window.

    For example:
      couturier trends
    """
    from rec_assets.cli.tables import print_table
    from rec_assets.drift.measures import shifted
    from rec_assets.params import read_params
    from rec_assets.workspace import Workspace

    workspace = Workspace.find()
    measures = shifted(workspace, read_params(workspace.params_file))
    if not measures:
        typer.echo("Nothing to compare: no validated data after a training window with dates.")
        return
    rows = [
        (
            one.name,
            f"{one.distance:.3f}",
            f"{one.threshold:.3f}",
            f"{one.noise:.3f}",
            "-" if one.last_year is None else f"{one.last_year:.3f}",
            "shifted" if one.shifted else "",
        )
        for one in measures
    ]
    head = ("mix", "distance", "threshold", "by chance", "to last year's weeks", "verdict")
    print_table("Newest weeks against the champion's training window", head, rows)
