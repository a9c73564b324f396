"""Values that no type alone can refuse."""

from pathlib import Path

import pytest

from rec_assets.errors import ParamsError
from rec_assets.params import read_params


@pytest.mark.parametrize("tiers", ["[0.9, 1.5]", "[-0.1, 0.5]", "[0.9, 0.1]"])
def test_price_tiers_are_ascending_shares(tmp_path: Path, tiers: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"behaviour: {{price_tiers: {tiers}}}")
    with pytest.raises(ParamsError, match=r"behaviour\.price_tiers"):
        read_params(path)
