"""The schemes of item tokens by name, made new or read from disk."""

from pathlib import Path

from safetensors.numpy import load_file, save_file

from rec_assets.errors import ParamsError, RegistryError
from rec_assets.files import read_json, write_json
from rec_assets.generation.digits import DigitTokens
from rec_assets.generation.id_folder import NAME, TENSORS
from rec_assets.generation.item_tokens import Floats, Ints, ItemTokens, SkuTokens
from rec_assets.generation.semantic_ids import SemanticTokens

SCHEMES = ("sku", "digits", "digits2", "digits3", "semantic")


def item_tokens(scheme: str, titles: Floats, seed: int = 0, known: Ints | None = None) -> ItemTokens:
    """Give every SKU its tokens.

    Parameters
    ----------
    scheme
        ``sku``, ``digits`` (one digit a token), ``digits2``, ``digits3`` (two, three) or ``semantic``.
    titles
        ``(n, d)``: title vectors, in the order of the registry.
    seed
        Of the clusterings.
    known
        Rows of ``titles`` that may shape the clusters; None: all.

    Raises
    ------
    ParamsError
        When there is no such scheme.
    """
    if scheme == "sku":
        return SkuTokens(len(titles))
    if scheme == "semantic":
        return SemanticTokens.fit(titles, seed=seed, known=known)
    if scheme in SCHEMES:
        return DigitTokens.fit(len(titles), group=int(scheme.removeprefix("digits") or 1))
    raise ParamsError(f"{scheme!r} is no scheme of item tokens.", f"Choose one of {', '.join(SCHEMES)}.")


def save_item_tokens(tokens: ItemTokens, folder: Path) -> None:
    """Write ``item_tokens.safetensors`` and ``item_tokens.json`` into an existing folder."""
    save_file(tokens.arrays(), folder / TENSORS)
    write_json({"scheme": tokens.scheme}, folder / NAME)


def load_item_tokens(folder: Path) -> ItemTokens:
    """Read what :func:`save_item_tokens` wrote.

    Raises
    ------
    RegistryError
        When the folder holds no item tokens.
    """
    if not (folder / NAME).exists():
        raise RegistryError(f"{folder} holds no {NAME}.", "Make the vocabulary: couturier stage vocabulary.")
    arrays = load_file(folder / TENSORS)
    scheme = read_json(folder / NAME)["scheme"]
    if scheme == "sku":
        return SkuTokens(int(arrays["count"][0]))
    if scheme == "semantic":
        return SemanticTokens(arrays["centroids"], int(arrays["ties"][0]), arrays["words"])
    return DigitTokens(*(int(arrays[name][0]) for name in ("count", "group", "length")))
