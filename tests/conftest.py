"""Fixtures every room's tests share: a workspace, a tiny retailer, the research data."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from safetensors.numpy import save_file

from rec_assets.files import write_json, write_table
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]

# Tests compare digits and hold tensors beside a model's: a GPU, which rounds otherwise and would take the
# model, stays unseen, in the processes that tests start too.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# A busy machine is no fault of the code: no test asserts a time.
settings.register_profile("couturier", deadline=None)
settings.load_profile("couturier")


@dataclass(frozen=True)
class Retailer:
    """Canonical tables of forty customers, thirty SKUs and a year of purchases."""

    transactions: pd.DataFrame
    customers: pd.DataFrame
    articles: pd.DataFrame


@pytest.fixture(scope="session", autouse=True)
def float32() -> Iterator[None]:
    """Compute in float32 whatever the processor: tests compare digits. Processes they start are free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rec_assets.backbone.precision.cpu_flags", lambda: frozenset())
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace with the project's own parameters."""
    root = tmp_path / "shop"
    root.mkdir()
    shutil.copy(PROJECT / "params.yaml", root / "params.yaml")
    shutil.copytree(
        PROJECT / "great_expectations",
        root / "great_expectations",
        ignore=shutil.ignore_patterns("uncommitted"),
    )
    (root / "data" / "incoming").mkdir(parents=True)
    return Workspace(root)


@pytest.fixture(scope="session")
def retailer() -> Retailer:
    """Seeded purchases: each customer prefers one category and one price level."""
    random = np.random.default_rng(7)
    categories = np.array(["Trousers", "Belts", "Coats", "Dresses", "Knitwear"])
    colours = np.array(["black", "white", "red"])
    skus = [f"SKU{i:04d}" for i in range(30)]
    articles = pd.DataFrame(
        {
            "sku": skus,
            "title": [f"{colours[i % 3].title()} {categories[i % 5].lower()} no. {i}" for i in range(30)],
            "description": [f"Soft {categories[i % 5].lower()} in {colours[i % 3]}." for i in range(30)],
            "category": [categories[i % 5] for i in range(30)],
            "colour": [colours[i % 3] for i in range(30)],
            "department": ["women" if i % 2 else "men" for i in range(30)],
            "introduced": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(30) * 9, unit="D"),
            "available": [True] * 30,
        }
    )
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{i:03d}" for i in range(40)],
            "age": [None if i % 10 == 0 else float(18 + i) for i in range(40)],
            "country": [None if i % 7 == 0 else ["NL", "FR", "IT"][i % 3] for i in range(40)],
            "gender": [["female", "male"][i % 2] for i in range(40)],
        }
    )
    rows = []
    for c in range(40):
        for _ in range(int(random.integers(3, 15))):
            day = int(random.integers(0, 364))
            known = [i for i in range(30) if i * 9 <= day]
            liked = [i for i in known if i % 5 == c % 5] or known
            i = int(random.choice(liked if random.random() < 0.7 else known))
            price = round(10 + (i % 5) * 15 + random.random() * 5, 2)
            rows.append((f"C{c:03d}", skus[i], pd.Timestamp("2024-01-01") + pd.Timedelta(days=day), price))
    transactions = pd.DataFrame(rows, columns=["customer_id", "sku", "timestamp", "price"])
    transactions["channel"] = np.where(random.random(len(rows)) < 0.6, "online", "store")
    transactions = transactions.sort_values(["timestamp", "customer_id", "sku"], ignore_index=True)
    for frame, column in ((transactions, "timestamp"), (articles, "introduced")):
        frame[column] = frame[column].astype("datetime64[us]")
    return Retailer(transactions, customers, articles)


@pytest.fixture
def validated_workspace(workspace: Workspace, retailer: Retailer) -> Workspace:
    """A workspace whose validated tables are the tiny retailer's."""
    for folder in (workspace.raw, workspace.validated):
        write_table(retailer.transactions, folder / "transactions.parquet")
        write_table(retailer.customers, folder / "customers.parquet")
        write_table(retailer.articles, folder / "articles.parquet")
    workspace.truth.mkdir()
    write_json({"kind": "table", "time": "date"}, workspace.raw / "source.json")
    return workspace


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The research data; a test that asks for it skips where it is absent."""
    folder = Path(os.environ.get("COUTURIER_SHARED", PROJECT.parent / "shared")) / "data"
    if not folder.exists():
        pytest.skip(f"research data not found at {folder}; set COUTURIER_SHARED")
    return folder


@pytest.fixture
def holdout_workspace(validated_workspace: Workspace, retailer: Retailer) -> Workspace:
    """Splits, behaviour features and ranked lists of the tiny retailer, as of 2024-11-01.

    ``couturier`` lists each customer's favourite category first, ``popular`` lists best-sellers, ``repeat``
    what the customer bought before.
    """
    here = validated_workspace
    as_of, train_end = pd.Timestamp("2024-11-01"), pd.Timestamp("2024-10-04")
    events = retailer.transactions.sort_values(["customer_id", "timestamp", "sku"], ignore_index=True)
    events["split"] = np.select(
        [events["timestamp"] < train_end, events["timestamp"] < as_of], ["train", "validation"], "test"
    )
    for split, rows in events.groupby("split"):
        write_table(rows.drop(columns="split"), here.splits / f"{split}.parquet")
    write_json(
        {
            "strategy": "time",
            "as_of": "2024-11-01",
            "validation_start": "2024-10-04",
            "test_end": "2024-12-31",
            "rows": events["split"].value_counts().to_dict(),
            "customers": events.groupby("split")["customer_id"].nunique().to_dict(),
        },
        here.splits / "windows.json",
    )
    before = events[events["split"] != "test"]
    articles = retailer.articles[
        ["sku", "category", "colour", "department", "introduced", "available"]
    ].copy()
    articles["price"] = articles["sku"].map(before.groupby("sku")["price"].median())
    level = pd.cut(articles["price"], [0, 30, 50, np.inf], labels=["budget", "middle", "premium"])
    articles["price_tier"] = level.astype(object).fillna("unknown")
    articles["first_seen"] = articles["sku"].map(before.groupby("sku")["timestamp"].min())
    articles["purchases"] = articles["sku"].map(before["sku"].value_counts()).fillna(0).astype("int64")
    train = before[before["split"] == "train"]
    articles["train_purchases"] = articles["sku"].map(train["sku"].value_counts()).fillna(0).astype("int64")
    write_table(articles, here.behaviour / "articles.parquet")
    customers = retailer.customers[["customer_id", "country", "gender"]].fillna("unknown")
    customers["age_band"] = "unknown"
    customers["purchasing_power"] = [["low", "medium", "high"][i % 3] for i in range(len(customers))]
    customers["segment"] = [["women", "men"][i % 2] for i in range(len(customers))]
    customers["purchases"] = customers["customer_id"].map(before["customer_id"].value_counts()).fillna(0)
    write_table(customers.astype({"purchases": "int64"}), here.behaviour / "customers.parquet")
    month = events["timestamp"].dt.month
    events["season"] = np.select(
        [month.isin([12, 1, 2]), month <= 5, month <= 8], ["winter", "spring", "summer"], "autumn"
    )
    events["price_tier"] = events["sku"].map(articles.set_index("sku")["price_tier"])
    events["position"] = events.groupby("customer_id").cumcount()
    events["gap_days"] = events.groupby("customer_id")["timestamp"].diff().dt.days.astype(float)
    write_table(events, here.behaviour / "events.parquet")
    texts = retailer.articles[["sku", "title"]].assign(text=retailer.articles["title"])
    write_table(texts, here.item_texts)

    tested = sorted(events.loc[events["split"] == "test", "customer_id"].unique())
    best = articles.sort_values(["purchases", "sku"], ascending=[False, True])["sku"].tolist()
    category = articles.set_index("sku")["category"]
    owned = before.groupby("customer_id")["sku"].agg(list).to_dict()
    for model in ("couturier", "popular", "repeat"):
        rows = []
        for customer in tested:
            own = owned.get(customer, [])
            liked = category[own].mode().iloc[0] if own else None
            listed = {
                "couturier": sorted(best, key=lambda sku, liked=liked: category[sku] != liked),
                "popular": best,
                "repeat": list(dict.fromkeys(reversed(own))),
            }[model]
            for masked in (False, True):
                kept = [sku for sku in listed if not (masked and sku in own)][:25]
                rows += [(customer, sku, rank, 1 / rank, masked) for rank, sku in enumerate(kept, start=1)]
        frame = pd.DataFrame(rows, columns=["customer_id", "sku", "rank", "score", "masked"])
        folder = here.holdout_rankings if model == "couturier" else here.baseline_rankings
        write_table(frame.astype({"rank": "int16", "score": "float32"}), folder / f"{model}.parquet")
    return here


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers and width 32 with a small tokenizer, as ``data/models/base`` holds one."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("base")
    words = [
        "<unk>",
        "<s>",
        "unknown",
        *["soft", "in", "black", "white", "red", "trousers", "belts", "coats", "dresses", "knitwear", "no"],
    ]
    words += [str(number) for number in range(30)] + [".", ",", ":", "In", "June", "women", "men"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>").save_pretrained(
        folder
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=1,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random sentence encoder of width 16 that reads the tiny base model's words."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def prepared_workspace(validated_workspace: Workspace, tiny_base: Path) -> Workspace:
    """The tiny retailer carried by the real stages up to the vocabulary, around the tiny base model."""
    from rec_assets.params import change_params
    from rec_assets.pipeline import run_stage

    change_params(
        validated_workspace.params_file,
        {
            "prompts.history": 8,
            "training.epochs": 3,
            "training.batch_tokens": 256,
            "training.lora.rank": 4,
            "vocabulary.sentence_encoder": None,
            "tracking.mode": "disabled",
            "run.threads": 1,
            "ranking.depth": 20,
            "splits.test_days": 60,
            "splits.validation_days": 60,
        },
    )
    shutil.copytree(tiny_base, validated_workspace.base_model)
    template = validated_workspace.root / "rec_assets" / "prompts" / "template.yaml"
    template.parent.mkdir(parents=True)
    shutil.copy(PROJECT / "rec_assets" / "prompts" / "template.yaml", template)
    for name in ("splits", "item_texts", "behaviour", "prompts", "vocabulary"):
        run_stage(validated_workspace, name)
    return validated_workspace


def _vocabulary(
    folder: Path, counts: list[int], words: int = 51, width: int = 32, scale: float = 1.0
) -> Path:
    folder.mkdir(parents=True)
    skus = [f"s{i}" for i in range(len(counts))]
    registry = pd.DataFrame(
        {
            "sku": skus,
            "token": [f"<sku:{sku}>" for sku in skus],
            "sku_index": range(len(skus)),
            "listed": True,
            "retired": False,
            "train_purchases": counts,
        }
    )
    write_table(registry, folder / "registry.parquet")
    titles = scale * np.random.default_rng(0).normal(size=(100, width))[: len(skus)]
    save_file({"titles": titles.astype(np.float32)}, folder / "item_titles.safetensors")
    write_json({"words": words, "skus": len(skus), "width": width}, folder / "vocabulary.json")
    return folder


@pytest.fixture
def vocabulary_around(tmp_path: Path) -> Callable[[Path], Path]:
    """A function that writes a vocabulary of six SKUs around a base model, titles as large as its words."""

    def write(base: Path) -> Path:
        from transformers import AutoModelForCausalLM

        embeddings = AutoModelForCausalLM.from_pretrained(base).get_input_embeddings().weight.detach()
        words, width = embeddings.shape
        return _vocabulary(tmp_path / "around", [9, 4, 0, 1, 0, 25], words, width, float(embeddings.std()))

    return write


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    return _vocabulary(tmp_path / "vocabulary", [9, 4, 0, 1, 0, 25])


@pytest.fixture
def longer_vocabulary(tmp_path: Path) -> Path:
    """The same SKUs with other counts, and two new arrivals."""
    return _vocabulary(tmp_path / "longer", [90, 40, 7, 10, 0, 250, 0, 3])
