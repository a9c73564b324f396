"""The append-only SKU registry: an SKU keeps its token for ever."""

from pathlib import Path

import pandas as pd

from rec_assets import columns as c
from rec_assets.errors import RegistryError
from rec_assets.files import content_hash, read_table
from rec_assets.generation.id_folder import words_continue


def token_of(sku: str) -> str:
    """Text of an SKU's token.

    >>> token_of("0108775015")
    '<sku:0108775015>'
    """
    return f"<sku:{sku}>"


def extend_registry(parent: pd.DataFrame | None, articles: pd.DataFrame) -> pd.DataFrame:
    """Give every article a token; keep every token ever given.

    Parameters
    ----------
    parent
        The registry this one extends, or None for the first.
    articles
        ``features/behaviour/articles.parquet``: the whole catalogue.

    Returns
    -------
    pandas.DataFrame
        Columns ``sku, token, sku_index, listed, retired, train_purchases``; row ``i`` has ``sku_index``
        ``i``. SKUs of the parent come first, in their old order; new ones follow by the day they were
        introduced or first bought, then by SKU. ``listed`` are those of the catalogue; those that left it or
        its stock are ``retired``.

    Raises
    ------
    RegistryError
        When the parent's indices are not 0, 1, 2, ….
    """
    known: list[str] = []
    if parent is not None:
        if parent[c.SKU_INDEX].tolist() != list(range(len(parent))):
            raise RegistryError(
                "The parent's SKU registry has gaps or is out of order.",
                "Set lineage.parent to an undamaged version (couturier history), or to null to start anew.",
            )
        known = parent[c.SKU].tolist()
    first_day = articles[c.INTRODUCED].fillna(articles[c.FIRST_SEEN])
    ordered = articles.assign(first_day=first_day).sort_values(
        ["first_day", c.SKU], na_position="last", kind="stable"
    )
    old = set(known)
    skus = known + [sku for sku in ordered[c.SKU] if sku not in old]
    by_sku = articles.set_index(c.SKU)
    available = by_sku[c.AVAILABLE].fillna(True).astype(bool)
    return pd.DataFrame(
        {
            c.SKU: skus,
            c.TOKEN: [token_of(sku) for sku in skus],
            c.SKU_INDEX: range(len(skus)),
            c.LISTED: pd.Index(skus).isin(by_sku.index),
            c.RETIRED: ~available.reindex(skus, fill_value=False).to_numpy(),
            c.TRAIN_PURCHASES: by_sku[c.TRAIN_PURCHASES].reindex(skus, fill_value=0).to_numpy(),
        }
    )


def extends(newer: Path, older: Path) -> bool:
    """Whether one vocabulary folder continues another: same tokens, same title space, perhaps more SKUs.

    Where SKUs are words of id tokens, these are the same too.

    A model trained with ``older`` then works with ``newer``, and can rank its new arrivals.
    """
    if not all((folder / "title_space.safetensors").exists() for folder in (newer, older)):
        return False
    if content_hash(newer / "title_space.safetensors") != content_hash(older / "title_space.safetensors"):
        return False
    known = read_table(older / "registry.parquet", [c.SKU])[c.SKU].tolist()
    if read_table(newer / "registry.parquet", [c.SKU])[c.SKU].tolist()[: len(known)] != known:
        return False
    return words_continue(newer, older)
