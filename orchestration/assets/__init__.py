"""Assets: one per stage of the pipeline."""

from orchestration.assets.stages import assets

__all__ = ["assets"]
