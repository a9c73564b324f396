"""Going on with kept keys and values gives what reading everything again would give."""

import pytest
import torch
from architectures import CONFIGS, VOCABULARY
from architectures import build as tiny

from rec_assets.generation.decoding import CachedDecoder

FIRST, SIZE = 96, VOCABULARY - 96


@pytest.mark.parametrize("name", sorted(CONFIGS))
@torch.no_grad()
def test_padded_rows_go_on_as_if_read_alone(name: str) -> None:
    model = tiny(name)
    decoder = CachedDecoder.of_causal(model, FIRST, SIZE)
    rows = [[5, 7, 9, 11, 13], [8, 6]]
    prompts = torch.tensor([rows[0], [*rows[1], 0, 0, 0]])
    got = [decoder.begin(prompts, torch.tensor([5, 2]))]
    decoder.select(torch.tensor([1, 0, 1]))
    got.append(decoder.advance(torch.tensor([3, 4, 0])))
    decoder.select(torch.tensor([2, 1, 0]))
    got.append(decoder.advance(torch.tensor([1, 2, 2])))

    def alone(ids: list[int]) -> torch.Tensor:
        return model(torch.tensor([ids])).logits[0, -1, FIRST:]

    expected = [
        [alone(row) for row in rows],
        [alone([8, 6, FIRST + 3]), alone([*rows[0], FIRST + 4]), alone([8, 6, FIRST])],
        [
            alone([8, 6, FIRST, FIRST + 1]),
            alone([*rows[0], FIRST + 4, FIRST + 2]),
            alone([8, 6, FIRST + 3, FIRST + 2]),
        ],
    ]
    for own, whole in zip(got, expected, strict=True):
        torch.testing.assert_close(own, torch.stack(whole), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_new_prompt_forgets_the_one_before() -> None:
    decoder = CachedDecoder.of_causal(tiny("llama"), FIRST, SIZE)
    prompts, lengths = torch.tensor([[5, 7, 9]]), torch.tensor([3])
    first = decoder.begin(prompts, lengths)
    decoder.advance(torch.tensor([2]))
    torch.testing.assert_close(decoder.begin(prompts, lengths), first)
