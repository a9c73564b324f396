"""The ``promotion`` stage: store the challenger, decide once, switch the champion.

What it decides depends on the champion, which lives outside DVC. So a decision is taken once per evidence
(version, scores, ``promotion`` parameters), recorded, and given again word for word when the stage repeats:
``dvc repro --force`` writes the same bytes, and a champion that was rolled back is not promoted anew.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from rec_assets.columns import CUSTOMER, MASKED, MODEL
from rec_assets.errors import CouturierError, RegistryError
from rec_assets.files import content_hash, read_json, read_table, write_json
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.registry.champion import (
    DECIDED,
    SWITCHED,
    Champion,
    complete_history,
    history,
    promote,
    read_champion,
    record_event,
)
from rec_assets.registry.decision import KEPT, Verdict, decide
from rec_assets.registry.lineage import source_of
from rec_assets.registry.scores import ChampionScores, rank_and_score
from rec_assets.registry.versions import store, verified, version_folder, version_id
from rec_assets.registry.windows import TEST, learnt_ahead
from rec_assets.workspace import Workspace

RECOMMENDER = "couturier"
BY = "promotion"


def run(
    workspace: Workspace, params: Params, champion_scores: ChampionScores = rank_and_score
) -> StageReport:
    """Write ``promotion.json``: the decision, its reasons, the comparisons behind it.

    Parameters
    ----------
    workspace, params
        As for every stage.
    champion_scores
        Ranks the newest holdout with a stored version and scores its lists.
    """
    version = version_id(workspace)
    scores = workspace.reports / "evaluation" / "per_customer.parquet"
    evidence = _evidence(version, scores, params)
    details = {
        "windows": read_json(workspace.splits / "windows.json"),
        "source": source_of(params),
        "parent": params.lineage.parent,
    }
    store(workspace, version, details)
    complete_history(workspace)
    recorded = _recorded(workspace, evidence)
    if recorded is None:
        recorded = _decide(workspace, params, version, scores, champion_scores)
        # Recorded before the switch: a run killed between the two finds its decision and completes it.
        record_event(workspace, DECIDED, {"evidence": evidence, "outcome": recorded})
    if recorded["decision"] != KEPT and not _switched_since(workspace, evidence):
        promote(workspace, version, by=BY)
    write_json(recorded, workspace.reports / "promotion.json")
    return StageReport(
        summary=f"{recorded['decision']}: {' '.join(recorded['reasons'])}",
        metrics={f"lead_over_{one['against']}": one["difference"] for one in recorded["comparisons"]},
        tables={"comparisons": pd.DataFrame(recorded["comparisons"])},
    )


def _decide(
    workspace: Workspace, params: Params, version: str, scores: Path, champion_scores: ChampionScores
) -> dict[str, Any]:
    judged = _judged(scores, params)
    challenger = judged.pop(RECOMMENDER)
    champion = read_champion(workspace)
    if champion and champion.version == version:
        verdict = Verdict(KEPT, ("This model is the champion already.",), ())
    else:
        reason = _not_compared(workspace, params, champion) if champion else None
        rival = None
        if champion and reason is None:
            folder = version_folder(workspace, champion.version)
            try:
                rival = (champion.version, champion_scores(workspace, params, folder))
            except CouturierError as error:
                reason = f"The champion was not compared: {error.problem}"
        first = champion is None or champion.source != source_of(params)
        verdict = decide(challenger, judged, rival, params.promotion, first=first)
        reasons = verdict.reasons if reason is None else (reason, *verdict.reasons)
        verdict = Verdict(verdict.decision, reasons, verdict.comparisons)
    stays = champion.version if champion else None
    return {
        "decision": verdict.decision,
        "version": version,
        "champion": stays if verdict.decision == KEPT else version,
        "reasons": list(verdict.reasons),
        "comparisons": [asdict(one) for one in verdict.comparisons],
    }


def _not_compared(workspace: Workspace, params: Params, champion: Champion) -> str | None:
    """Say why the champion cannot be held against the challenger; None where it can."""
    if champion.source != source_of(params):
        return f"Champion {champion.version} was trained for another source and was not compared."
    try:
        trained = verified(workspace, champion.version)["windows"]
    except RegistryError as error:
        return f"The champion was not compared: {error.problem}"
    windows = read_json(workspace.splits / "windows.json")
    if learnt_ahead(trained, windows, TEST):
        return f"Champion {champion.version} was not compared: it learnt from purchases that are judged now."
    return None


def _judged(scores: Path, params: Params) -> dict[str, pd.Series]:
    metric = params.promotion.metric
    frame = read_table(scores)
    if metric not in frame:
        known = ", ".join(name for name in frame.columns if "@" in name)
        raise RegistryError(
            f"{scores} has no metric {metric!r}.", f"Set promotion.metric to one of: {known}."
        )
    frame = frame[frame[MASKED] == params.promotion.masked]
    judged = {str(name): rows.set_index(CUSTOMER)[metric] for name, rows in frame.groupby(MODEL)}
    if RECOMMENDER not in judged:
        raise RegistryError(
            f"{scores} holds no score of the recommender.", "Run `couturier run --from evaluation`."
        )
    return judged


def _evidence(version: str, scores: Path, params: Params) -> str:
    if not scores.exists():
        raise RegistryError(f"{scores} does not exist.", "Run the evaluation first: couturier run.")
    known = [version, content_hash(scores), params.promotion.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def _recorded(workspace: Workspace, evidence: str) -> dict[str, Any] | None:
    for entry in history(workspace):
        if entry["event"] == DECIDED and entry["evidence"] == evidence:
            outcome: dict[str, Any] = entry["outcome"]
            return outcome
    return None


def _switched_since(workspace: Workspace, evidence: str) -> bool:
    """Whether the decision on this evidence was already carried out (and perhaps undone since)."""
    entries = history(workspace)
    decided = next(place for place, entry in enumerate(entries) if entry.get("evidence") == evidence)
    version = entries[decided]["outcome"]["version"]
    return any(entry["event"] == SWITCHED and entry["version"] == version for entry in entries[decided:])
