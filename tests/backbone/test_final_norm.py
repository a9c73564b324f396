from typing import Any

import torch

from rec_assets.backbone.final_norm import reset_final_norm


def test_the_norm_neither_scales_nor_shifts_on_any_architecture(model: Any) -> None:
    """The fixture's norms and biases have been moved from their first values."""
    decoder = getattr(model, model.base_model_prefix)
    norm = reset_final_norm(decoder)
    width = next(value for name, value in norm.named_parameters() if name == "weight").shape[0]
    states = torch.randn(4, width, generator=torch.Generator().manual_seed(0)) * 3
    out = norm(states)
    centred = states - states.mean(dim=-1, keepdim=True)
    plain = [x * torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + 1e-5) for x in (states, centred)]
    assert any(torch.allclose(out, expected, atol=1e-3) for expected in plain)
