"""The command line, pointed at a temporary workspace."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from rec_assets.cli import app
from rec_assets.workspace import Workspace


@pytest.fixture
def couturier(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Call ``couturier ARGUMENTS`` in the workspace."""
    monkeypatch.setenv("COUTURIER_HOME", str(workspace.root))

    def call(*arguments: str):
        return CliRunner().invoke(app, list(arguments))

    return call
