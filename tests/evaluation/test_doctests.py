import doctest
from importlib import import_module

import numpy as np
import pandas as pd
import pytest


@pytest.mark.parametrize("name", ["accuracy", "beyond_accuracy", "holdout", "relations", "significance"])
def test_examples_in_docstrings_hold(name: str) -> None:
    module = import_module(f"rec_assets.evaluation.{name}")
    outcome = doctest.testmod(module, extraglobs={"np": np, "pd": pd})
    assert outcome.attempted > 0
    assert outcome.failed == 0
