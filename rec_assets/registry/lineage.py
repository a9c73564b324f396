"""Which model a training continues: the champion, while the retailer is the same."""

from typing import Any

from rec_assets.params import Params
from rec_assets.registry.champion import read_champion
from rec_assets.workspace import Workspace


def source_of(params: Params) -> dict[str, Any]:
    """Give what tells one retailer from another: kind and folder, or what the synthetic one sells."""
    source = params.source
    if source.kind == "synthetic":
        return {"kind": source.kind, "seed": source.synthetic.seed, "skus": source.synthetic.skus}
    return {"kind": source.kind, "path": source.path.as_posix()}


def parent_of(workspace: Workspace, params: Params) -> str | None:
    """Version whose SKU registry a new training extends.

    The champion's, none where the champion was trained for another retailer, and what ``params.yaml`` says
    where there is no champion yet.
    """
    champion = read_champion(workspace)
    if champion is None:
        return params.lineage.parent
    return champion.version if champion.source == source_of(params) else None
