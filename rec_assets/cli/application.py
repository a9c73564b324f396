"""The application object: its help, its global options, and how errors reach the user."""

import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rec_assets.errors import CouturierError

PIPELINE = "Pipeline"
SHOP = "Look and recommend"
MODELS = "Models"
SET_UP = "Set up"


class Commands(TyperGroup):
    """Turns an error the user can mend into two lines on stderr; ``--debug`` keeps the stack trace."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Show the panels in the order a newcomer needs them."""
        panels = (PIPELINE, SHOP, MODELS, SET_UP)
        commands: dict[str, Any] = dict(self.commands)
        return sorted(commands, key=lambda name: panels.index(commands[name].rich_help_panel))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        if not ctx.params.get("debug"):
            # Libraries warn their callers of changes to come; a user can do nothing about them.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return super().invoke(ctx)
        except CouturierError as error:
            if ctx.params.get("debug"):
                raise
            typer.secho(f"Error: {error.problem}", fg="red", err=True)
            if error.cure:
                typer.secho(f"Cure:  {error.cure}", fg="yellow", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.secho("\nStopped. Run the same command again to go on from here.", fg="yellow", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    name="couturier",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Every command explains itself: [bold]couturier COMMAND --help[/bold].",
)


@app.callback()
def couturier(
    debug: Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")] = False,
) -> None:
    """Retrain a language model to be a fashion retailer's recommender.

    A first run on the built-in synthetic retailer, and a look at it:
      couturier doctor
      couturier run
      couturier recommend C000001

    The same on your own files:
      couturier run --source hm --path /data/hm
    """
