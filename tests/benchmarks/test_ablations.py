import argparse

import ablations
import pytest
import yaml
from harness.asked import options, settings
from harness.parameters import dotted

ASKED = argparse.Namespace(epochs=3, threads=1, customers=None)
KNOWN = yaml.safe_load(ablations.ROWS.read_text())


@pytest.mark.parametrize("row", KNOWN)
def test_a_row_changes_the_parameters_it_names_and_no_others(row):
    def params(name, changes):
        asked = options("", ablations.arguments(name, changes, ASKED))
        return dotted(settings(asked.name, 1, asked)["params"])

    recipe, own = params("recipe", {}), params(row, KNOWN[row])
    assert {key for key in own if own[key] != recipe[key]} == set(KNOWN[row])


def test_the_recipe_comes_first_and_changes_nothing():
    assert next(iter(KNOWN.items())) == ("recipe", {})
