"""The command line: ``couturier``. Each file holds one group of commands; heavy imports stay inside them."""

from rec_assets.cli import basket, doctor, heads, models, pipeline, shop, teach
from rec_assets.cli.application import app

__all__ = ["app", "basket", "doctor", "heads", "main", "models", "pipeline", "shop", "teach"]


def main() -> None:
    """Run the command line."""
    app()
