"""The benchmarks of training speed, memory and cost, on a tiny retailer and by hand."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from harness.results import command_line, write
from speed import costs, couturier, stock
from speed.catalogues import catalogue
from speed.equal_loss import common_loss, pace, reach
from speed.growth import ann_from, draw_cost, needed, straight
from speed.holdout_loss import holdout_loss
from speed.lesson import Lesson, read_lesson
from speed.meter import Meter
from speed.plots import loss_curves
from speed.runs import measured
from speed.usage import activation_bytes, optimiser_bytes, weight_bytes
from torch import nn

from rec_assets.params import Training
from rec_assets.recommender.build import sku_model
from rec_assets.workspace import Workspace


@pytest.fixture
def lesson(prepared_workspace: Workspace) -> Lesson:
    return read_lesson(prepared_workspace.root, judged=20, seed=1)


def settings(lesson: Lesson, method: str = "lora") -> Training:
    rates = {"learning_rate": 3e-3, "item_learning_rate": 1e-2}
    return Training.model_validate(lesson.params.training.model_dump() | rates | {"method": method})


def test_stock_reads_the_same_tokens_and_learns_the_very_skus(lesson, tmp_path):
    trainer, _ = stock.trainer(
        lesson, settings(lesson), "grouped", 1, tmp_path, lambda loss: Meter(stock.count, loss, 1, 1)
    )
    learnt_at_all = 0
    words = trainer.model.get_input_embeddings().weight.shape[0] - len(lesson.registry)
    for row, read in zip(lesson.rows, trainer.train_dataset, strict=True):
        assert sorted(read["input_ids"]) == sorted(row.ids.tolist())
        learnt = [label - words for label in read["labels"] if label >= 0]
        assert learnt == row.targets[row.targets >= 0].tolist()
        learnt_at_all += len(learnt)
    assert learnt_at_all > 100


def test_stock_is_told_a_moment_right_before_its_sku(lesson):
    tokenizer = lesson.encoder
    prompts = pd.DataFrame(
        {
            "header": ["For: women"] * 2,
            "moments": [[" in May", "", " in July"], []],
            "history": [lesson.registry["sku"][:3].tolist(), []],
            "closing": [" in August", " in May"],
        }
    )
    words = {text: tokenizer.encode(_closing_alone(text))[0].ids[1:].tolist() for text in _MOMENTS}
    full, bare = stock.rows_in_order(lesson.encoder, prompts)
    sku = [lesson.encoder._base_size + index for index in range(3)]
    header = tokenizer.encode(_closing_alone("For: women"))[0].ids.tolist()
    expected = [*header, *words[" in May"], sku[0], sku[1], *words[" in July"], sku[2], *words[" in August"]]
    assert full.ids.tolist() == expected
    assert bare.ids.tolist() == [*header, *words[" in May"]]


_MOMENTS = (" in May", " in July", " in August")


def _closing_alone(closing: str) -> pd.DataFrame:
    return pd.DataFrame({"header": [""], "moments": [[]], "history": [[]], "closing": [closing]})


@pytest.mark.parametrize("batching", ["grouped", "packed"])
def test_stock_trains_new_rows_and_only_those(lesson, tmp_path, batching):
    trainer, meter = stock.trainer(
        lesson, settings(lesson), batching, 1, tmp_path, lambda loss: Meter(stock.count, loss, 20, 120)
    )
    inner = trainer.model.get_base_model()
    before = inner.get_output_embeddings().weight.detach().clone()
    trainer.train()
    moved = (inner.get_output_embeddings().weight != before).any(dim=1)
    words = len(before) - len(lesson.registry)
    assert moved[words:].float().mean() > 0.9
    assert not moved[:words].any()
    torch.testing.assert_close(inner.get_input_embeddings().weight, inner.get_output_embeddings().weight)
    assert meter.curve[-1]["loss"] < meter.curve[0]["loss"]
    assert 120 <= meter.curve[-1]["samples"] < 200
    assert meter.curve[-1]["targets"] > meter.curve[-1]["samples"]


def test_the_meter_counts_what_couturier_learns_from(lesson, tmp_path):
    trainer, meter = couturier.trainer(
        lesson, settings(lesson), 1, tmp_path, lambda loss: Meter(couturier.count, loss, 15, len(lesson.rows))
    )
    trainer.train()
    assert meter.curve[-1]["samples"] == len(lesson.rows)
    assert meter.curve[-1]["targets"] == sum(int((row.targets >= 0).sum()) for row in lesson.rows)
    assert meter.steps == trainer.state.global_step
    assert meter.curve[-1]["loss"] < meter.curve[0]["loss"]
    seconds = [point["seconds"] for point in meter.curve]
    assert seconds == sorted(seconds)


def test_the_held_out_loss_is_that_of_a_softmax_over_the_skus_sold(lesson, tmp_path):
    trainer, _ = couturier.trainer(lesson, settings(lesson), 1, tmp_path)
    model = sku_model(trainer.model)
    found = holdout_loss(
        model, model.last_states, model.head, lesson.held_out, lesson.bought, lesson.sold, tokens=64
    )
    model.eval()
    with torch.no_grad():
        by_hand = []
        for row, sku in zip(lesson.held_out, lesson.bought, strict=True):
            states = model.last_states(torch.from_numpy(row.ids)[None], torch.tensor([len(row.ids) - 1]))[0]
            rivals = (model.head() @ states)[sorted(_sold(lesson))]
            by_hand.append(rivals.logsumexp(dim=0) - (model.head() @ states)[sku])
    assert found == pytest.approx(float(torch.stack(by_hand).mean()), rel=1e-5)


def test_customers_are_judged_by_what_was_sold_in_training(lesson):
    assert lesson.sold.tolist() == sorted(_sold(lesson))
    assert 0 < len(lesson.bought) == len(lesson.held_out) == len(lesson.asked) <= 20
    assert set(lesson.bought.tolist()) <= _sold(lesson)
    first = [basket[0] for basket in lesson.asked["targets"]]
    assert lesson.registry["sku"][lesson.bought.numpy()].tolist() == first


def _sold(lesson: Lesson) -> set[int]:
    return {int(sku) for row in lesson.rows for sku in row.targets if sku >= 0}


def test_as_stock_leaves_what_stock_can_train():
    plain = couturier.as_stock(Training())
    assert (plain.gate, plain.fresh_layers, plain.dropout) == (None, 0, 0)
    assert plain.sku_branches.copies == 0
    assert (plain.item_vectors.id_dropout, plain.item_vectors.co_purchase_weight) == (0, 0)
    assert plain.lora == Training().lora


def test_time_to_the_same_loss():
    fast = [{"seconds": s, "samples": 10 * s, "loss": 9 - s} for s in (0.0, 1.0, 2.0)]
    slow = [{"seconds": 10 * s, "samples": 10 * s, "loss": 9 - s} for s in (0.0, 1.0, 1.5)]
    assert common_loss([fast, slow]) == 7.5
    assert reach(fast, 7.5) == pytest.approx(1.5)
    assert reach(slow, 7.5) == pytest.approx(15)
    assert reach(fast, 9.5) is None  # it starts there
    assert pace(slow, "samples") == 1.0
    with pytest.raises(ValueError, match="above"):
        reach(slow, 7.0)


def test_bytes_by_kind():
    layer = nn.Linear(8, 4, bias=False)
    frozen = nn.Linear(4, 4, bias=False).requires_grad_(False)
    tied = nn.Linear(8, 4, bias=False)
    tied.weight = layer.weight
    model = nn.ModuleList([layer, frozen, tied])
    assert weight_bytes(model) == (4 * 16, 4 * 32)
    rows = torch.ones(6, 8)
    assert activation_bytes(model, lambda: layer(rows).exp().sum()) == 4 * (6 * 8 + 6 * 4)
    optimiser = torch.optim.AdamW(layer.parameters())
    layer(rows).sum().backward()
    optimiser.step()
    assert optimiser_bytes(optimiser) == 4 * (2 * 32 + 1)  # two moments, and the step


def test_catalogues_keep_length_and_neighbourhoods():
    real = torch.nn.functional.layer_norm(torch.randn(50, 32), (32,)) * 2
    grown, random = (catalogue(real, 400, kind, seed=1) for kind in ("like real", "random"))
    expected = torch.full((400,), float(real.norm(dim=1).mean()))
    for rows in (grown, random):
        torch.testing.assert_close(rows.norm(dim=1), expected, rtol=1e-4, atol=0)
    nearest = [torch.cosine_similarity(rows[:, None], real, dim=2).amax(dim=1) for rows in (grown, random)]
    assert nearest[0].min() > 0.7 > nearest[1].mean()
    assert torch.equal(grown, catalogue(real, 400, "like real", seed=1))


def test_costs_are_measured(lesson, tmp_path):
    home = lesson.workspace.root
    found = costs.customers(home, most=12)
    assert [row["customers"] for row in found["rows"]] == [3, 6, 9, 12]
    assert all(row["seconds"] > 0 and row["seconds_whole_batches"] > 0 for row in found["rows"])
    assert found["trained"] is False
    width = 32 + Training().sku_branches.copies * Training().sku_branches.width
    assert found["head"].shape == (len(lesson.registry), width)
    row = costs.ranking(found["states"], found["head"], 300, "like real", seed=1, indexed=False, threads=1)
    assert row["exact_ms"] > 0
    assert "ann_ms" not in row
    full, sampled = (costs.training_step(home, 300, most, seed=1, steps=1) for most in (None, 50))
    assert (full["softmax"], sampled["softmax"]) == ("full", "50 sampled")
    assert needed(home, 3000, None) > needed(home, 3000, 50) > needed(home, 300, 50) > 0


def test_where_the_index_wins_and_how_straight_the_line_is(tmp_path):
    rows = [
        {"model": "ranking", "skus": skus, "vectors": "like real", "exact_ms": skus / 1000, "ann_ms": 5.0}
        | {"ann_recall": kept}
        for skus, kept in ((1000, 1.0), (6000, 0.995), (7000, 0.95), (8000, 0.99), (9000, 1.0))
    ]
    assert ann_from(rows, "like real") == 8000
    assert ann_from(rows[:1], "like real") is None
    customers = [{"customers": n, "seconds": 1 + n / 500, "model": "customers"} for n in (100, 200, 400)]
    line = straight(customers)
    assert line["ms_per_customer"] == pytest.approx(2)
    assert line["seconds_at_0"] == pytest.approx(1)
    assert line["r2"] == pytest.approx(1)
    steps = [{"skus": n, "step_s": n / 100, "softmax": "full"} for n in (100, 200)]
    draw_cost([*rows, *customers, *steps], tmp_path / "a.png", tmp_path / "b.png")
    loss_curves(tmp_path / "c.png", {"one": [{"seconds": 0, "samples": 0, "loss": 1}]}, 1.0)
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in "abc")


SCRIPT = """
import json, sys
from pathlib import Path
settings = json.loads(sys.argv[2])
Path(sys.argv[4]).write_text(json.dumps({"twice": 2 * settings["number"]}))
"""


def test_a_finished_measurement_of_the_same_settings_is_taken(tmp_path, capfd):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def twice(number: int, fresh: bool = False) -> int:
        return measured(script, "one", {"number": number}, tmp_path, threads=1, fresh=fresh)["twice"]

    assert twice(3) == 6
    script.write_text("raise SystemExit(1)")
    assert twice(3) == 6
    assert "taken from" in capfd.readouterr().err
    script.write_text(SCRIPT.replace("2 *", "20 *"))
    assert twice(3, fresh=True) == 60
    assert twice(4) == 80


def test_the_result_has_the_form_of_every_benchmark(tmp_path):
    path = tmp_path / "results" / "speed.json"
    write(path, "python …", [1], [{"model": "one"}], skus=5)
    result = json.loads(path.read_text())
    assert list(result) == ["command", "commit", "machine", "seeds", "skus", "rows"]
    assert [file.name for file in path.parent.iterdir()] == ["speed.json"]


def test_a_command_can_be_typed_again_on_another_machine(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--home", "/here", "--trainers", "trl, grouped", "--steps", "3"])
    assert command_line("training.py") == "python benchmarks/training.py --trainers 'trl, grouped' --steps 3"


@pytest.mark.parametrize("script", ["training", "memory", "cost"])
def test_the_scripts_explain_themselves(script, monkeypatch, capsys):
    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    source = (folder / f"{script}.py").read_text()
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--help"])
    namespace = {"__name__": script, "__file__": str(folder / f"{script}.py")}
    exec(compile(source, f"{script}.py", "exec"), namespace)
    with pytest.raises(SystemExit, match="0"):
        namespace["options"]()
    assert "--smoke" in capsys.readouterr().out
