"""The heart: a language-model head cut to the rows of the allowed answers.

A head of V rows scores V tokens. When only n of them may be answers, n rows score them just as well: ranking
a catalogue, or choosing a label, becomes one matrix product and nothing but an allowed answer can come out.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from rec_assets.backbone.layers import plain_model
from rec_assets.backbone.quantise import dequantised_weight
from rec_assets.errors import BaseModelError
from rec_assets.files import write_json

WEIGHTS_FILE = "decoder.safetensors"
SETTINGS_FILE = "decoder.json"

# BLAS kernels treat whole blocks of rows and a remainder differently. A product over whole blocks adds up in
# the same order as the full head's, so a kept logit keeps its last bit. Blocks of 16 rows are enough on one
# thread; two threads share out the rows, and those of a narrower product than this otherwise.
_BLOCK = 256


@dataclass(frozen=True)
class LogitScaling:
    """What a model does to its logits after the head.

    Parameters
    ----------
    divisor
        Granite divides by ``logits_scaling``.
    multiplier
        Cohere multiplies by ``logit_scale``.
    softcap
        Gemma 2 bounds logits smoothly: ``c * tanh(logits / c)``.
    """

    divisor: float | None = None
    multiplier: float | None = None
    softcap: float | None = None

    @classmethod
    def of(cls, config: Any) -> "LogitScaling":
        """Read it from a transformers configuration."""
        text = config.get_text_config()
        granite = str(text.model_type).startswith("granite")
        return cls(
            divisor=float(text.logits_scaling) if granite else None,
            multiplier=getattr(text, "logit_scale", None),
            softcap=getattr(text, "final_logit_softcapping", None),
        )

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Apply it, in the order and form the models use."""
        if self.divisor is not None:
            logits = logits / self.divisor
        if self.multiplier is not None:
            logits = logits * self.multiplier
        if self.softcap is not None:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits


class TrimmedDecoder(nn.Module):
    """A head of n rows.

    Parameters
    ----------
    weight
        Rows of the head, (n, d).
    bias
        Their biases, (n,), or none.
    token_ids
        The token each row stands for, (n,).
    scaling
        What the model does to its logits.
    full_rows
        Rows of the head it was cut from, V.
    full_bytes
        Bytes that head was stored in; none: as many a row as here.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        token_ids: torch.Tensor,
        scaling: LogitScaling,
        full_rows: int,
        full_bytes: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.token_ids: torch.Tensor
        self.register_buffer("token_ids", token_ids)
        self.scaling = scaling
        self.full_rows = full_rows
        self.full_bytes = full_bytes

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Score the kept tokens.

        Parameters
        ----------
        hidden
            The decoder's last hidden states, after its final norm, (..., d).

        Returns
        -------
        torch.Tensor
            Logits, (..., n): column i belongs to ``token_ids[i]``. On a CPU in float32 they are bit-equal to
            those of the full head on the same hidden states, on one thread and on two (more were not
            measured), for every token in a whole block of 16 rows of the head; elsewhere BLAS may add up in
            another order, and they agree to rounding.
        """
        rows = self.weight.shape[0]
        padding = -rows % _BLOCK
        weight = functional.pad(self.weight, (0, 0, 0, padding)) if padding else self.weight
        bias: torch.Tensor | None = self.bias
        if bias is not None and padding:
            bias = functional.pad(bias, (0, padding))
        return self.scaling(functional.linear(hidden, weight, bias)[..., :rows])

    def report(self) -> dict[str, int]:
        """Count the head's parameters and bytes before and after the cut."""
        rows, width = self.weight.shape
        per_row = width + (self.bias is not None)
        size = self.weight.element_size()
        return {
            "rows_before": self.full_rows,
            "rows_after": rows,
            "parameters_before": self.full_rows * per_row,
            "parameters_after": rows * per_row,
            "bytes_before": self.full_bytes or self.full_rows * per_row * size,
            "bytes_after": rows * per_row * size,
        }

    def save(self, folder: Path | str) -> None:
        """Write ``decoder.safetensors`` and ``decoder.json`` into a folder, made if there is none."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(self.state_dict()), folder / WEIGHTS_FILE)
        (folder / WEIGHTS_FILE).chmod(0o644)
        settings = {"full_rows": self.full_rows, "scaling": asdict(self.scaling)}
        if self.full_bytes is not None:
            settings["full_bytes"] = self.full_bytes
        write_json(settings, folder / SETTINGS_FILE)

    @classmethod
    def load(cls, folder: Path | str) -> "TrimmedDecoder":
        """Read what :meth:`save` wrote; it answers with the same bits.

        Raises
        ------
        BaseModelError
            When a file is missing or damaged.
        """
        try:
            settings = json.loads((Path(folder) / SETTINGS_FILE).read_text())
            tensors = load_file(Path(folder) / WEIGHTS_FILE)
            return cls(
                tensors["weight"],
                tensors.get("bias"),
                tensors["token_ids"],
                LogitScaling(**settings["scaling"]),
                settings["full_rows"],
                settings.get("full_bytes"),
            )
        except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
            raise BaseModelError(
                f"The trimmed decoder in {folder} could not be read: {error}.", "Save it again."
            ) from error


def stored_bytes(module: nn.Module) -> int:
    """Count the bytes of a module's parameters and of what quantised ones are read with."""
    own = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    own |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
    # bitsandbytes writes scales and tables beside a weight that are neither parameters nor buffers.
    statistics = [value.nbytes for name, value in module.state_dict().items() if name not in own]
    return sum(parameter.nbytes for parameter in module.parameters()) + sum(statistics)


def trim_decoder(model: nn.Module, token_ids: Sequence[int] | torch.Tensor) -> TrimmedDecoder:
    """Copy the rows of the language-model head that belong to the allowed answers.

    The model is not changed and the copy is independent of it, also where the head is tied to the embeddings.
    A 4-bit head is dequantised; PEFT adapters, trained tokens and retrained copies of the head are included
    as they are active now. The result is compared with the model's own logits on one token, so that a model
    which treats its logits in a way not known here is refused instead of scored wrongly.

    Parameters
    ----------
    model
        A causal language model of transformers, or PEFT's wrapper of one, with V rows in its head.
    token_ids
        The n tokens to keep, in the order wanted, (n,).

    Returns
    -------
    TrimmedDecoder
        Rows (n, d) and, where the head has one, bias (n,).

    Raises
    ------
    BaseModelError
        When the model has no head, there is no token to keep, ids are no list of whole numbers or one lies
        outside the head, the head is stored in integers, or the logits disagree with the model's.
    """
    inner = plain_model(model)
    head = inner.get_output_embeddings() if hasattr(inner, "get_output_embeddings") else None
    if head is None:
        raise BaseModelError(
            f"{type(inner).__name__} holds no vocabulary head to cut.", "Load it with AutoModelForCausalLM."
        )
    ids = _token_ids(token_ids)
    with torch.no_grad():
        weight, bias = effective_weight(head)
        if not weight.is_floating_point():
            raise BaseModelError(
                f"The head's weight is stored as {weight.dtype}; what a row scores depends on its input.",
                "Load the model with llm_int8_skip_modules=['lm_head'], or in 4 bits.",
            )
        if int(ids.min()) < 0 or int(ids.max()) >= weight.shape[0]:
            raise BaseModelError(
                f"Token ids are {int(ids.min())} to {int(ids.max())}; the head has {weight.shape[0]} rows.",
                "Add the tokens to the model with resize_token_embeddings first.",
            )
        chosen = ids.to(weight.device)
        decoder = TrimmedDecoder(
            weight[chosen].clone(),
            None if bias is None else bias[chosen].clone(),
            chosen,
            LogitScaling.of(inner.config),
            weight.shape[0],
            _four_bit_bytes(head),
        )
    _check_against(inner, head, decoder)
    return decoder


def _token_ids(given: Sequence[int] | torch.Tensor) -> torch.Tensor:
    """Give token ids as a list of whole numbers, (n,); a mask or a table is not taken for one."""
    ids = torch.as_tensor(given).cpu()
    if ids.numel() == 0:
        raise BaseModelError("There is no token to keep.", "Give at least one token id.")
    if ids.ndim != 1 or ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise BaseModelError(
            f"Token ids are {ids.dtype} of shape {tuple(ids.shape)}; a list of whole numbers was expected.",
            "Give ids in one row; of a mask, mask.nonzero()[:, 0].",
        )
    return ids.long()


def _four_bit_bytes(head: Any) -> int | None:
    """Give the bytes of a head stored in 4 bits; none for any other, whose rows are kept as they are."""
    base = getattr(head, "base_layer", head)
    return stored_bytes(base) if type(getattr(base, "weight", None)).__name__ == "Params4bit" else None


def effective_weight(head: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Give the weight (V, d) and bias (V,) that a head, wrapped by PEFT or not, computes with."""
    if getattr(head, "disable_adapters", False):
        wrapped = "original_module" if hasattr(head, "original_module") else "base_layer"
        return effective_weight(getattr(head, wrapped))
    if hasattr(head, "token_adapter"):  # PEFT: some rows retrained
        tokens = head.token_adapter
        base = tokens.base_layer
        return tokens.get_merged_weights(tokens.active_adapters), getattr(base, "bias", None)
    # Of the adapters that are active, some may have left the head alone.
    if hasattr(head, "modules_to_save"):  # PEFT: a retrained copy
        copies = [head.modules_to_save[name] for name in head.active_adapters if name in head.modules_to_save]
        return effective_weight(copies[0] if copies else head.original_module)
    if hasattr(head, "base_layer"):  # PEFT: low-rank adapters
        weight, bias = effective_weight(head.base_layer)
        if not head.merged:
            kept = [getattr(head, name) for name in head.adapter_layer_names]
            for name in [name for name in head.active_adapters if any(name in one for one in kept)]:
                weight = weight + head.get_delta_weight(name).to(weight)
        return weight, bias
    return dequantised_weight(head), getattr(head, "bias", None)


@torch.no_grad()
def _check_against(model: Any, head: nn.Module, decoder: TrimmedDecoder) -> None:
    """Compare with the model's own logits on one token."""
    seen: list[torch.Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        with _evaluating(model):
            token = torch.zeros((1, 1), dtype=torch.long, device=decoder.token_ids.device)
            expected = model(input_ids=token, use_cache=False).logits[..., decoder.token_ids].float()
    finally:
        handle.remove()
    tolerance = 1e-3 if decoder.weight.dtype == torch.float32 else 5e-2
    within = tolerance * float(expected.abs().max())
    if not seen or float((decoder(seen[0].to(decoder.weight)).float() - expected).abs().max()) > within:
        raise BaseModelError(
            f"{type(model).__name__} does not score tokens as hidden state times head row.",
            "Choose a Llama, Qwen, Mistral, Mixtral, Gemma, Phi, GPT-2, OPT, Granite or Cohere model;"
            " merge a DoRA adapter of the head first.",
        )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
