from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from rec_assets.vocabulary.titles import Centring, TitleSpace, word_presence

TEXTS = ["red trousers", "red coats", "black trousers", "black coats"]


@pytest.fixture
def tokenizer(tiny_base: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_base / "tokenizer.json"))


@pytest.fixture
def embeddings(tokenizer: Tokenizer) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 8)).astype(np.float32)


def test_vectors_are_centred_at_the_embeddings_scale(tokenizer: Tokenizer, embeddings: np.ndarray) -> None:
    presence = word_presence(TEXTS, tokenizer, len(embeddings))
    vectors = TitleSpace.fit(presence, embeddings).vectors(presence, embeddings)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(vectors.std(), embeddings.std(), rtol=1e-5)


def test_the_direction_all_titles_share_is_taken_out(tokenizer: Tokenizer, embeddings: np.ndarray) -> None:
    words = ["red", "black", "white", "trousers", "coats", "dresses", "skirts"]
    texts = [f"{first} {second}" for first in words for second in words]
    embeddings[tokenizer.token_to_id("red")] *= 40  # far from all others: what titles differ in most
    presence = word_presence(texts, tokenizer, len(embeddings))
    space = TitleSpace.fit(presence, embeddings)
    assert np.linalg.norm(space.subwords.common) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(space.vectors(presence, embeddings) @ space.subwords.common, 0, atol=1e-3)
    own = space.subwords
    plain = TitleSpace(space.idf, Centring(own.centre, np.zeros_like(own.common), own.spread))
    assert plain.vectors(presence, embeddings).std() > space.vectors(presence, embeddings).std()


def test_shared_words_bring_titles_together(tokenizer: Tokenizer, embeddings: np.ndarray) -> None:
    presence = word_presence(TEXTS, tokenizer, len(embeddings))
    vectors = TitleSpace.fit(presence, embeddings).vectors(presence, embeddings)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[3]


def test_idf_is_the_formula(tokenizer: Tokenizer, embeddings: np.ndarray) -> None:
    presence = word_presence(["red", "red coats", "black"], tokenizer, len(embeddings))
    space = TitleSpace.fit(presence, embeddings)
    assert space.idf[tokenizer.token_to_id("red")] == pytest.approx(np.log(4 / 3) + 1)
    assert space.idf[tokenizer.token_to_id("June")] == pytest.approx(np.log(4) + 1)


def test_a_kept_space_gives_old_articles_the_same_vectors(
    tokenizer: Tokenizer, embeddings: np.ndarray, tmp_path: Path
) -> None:
    march = word_presence(TEXTS, tokenizer, len(embeddings))
    space = TitleSpace.fit(march, embeddings)
    space.save(tmp_path / "space.safetensors")
    june = word_presence([*TEXTS, "white dresses"], tokenizer, len(embeddings))
    kept = TitleSpace.load(tmp_path / "space.safetensors").vectors(june, embeddings)
    np.testing.assert_array_equal(kept[:4], space.vectors(march, embeddings))


def test_an_empty_title_has_a_vector(tokenizer: Tokenizer, embeddings: np.ndarray) -> None:
    presence = word_presence(["", "red"], tokenizer, len(embeddings))
    assert np.isfinite(TitleSpace.fit(presence, embeddings).vectors(presence, embeddings)).all()


def test_a_sentence_encoders_channels_stand_beside_those_of_subwords(
    tokenizer: Tokenizer, embeddings: np.ndarray, tmp_path: Path
) -> None:
    presence = word_presence(TEXTS, tokenizer, len(embeddings))
    sentences = np.random.default_rng(1).normal(3, 7, size=(4, 5)).astype(np.float32)
    space = TitleSpace.fit(presence, embeddings, sentences)
    space.save(tmp_path / "space.safetensors")
    kept = TitleSpace.load(tmp_path / "space.safetensors")
    vectors = kept.vectors(presence, embeddings, sentences)
    assert vectors.shape == (4, 8 + 5)
    np.testing.assert_array_equal(
        vectors[:, :8], TitleSpace.fit(presence, embeddings).vectors(presence, embeddings)
    )
    np.testing.assert_allclose(vectors[:, 8:].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(vectors[:, 8:].std(), embeddings.std(), rtol=1e-5)
    assert kept.fits(embeddings, sentences)
    assert not kept.fits(embeddings)
    assert not kept.fits(embeddings, sentences[:, :3])
