"""What assets and sensors share: the workspace they work in."""

from pathlib import Path

import dagster as dg

from rec_assets.workspace import Workspace


class WorkspaceResource(dg.ConfigurableResource):
    """The folder that holds ``params.yaml``, ``dvc.yaml`` and ``data/``.

    Parameters
    ----------
    root
        Its path; empty: ``COUTURIER_HOME``, or the nearest folder upwards that holds ``params.yaml``.
    """

    root: str = ""

    def open(self) -> Workspace:
        """Give the workspace."""
        return Workspace(Path(self.root).resolve()) if self.root else Workspace.find()
