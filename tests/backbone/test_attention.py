import pytest
import torch

from rec_assets.backbone.attention import training_attention


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_what_is_asked_for_is_taken():
    assert training_attention("sdpa", "bf16") == "sdpa"
    assert training_attention("eager", "fp32") == "eager"


def test_a_cpu_that_trains_in_bf16_trains_eagerly():
    assert training_attention("auto", "bf16") == "eager"
    assert training_attention("auto", "fp32") == "auto"


def test_on_a_gpu_transformers_chooses(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert training_attention("auto", "bf16") == "auto"
