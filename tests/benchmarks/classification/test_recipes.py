"""What every method tries, and how its candidates are told apart."""

import json

from classification.methods import METHODS
from classification.recipes import alike, candidates, pairs, screens


def test_every_method_has_a_recipe_for_every_data_set():
    for method in METHODS:
        for dataset in ("sst2", "ag_news", "fashion"):
            for shots in (16, None):
                found = candidates(method, dataset, shots)
                assert found
                assert len({json.dumps(one, sort_keys=True) for one in found}) == len(found)
                assert all("{text}" in one.get("prompt", "{text}") for one in found)


def test_settings_of_recipes_are_ones_the_fine_tune_knows():
    from rec_assets.heads.fine_tune import FineTuneSettings

    for method in ("trimmed_finetune", "sequence_classification"):
        for shots in (16, 256, None):
            for one in candidates(method, "sst2", shots):
                FineTuneSettings(**one["settings"])
    few, many, whole = (
        {json.dumps(one["settings"]) for one in candidates("trimmed_finetune", "sst2", shots)}
        for shots in (16, 256, None)
    )
    assert not few & many
    assert not many & whole
    same = [one["settings"] for one in candidates("sequence_classification", "sst2", None)]
    assert {json.dumps(one) for one in same} == whole


def test_a_data_set_may_have_settings_of_its_own():
    few = [candidates("sequence_classification", name, 16)[0] for name in ("fashion", "sst2")]
    whole = [candidates("trimmed_finetune", name, None)[0] for name in ("fashion", "sst2")]
    assert few[0]["settings"]["epochs"] < few[1]["settings"]["epochs"]
    assert "regression_layer" in whole[0]["settings"]
    assert "regression_layer" not in whole[1]["settings"]
    assert whole[0]["share"] == whole[1]["share"] == 1.0  # what is not said is what all have


def test_depths_are_shares_of_any_base():
    depths = [one["depths"] for one in candidates("trimmed_linear", "sst2", 16) if "depths" in one]
    assert len(depths) > 1
    assert all(0 < share <= 1 for shares in depths for share in shares)


def test_candidates_like_a_chosen_one_say_the_same_to_the_model():
    found = candidates("trimmed_finetune", "sst2", None)
    before = candidates("trimmed_finetune", "sst2", 16)[-1]
    close = alike(found, before)
    assert 0 < len(close) < len(found)
    assert all((one["prompt"], one["words"]) == (before["prompt"], before["words"]) for one in close)


def test_only_screened_prompts_and_words_meet_the_settings():
    every = pairs("sst2")
    assert len(every) == len({json.dumps(one) for one in every}) > 2
    kept = [every[-1], every[0]]
    few = candidates("trimmed_finetune", "sst2", 16, kept)
    assert len(few) * len(every) == 2 * len(candidates("trimmed_finetune", "sst2", 16))
    assert [{name: one[name] for name in ("prompt", "words")} for one in few[:2]] == kept
    linear = candidates("trimmed_linear", "sst2", 16, kept)
    from_words = [one["prompt"] for one in linear if one["head"] == "label_words"]
    assert set(from_words) == {one["prompt"] for one in kept}
    assert len({one["prompt"] for one in linear if one["head"] == "logistic"}) > 2  # has no label words
    assert screens("trimmed_finetune")
    assert not screens("sequence_classification")
