"""Stage ``vocabulary``: the SKU registry, title vectors and the extended tokenizer."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from rec_assets import columns as c
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.backbone.sentence_encoder import SentenceEncoder
from rec_assets.backbone.source import Checkpoint, resolve_encoder
from rec_assets.errors import RegistryError
from rec_assets.files import atomic_folder, read_json, read_table, write_json, write_table
from rec_assets.generation.id_folder import IDS, scheme_of
from rec_assets.generation.id_vocabulary import write_id_vocabulary
from rec_assets.generation.item_tokens import ItemTokens
from rec_assets.generation.schemes import item_tokens, load_item_tokens
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.vocabulary.co_purchases import co_purchase_vectors
from rec_assets.vocabulary.registry import extend_registry
from rec_assets.vocabulary.sku_tokens import extend_tokenizer
from rec_assets.vocabulary.titles import Floats, TitleSpace, word_presence
from rec_assets.workspace import Workspace

# In vocabulary.json: whose vectors the titles hold.
ENCODER, WORDS = "sentence_encoder", "embeddings"


def run(workspace: Workspace, params: Params) -> StageReport:
    """Give every SKU a token and a title vector, and a word of id tokens where ``item_tokens`` asks for one.

    Raises
    ------
    RegistryError
        When ``lineage.parent`` names a version that is not in the registry of models, or its item tokens
        have no words left.
    """
    articles = read_table(workspace.behaviour / "articles.parquet")
    texts = read_table(workspace.item_texts)
    parent = _parent(workspace, params.lineage.parent)
    previous = read_table(parent / "registry.parquet") if parent else None
    registry = extend_registry(previous, articles)
    base = load_base(workspace.base_model, dtype="auto")  # read for its embeddings: 8B layers stay in bf16
    embeddings = base.get_input_embeddings().weight.detach().float().numpy()
    del base
    tokenizer = Tokenizer.from_file(str(workspace.base_model / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # a title that imitates a control token is plain words
    by_sku = texts.set_index(c.SKU)[c.TEXT].reindex(registry[c.SKU])
    said = by_sku.fillna(c.UNKNOWN).tolist()
    presence = word_presence(said, tokenizer, len(embeddings))
    source = params.vocabulary.sentence_encoder
    checkpoint = resolve_encoder(source, workspace.root) if source else None
    sentences = _sentences(checkpoint, params, said) if checkpoint else None
    encoder = f"{checkpoint.sha256}:{params.vocabulary.sentence_tokens}" if checkpoint else None
    known = _known(registry, articles, workspace)
    space = TitleSpace.load(parent / "title_space.safetensors") if parent else None
    readers = {ENCODER: encoder, WORDS: hashlib.sha256(embeddings.tobytes()).hexdigest()}
    same = parent is not None and readers.items() <= read_json(parent / "vocabulary.json").items()
    if space is None or not same or not space.fits(embeddings, sentences):  # other words, or another reader
        told = None if sentences is None else sentences[known]
        space, parent = TitleSpace.fit(presence[known], embeddings, told), None
    titles = space.vectors(presence, embeddings, sentences)
    tokens = _item_tokens(params, titles, known, parent)
    start = _start(workspace, params, registry, embeddings.shape[1])
    with atomic_folder(workspace.vocabulary) as folder:
        write_table(registry, folder / "registry.parquet")
        space.save(folder / "title_space.safetensors")
        save_file({"titles": titles}, folder / "item_titles.safetensors")
        save_file({"vectors": start}, folder / "co_purchases.safetensors")
        if checkpoint:
            (folder / "LICENCE-NOTE.txt").write_text(checkpoint.licence + "\n")
        extended = extend_tokenizer(load_tokenizer(workspace.base_model), len(embeddings), registry)
        extended.save_pretrained(folder / "tokenizer")
        write_json(
            {"words": len(embeddings), "skus": len(registry), "width": titles.shape[1], **readers},
            folder / "vocabulary.json",
        )
        if tokens.scheme != "sku":
            write_id_vocabulary(tokens, folder, workspace.base_model, folder / IDS)
    new = len(registry) - (0 if previous is None else len(previous))
    return StageReport(
        summary=f"{len(registry):,} SKU tokens, {new:,} of them new, after {len(embeddings):,} words."
        + _spelling(tokens),
        rows={"SKUs": len(registry), "new": new, "retired": int(registry[c.RETIRED].sum())},
        tables={"newest tokens": registry.tail(5)},
    )


def _sentences(checkpoint: Checkpoint, params: Params, texts: list[str]) -> Floats:
    """Vectors ``(n, e)`` of the sentence encoder."""
    torch.set_num_threads(params.run.threads)
    encoder = SentenceEncoder(checkpoint.folder, params.vocabulary.sentence_tokens)
    if torch.cuda.is_available():
        encoder.to("cuda")
    return encoder.embed(texts)


def _item_tokens(params: Params, titles: np.ndarray, known: np.ndarray, parent: Path | None) -> ItemTokens:
    """Go on with the parent's words where it writes SKUs in the same way, in the same title space."""
    scheme = params.vocabulary.item_tokens
    if scheme != "sku" and parent and scheme_of(parent) == scheme:
        return load_item_tokens(parent / IDS).extended(titles)
    return item_tokens(scheme, titles, params.run.seed, known)


def _spelling(tokens: ItemTokens) -> str:
    if tokens.scheme == "sku":
        return ""
    return f" Each is written in {tokens.codes.shape[1]} of {tokens.size:,} id tokens ({tokens.scheme})."


def _start(workspace: Workspace, params: Params, registry: pd.DataFrame, width: int) -> np.ndarray:
    """Co-purchase vectors of the SKUs sold in training, in the registry's order."""
    events = read_table(workspace.behaviour / "events.parquet", [c.CUSTOMER, c.POSITION, c.SKU, c.SPLIT])
    sold = registry.loc[registry[c.TRAIN_PURCHASES] > 0, c.SKU]
    # Articles that left the catalogue count no purchases.
    events = events[(events[c.SPLIT] == "train") & events[c.SKU].isin(sold)]
    events = events.sort_values([c.CUSTOMER, c.POSITION])
    return co_purchase_vectors(
        pd.factorize(events[c.CUSTOMER])[0],
        pd.Index(sold).get_indexer(events[c.SKU]),
        len(sold),
        width,
        window=params.vocabulary.co_purchase_window,
        rank=params.vocabulary.co_purchase_rank,
        seed=params.run.seed,
    )


def _parent(workspace: Workspace, version: str | None) -> Path | None:
    if version is None:
        return None
    folder = workspace.registry / "versions" / version / "vocabulary"
    if not folder.exists():
        raise RegistryError(
            f"lineage.parent names version {version}, which has no vocabulary in {workspace.registry}.",
            "Choose a version that `couturier history` lists, or set lineage.parent: null.",
        )
    return folder


def _known(registry: pd.DataFrame, articles: pd.DataFrame, workspace: Workspace) -> np.ndarray:
    """Rows of the registry whose article existed before ``as_of``: only they shape the title space.

    Known to have existed are articles introduced, or bought, before it.
    """
    as_of = read_json(workspace.splits / "windows.json")["as_of"]
    dates = articles.set_index(c.SKU)[[c.INTRODUCED, c.FIRST_SEEN]].reindex(registry[c.SKU])
    known = dates[c.FIRST_SEEN].notna()
    if as_of is not None:
        known |= dates[c.INTRODUCED] < pd.Timestamp(as_of)
    return np.flatnonzero(known.to_numpy()) if known.any() else np.arange(len(registry))
