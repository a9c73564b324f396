"""Zero-shot: trained on one part of H&M's catalogue, asked to rank another that it never saw.

The other part's SKUs join the registry with no purchase counted, and ``ranking.demand`` is off, which would
count that part's sales: so the model has nothing of them but their titles, in histories and among the
candidates. The rules it is held against have learnt from that part's own purchases.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.hm import hm_source, plain, workspaces
from harness.judged import judge_workspace
from harness.stages import run_until
from rec_assets.files import atomic_folder, write_table
from rec_assets.params import read_params
from rec_assets.ranking.holdout import rank_holdout
from rec_assets.workspace import Workspace

RULES = ("popular", "popular_in_category", "repeat", "title_knn")
PARENT = "trained-elsewhere"


def zero_shot_pairs(
    model: str,
    groups: tuple[str, str],
    run: str,
    cutoffs: Sequence[str],
    changes: Mapping[str, Any],
    work: Path,
    customers: int | None,
) -> pd.DataFrame:
    """Train on one group and rank the other's catalogue for the other's customers, at each date.

    Parameters
    ----------
    model
        Its name in the table.
    groups
        ``index_group_name`` trained on, and asked about.
    run
        Name of the run's files.
    cutoffs, changes, work
        As in :func:`~harness.hm.run_hm`.
    customers
        Of a smoke run.

    Returns
    -------
    pandas.DataFrame
        Rows as :func:`~harness.judged.judge_workspace` gives them, of the model and of :data:`RULES`.
    """
    known, asked = groups
    sources = {group: {"source.path": str(hm_source(work, customers, group))} for group in groups}
    there_too = {**changes, **sources[asked], "lineage.parent": PARENT, "baselines.models": list(RULES)}
    frames = []
    for (as_of, trained), (_, there) in zip(
        workspaces(f"{run}-{plain(known)}", cutoffs, {**changes, **sources[known]}, work),
        workspaces(f"{run}-{plain(known)}-{plain(asked)}", cutoffs, there_too, work),
        strict=True,
    ):
        print(f"{known} → {asked}, as of {as_of}")
        run_until(trained, "recommender")
        frames.append(judge_workspace(there, _lists(model, trained, there)))
    return pd.concat(frames, ignore_index=True)


def _lists(model: str, trained: Workspace, there: Workspace) -> dict[str, Path]:
    """Rank the other catalogue with the model and with the rules; give the files of lists."""
    # The registry is append-only: new SKUs follow the known ones, in the title space that is known.
    with atomic_folder(there.registry / "versions" / PARENT / "vocabulary") as folder:
        shutil.copytree(trained.vocabulary, folder, dirs_exist_ok=True)
    for stage in ("vocabulary", "prompts", "baselines"):
        run_until(there, stage)
    params = read_params(there.params_file)
    blind = params.ranking.model_copy(update={"demand": False})
    params = params.model_copy(update={"ranking": blind})
    lists = rank_holdout(there, params, trained.recommender, there.vocabulary, trained.base_model)
    files = {model: there.holdout_rankings / "couturier.parquet"}
    write_table(lists, files[model])
    rules = {name: there.baseline_rankings / f"{name}.parquet" for name in RULES}
    return files | {name: path for name, path in rules.items() if path.exists()}
