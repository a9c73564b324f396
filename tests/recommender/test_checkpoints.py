import json
from pathlib import Path

from rec_assets.recommender.checkpoints import newest_checkpoint


def test_a_checkpoint_cut_short_is_passed_over(tmp_path: Path) -> None:
    for name in ("checkpoint-2", "checkpoint-10", "checkpoint-20", "checkpoint-30"):
        (tmp_path / name).mkdir()
    for name in ("checkpoint-2", "checkpoint-10"):
        (tmp_path / name / "trainer_state.json").write_text(json.dumps({}))
    (tmp_path / "checkpoint-20" / "trainer_state.json").write_text('{"epoch": 2.0, "log_hi')
    assert newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert newest_checkpoint(tmp_path / "none") is None
