import difflib

import pytest

from rec_assets.ranking import recommend


def test_the_nearest_ids_are_looked_for_among_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    closest = difflib.get_close_matches

    def counting(word: str, possibilities: list[str], n: int, cutoff: float) -> list[str]:
        compared.append(len(possibilities))
        return closest(word, possibilities, n, cutoff)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    known = [f"C{number:06d}" for number in reversed(range(100_000))]
    near = recommend._nearest("C01234", known)
    assert [customer[:4] for customer in near] == ["C012"] * 3
    assert max(compared) <= 300
