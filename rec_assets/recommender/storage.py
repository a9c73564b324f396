"""The recommender on disk: trained tensors as safetensors, everything else as JSON."""

from pathlib import Path

import torch
from peft import PeftModel
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rec_assets.backbone.gates import fold_gates
from rec_assets.errors import RegistryError
from rec_assets.files import read_json, write_json
from rec_assets.params import Ranking, Training
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.counted import Counted
from rec_assets.recommender.demand import Demand
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.repeats import RepeatRates

WEIGHTS = "trained.safetensors"
RECIPE = "recommender.json"
DEMAND = "demand.safetensors"
_COUNTED, _COUNTS = "items.counted", "items.counts"


def trained_tensors(model: nn.Module, state: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Copy every tensor that training may change, by name, on the CPU.

    Parameters
    ----------
    model
        The model, wrapped or not.
    state
        Gathered state dict where the model itself is sharded (FSDP).
    """
    own = {plain_name(name): parameter for name, parameter in model.named_parameters()}
    values = own if state is None else {plain_name(name): value for name, value in state.items()}
    return {
        name: values[name].detach().to("cpu", copy=True).contiguous()
        for name, parameter in own.items()
        if parameter.requires_grad
    }


def plain_name(name: str) -> str:
    """Give a parameter's name as it was before FSDP wrapped parts of the model.

    >>> plain_name("_fsdp_wrapped_module.items.ids")
    'items.ids'
    """
    return name.replace("_fsdp_wrapped_module.", "")


def load_trained(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put tensors of :func:`trained_tensors` back.

    Raises
    ------
    RegistryError
        When names or shapes differ: the recipe is not the one they were trained with.
    """
    parameters = {plain_name(name): value for name, value in model.named_parameters() if value.requires_grad}
    if parameters.keys() != tensors.keys():
        odd = sorted(parameters.keys() ^ tensors.keys())[:3]
        raise RegistryError(
            f"The trained tensors do not fit the model; first differences: {', '.join(odd)}.",
            "Train again with the present parameters, or restore the parameters of that training.",
        )
    with torch.no_grad():
        for name, value in parameters.items():
            if value.shape != tensors[name].shape:
                raise RegistryError(
                    f"Tensor {name} has shape {tuple(tensors[name].shape)}, the model {tuple(value.shape)}.",
                    "Train again: the SKUs sold or the base model have changed.",
                )
            value.copy_(tensors[name])


def save_recommender(
    trained: dict[str, Tensor],
    recipe: Recipe,
    counts: Tensor,
    folder: Path,
    counted: Counted | None = None,
) -> None:
    """Write trained tensors and their recipe to an existing folder.

    Parameters
    ----------
    trained
        Of :func:`trained_tensors`.
    recipe
        What rebuilds the model around them.
    counts
        ``(n,)``: purchases behind the mix; kept so that a longer registry later does not change it.
    folder
        Where.
    counted
        What ranking adds to the model's scores; None: nothing.
    """
    known = torch.nonzero(counts > 0).squeeze(1)
    save_file(trained | {_COUNTED: known, _COUNTS: counts[known]}, folder / WEIGHTS)
    counted = counted or Counted()
    counted.demand.save(folder / DEMAND)
    content = {"training": recipe.training.model_dump(mode="json"), "seed": recipe.seed}
    write_json({**content, "repeats": counted.repeats.to_json()}, folder / RECIPE)


def load_counted(folder: Path, skus: int, settings: Ranking) -> Counted:
    """Read what ranking adds to a trained recommender's scores.

    Parameters
    ----------
    folder
        Of the recommender.
    skus
        Length of the registry, perhaps longer than it was.
    settings
        Which of it is wanted.

    Raises
    ------
    RegistryError
        When the folder holds no model.
    """
    for name in (RECIPE, DEMAND):
        if not (folder / name).exists():
            raise RegistryError(f"{folder} holds no {name}.", "Train it: couturier stage recommender.")
    repeats = RepeatRates.from_json(read_json(folder / RECIPE)["repeats"])
    return Counted(
        Demand.load(folder / DEMAND, skus) if settings.demand else Demand(),
        repeats if settings.repeats else RepeatRates(),
    )


def read_trained(folder: Path) -> tuple[dict[str, Tensor], Tensor]:
    """Read trained tensors by name, and the purchases ``(n,)`` behind the mix, up to the last SKU sold.

    Raises
    ------
    RegistryError
        When the folder holds no model.
    """
    if not (folder / WEIGHTS).exists():
        raise RegistryError(f"{folder} holds no {WEIGHTS}.", "Train it: couturier stage recommender.")
    tensors = load_file(folder / WEIGHTS)
    counted, counts = tensors.pop(_COUNTED), tensors.pop(_COUNTS)
    every = torch.zeros(int(counted.max()) + 1 if len(counted) else 0, dtype=torch.long)
    every[counted] = counts
    return tensors, every


def load_recommender(
    folder: Path, base: Path, vocabulary: Path, dtype: torch.dtype | None = None
) -> SkuLanguageModel:
    """Rebuild a trained recommender as a plain model, around a registry at least as long as its own.

    4-bit weights become the float weights they stand for, adapters are merged into them and gates are folded:
    the same function in fewer and faster products, all in one number format, ``dtype`` as in :func:`build`.

    Raises
    ------
    RegistryError
        When files are missing or do not fit together.
    """
    tensors, counts = read_trained(folder)
    kept = read_json(folder / RECIPE)
    try:
        recipe = Recipe(Training.model_validate(kept["training"]), kept["seed"])
    except ValidationError as error:
        fields = ", ".join(f"training.{'.'.join(map(str, one['loc']))}" for one in error.errors())
        raise RegistryError(
            f"{folder / RECIPE} holds what this release of Couturier does not know or allow: {fields}.",
            "Train again: couturier stage recommender.",
        ) from error
    size = read_json(vocabulary / "vocabulary.json")["skus"]
    if len(counts) > size:
        raise RegistryError(
            f"The recommender knows SKU {len(counts) - 1}, the registry ends at {size - 1}.",
            "Use the vocabulary it was trained with, or one that extends it (lineage.parent).",
        )
    every = torch.zeros(size, dtype=torch.long)
    every[: len(counts)] = counts
    model = build(base, vocabulary, recipe, every, plain=True, dtype=dtype)
    load_trained(model, tensors)
    merged: SkuLanguageModel = model.merge_and_unload() if isinstance(model, PeftModel) else model
    fold_gates(merged)
    merged.decoder.to(merged.stream)
    merged.requires_grad_(False)
    return merged.eval()
