"""A vocabulary of id tokens, laid out like that of the SKUs, so that the same model is built around it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from rec_assets import columns as c
from rec_assets.backbone.load import load_tokenizer
from rec_assets.files import atomic_folder, read_json, read_table, write_json, write_table
from rec_assets.generation.item_tokens import Floats, ItemTokens
from rec_assets.generation.schemes import save_item_tokens
from rec_assets.vocabulary.sku_tokens import extend_tokenizer

CO_PURCHASES = "co_purchases.safetensors"


def write_id_vocabulary(tokens: ItemTokens, vocabulary: Path, base: Path, folder: Path) -> None:
    """Write the registry, start vectors and tokenizer of id tokens, and the item tokens themselves.

    ``rec_assets.recommender.build.build(base, folder, recipe)`` then makes the recommender of these tokens:
    the same layers, adapters and gates, with ``C`` vectors that enter and, layer normalised, are the head.

    Parameters
    ----------
    tokens
        The scheme.
    vocabulary
        ``data/vocabulary``: registry, titles and, where it has them, co-purchase vectors of the SKUs.
    base
        ``data/models/base``.
    folder
        Where; an earlier one is replaced.
    """
    registry = read_table(vocabulary / "registry.parquet")
    titles = load_file(vocabulary / "item_titles.safetensors")["titles"]
    words = read_json(vocabulary / "vocabulary.json")["words"]
    held = _holders(tokens)
    sold = held @ registry[c.TRAIN_PURCHASES].to_numpy()
    names = [f"{tokens.scheme}:{token}" for token in range(tokens.size)]
    table = pd.DataFrame(
        {
            c.SKU: names,
            c.TOKEN: [f"<{name}>" for name in names],
            c.SKU_INDEX: range(tokens.size),
            c.LISTED: True,
            c.RETIRED: False,
            c.TRAIN_PURCHASES: sold.astype(np.int64),
        }
    )
    with atomic_folder(folder) as part:
        write_table(table, part / "registry.parquet")
        save_file({"titles": start_vectors(tokens, titles)}, part / "item_titles.safetensors")
        if (vocabulary / CO_PURCHASES).exists():
            vectors = load_file(vocabulary / CO_PURCHASES)["vectors"]
            bought = co_purchase_starts(tokens, registry[c.TRAIN_PURCHASES].to_numpy() > 0, vectors)
            save_file({"vectors": bought}, part / CO_PURCHASES)
        extend_tokenizer(load_tokenizer(base), words, table).save_pretrained(part / "tokenizer")
        write_json({"words": words, "skus": tokens.size, "width": titles.shape[1]}, part / "vocabulary.json")
        save_item_tokens(tokens, part)


def start_vectors(tokens: ItemTokens, titles: Floats) -> Floats:
    """Start each id token at the mean title of the SKUs that hold it, scaled to the titles' own length.

    Parameters
    ----------
    tokens
        ``C`` tokens for ``n`` SKUs.
    titles
        ``(n, d)``.

    Returns
    -------
    numpy.ndarray
        ``(C, d)``, float32; zeros for a token that no SKU holds yet.
    """
    held = _holders(tokens)
    means = held @ titles / np.maximum(np.asarray(held.sum(axis=1)), 1)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    usual = float(np.sqrt((titles.astype(np.float64) ** 2).sum(axis=1).mean()))
    return np.asarray(means * (usual / np.maximum(lengths, 1e-6)), dtype=np.float32)


def co_purchase_starts(tokens: ItemTokens, sold: npt.NDArray[np.bool_], vectors: Floats) -> Floats:
    """Give each id token that was sold the mean co-purchase vector of the SKUs that hold it.

    Parameters
    ----------
    tokens
        ``C`` tokens for ``n`` SKUs.
    sold
        ``(n,)``: whether the SKU was sold in training.
    vectors
        ``(s, d)``: :func:`rec_assets.vocabulary.co_purchases.co_purchase_vectors` of the SKUs sold.

    Returns
    -------
    numpy.ndarray
        ``(t, d)``, float32, for the ``t`` tokens of SKUs sold, in their order: unit vectors, or zeros.
    """
    held = _holders(tokens)[:, np.flatnonzero(sold)]
    told = np.asarray(held.sum(axis=1)).ravel() > 0
    sums = np.asarray(held[told] @ vectors, dtype=np.float32)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 1e-6)


def _holders(tokens: ItemTokens) -> csr_matrix:
    """Which SKUs hold a token: ``(C, n)`` of zeros and ones."""
    skus, length = tokens.codes.shape
    columns = np.repeat(np.arange(skus), length)
    ones = np.ones(skus * length, dtype=np.float32)
    return csr_matrix((ones, (tokens.codes.ravel(), columns)), shape=(tokens.size, skus))
