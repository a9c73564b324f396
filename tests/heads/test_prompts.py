import pytest

from rec_assets.heads.errors import HeadError
from rec_assets.heads.prompts import TEMPLATES, PromptTemplate


def test_a_name_a_text_and_none_are_prompts():
    assert PromptTemplate.of("sentiment") is TEMPLATES["sentiment"]
    assert PromptTemplate.of("{text} is").prompt == "{text} is"
    assert PromptTemplate.of(None) is TEMPLATES["plain"]
    own = PromptTemplate("{text} is")
    assert PromptTemplate.of(own) is own


def test_a_demonstration_is_the_prompt_with_its_answer():
    assert PromptTemplate("Say: {text}\nIt was").demonstration("a {text}", "great") == (
        "Say: a {text}\nIt was great\n\n"
    )
    assert PromptTemplate("{text} ").demonstration("a", "b") == "a b\n\n"


def test_the_channel_leads_from_label_to_text():
    assert PromptTemplate("{text}\nIt was").before_text("great") == "It was great\n"
    assert TEMPLATES["sentiment"].before_text("great") == "It was great.\n"
    assert TEMPLATES["sentiment"].channel_demonstration("Fine film", "good") == "It was good.\nFine film\n\n"


@pytest.mark.parametrize("prompt", ["nothing", "{text} {text}", ""])
def test_a_prompt_without_one_text_is_refused(prompt):
    with pytest.raises(HeadError, match="fields"):
        PromptTemplate(prompt)


@pytest.mark.parametrize("channel", ["{text} {label}", "{label}", "{text}"])
def test_a_channel_that_runs_backwards_is_refused(channel):
    with pytest.raises(HeadError, match="from label to text"):
        PromptTemplate("{text}", channel)
