"""Runs stages of the product in a workspace of its own; what is done already is not done again.

``stages.json`` beside ``params.yaml`` remembers of each stage the parameters it ran with, its cost and its
metrics. A stage whose parameters have changed runs again, and so do those that read from it. A recommender
that was killed goes on from its checkpoint, and the time that went into it before counts.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from harness.memory import peak_mb
from harness.results import PROJECT, commit
from rec_assets.params import Params, read_params
from rec_assets.pipeline import STAGES, Stage, downstream, run_stage, stage
from rec_assets.workspace import Workspace

PREPARATION = {entry.name for entry in STAGES if entry.group in ("data", "features")}
SHARED = ("raw_data", "validated_data")
RESUMES = "recommender"
BEAT_SECONDS = 10.0
Record = dict[str, Any]


def make_workspace(root: Path, params: Params) -> Workspace:
    """Make a folder in which stages run with these parameters, or give the one that is there."""
    root.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False)
    file = root / "params.yaml"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
    suites = root / "great_expectations"
    if not suites.exists():
        without = shutil.ignore_patterns("uncommitted")
        shutil.copytree(PROJECT / "great_expectations", suites, ignore=without)
    return Workspace(root)


def share_data(data: Workspace, here: Workspace) -> None:
    """Take raw and validated tables of another workspace as this one's own: linked, so they take no room.

    Stages replace a folder whole and never write into one, so neither workspace can change the other's.
    """
    done, known = records(here), records(data)
    for name in SHARED:
        if done.get(name) == known[name]:
            continue
        for path in (here.root / output for output in stage(name).outputs):
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            source = data.root / path.relative_to(here.root)
            if source.is_dir():
                shutil.copytree(source, path, copy_function=os.link)
            else:
                os.link(source, path)
        done = _without(done, name) | {name: known[name]}
    _write(here, done)


def needed(last: str) -> tuple[Stage, ...]:
    """List a stage and all it reads from, in running order."""
    names = {last}
    for entry in reversed(STAGES):  # in topological order, so one pass backwards finds them all
        if entry.name in names:
            names.update(entry.after)
    return tuple(entry for entry in STAGES if entry.name in names)


def run_until(workspace: Workspace, last: str) -> dict[str, Record]:
    """Run a stage and all it reads from, except what was run with the same parameters.

    Returns
    -------
    dict
        By stage: ``sections``, ``seconds``, ``peak_mb`` of the process, ``commit`` and ``metrics``; of the
        baselines also the seconds ``by_model``.
    """
    params = read_params(workspace.params_file)
    written = params.model_dump(mode="json")
    with FileLock(workspace.root / "benchmark.lock"):  # waits, where a stage's own lock would give up
        done = records(workspace)
        for entry in needed(last):
            sections = {name: written[name] for name in entry.sections}
            if done.get(entry.name, {}).get("sections") == sections:
                continue
            done = _without(done, entry.name)
            _write(workspace, done)
            with _clock(workspace, entry.name, sections) as cost:
                report = run_stage(workspace, entry.name)
            done[entry.name] = {
                "sections": sections,
                **cost,
                "commit": commit(),
                "metrics": dict(report.metrics),
            }
            if "baselines" in report.tables:
                table = report.tables["baselines"]
                done[entry.name]["by_model"] = dict(zip(table["model"], table["seconds"], strict=True))
            _write(workspace, done)
    return {entry.name: done[entry.name] for entry in needed(last)}


def cost_of(done: dict[str, Record]) -> dict[str, Any]:
    """Sum what a model cost, the preparation of the data left out, which every model shares."""
    own = [record for name, record in done.items() if name not in PREPARATION]
    return {
        "seconds": sum(record["seconds"] for record in own),
        "peak_mb": max(record["peak_mb"] for record in own),
        "commits": {record["commit"] for record in own},
    }


def records(workspace: Workspace) -> dict[str, Record]:
    """Read what was run in a workspace."""
    file = workspace.root / "stages.json"
    known: dict[str, Record] = json.loads(file.read_text()) if file.exists() else {}
    return known


def _without(done: dict[str, Record], name: str) -> dict[str, Record]:
    stale = {entry.name for entry in downstream([name])}
    return {known: record for known, record in done.items() if known not in stale}


def _write(workspace: Workspace, done: dict[str, Record]) -> None:
    _replace(workspace.root / "stages.json", done)


def _replace(file: Path, content: Any) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n")
    part.replace(file)


@contextmanager
def _clock(workspace: Workspace, name: str, sections: Record) -> Iterator[Record]:
    """Measure a stage; tell the time now and then, for whoever goes on after a kill."""
    file = workspace.root / "running.json"
    lost: Record = {"seconds": 0.0, "peak_mb": 0}
    if name == RESUMES and file.exists():
        left = json.loads(file.read_text())
        if (left["stage"], left["sections"]) == (name, sections):
            lost = left
    start = time.perf_counter()
    cost: Record = {}
    ended = threading.Event()

    def read() -> Record:
        seconds = lost["seconds"] + time.perf_counter() - start
        return {"seconds": round(seconds, 2), "peak_mb": max(lost["peak_mb"], peak_mb())}

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            _replace(file, {"stage": name, "sections": sections, **read()})

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield cost
        cost |= read()
    finally:
        ended.set()
        thread.join()
    file.unlink(missing_ok=True)
