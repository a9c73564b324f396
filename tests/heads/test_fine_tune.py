import numpy as np
import pytest
import torch
from architectures import build
from transformers import TrainerCallback

from rec_assets.backbone.load import load_base
from rec_assets.backbone.trim import TrimmedDecoder, trim_decoder
from rec_assets.errors import BaseModelError, TableError
from rec_assets.heads.adapters import is_four_bit, make_trainable, quantise_layers
from rec_assets.heads.fine_tune import FineTuneSettings, fine_tune, hold_out, tune
from rec_assets.heads.fine_tune_folder import checkpoint_folder
from rec_assets.heads.fine_tune_settings import read_settings, trl_arguments
from rec_assets.heads.head_model import HeadModel
from rec_assets.heads.head_trainer import HeadTrainer, labelled_row
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode, last_states
from rec_assets.recommender.batches import collate

PROMPT = "{text} This garment is a"
LABELS = ("Belts", "Coats", "Trousers")
FAST = {"epochs": 12, "batch_tokens": 96, "learning_rate": 5e-3, "head_learning_rate": 1e-2, "rank": 4}


@pytest.fixture
def head(model, tokenizer):
    return LabelHead.from_label_words(model, tokenizer, LABELS, PROMPT)


@pytest.fixture
def examples(articles):
    """Titles whose first colour decides, whatever the category says: label words know nothing of it."""
    rows = articles.iloc[:90]
    colours = rows["title"].str.split().str[0]
    return rows["title"].tolist(), colours.map({"black": 0, "red": 1, "white": 2, "green": 0}).to_numpy()


def test_the_seed_is_the_classifiers_unless_the_settings_name_one():
    assert read_settings(None, 7).seed == 7
    assert read_settings({"epochs": 1}, 7) == FineTuneSettings(epochs=1, seed=7)
    assert read_settings(FineTuneSettings(epochs=1), 7) == FineTuneSettings(epochs=1, seed=7)
    assert read_settings(FineTuneSettings(seed=0), 7).seed == 0


def test_the_loss_is_over_the_labels_at_the_last_token(model, tokenizer, head):
    texts = ["black Belts", "red white Coats no 3", "white Trousers"]
    rows = [labelled_row(encode(tokenizer, PROMPT, text), i) for i, text in enumerate(texts)]
    outputs = HeadModel(model, head).eval()(**collate(rows))
    alone = head(last_states(model, [row.ids for row in rows]))  # no padding there
    torch.testing.assert_close(outputs.logits, alone)
    torch.testing.assert_close(outputs.loss, torch.nn.functional.cross_entropy(alone, torch.arange(3)))


def test_the_vocabulary_head_takes_no_part(model, head):
    trained = HeadModel(make_trainable(model, "lora", **adapter()), head)
    assert not any(value is model.lm_head.weight for value in trained.parameters())
    assert trained.get_output_embeddings() is None


def adapter(**changes):
    return {"rank": 4, "alpha": 8, "dropout": 0.0, "embeddings": False, "seed": 1} | changes


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_it_learns_what_the_label_words_do_not_know(method, model, tokenizer, head, examples):
    texts, targets = examples
    rate = 2e-3 if method == "full" else 1e-2
    settings = FineTuneSettings(method=method, **FAST | {"learning_rate": rate})
    adapted = fine_tune(model, tokenizer, head, texts, targets, settings)
    assert not adapted.training
    states = last_states(adapted, [encode(tokenizer, PROMPT, text) for text in texts])
    assert (head.predict(states).numpy() == targets).mean() > 0.95
    assert is_four_bit(adapted) == (method == "qlora")


def test_only_what_should_learn_moves(model, tokenizer, head, examples):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = head.decoder.weight.detach().clone()
    done = tune(model, tokenizer, head, *examples, FineTuneSettings(**FAST | {"epochs": 1}))
    base = {name.replace(".base_layer", ""): value for name, value in model.state_dict().items()}
    for name, value in before.items():
        assert torch.equal(base[name], value), name
    adapters = {name: value for name, value in base.items() if "lora_B" in name}
    assert len(adapters) == 2 * 7  # seven linear layers in each decoder layer
    assert all(value.abs().sum() > 0 for value in adapters.values())
    assert not torch.equal(head.decoder.weight, rows)
    assert done.trained_parameters == sum(v.numel() for n, v in base.items() if "lora" in n) + 3 * 32 + 3
    assert done.samples_per_second > 0


def test_embeddings_are_trained_only_where_asked(model, tokenizer, head, examples):
    for embeddings in (False, True):
        before = model.model.embed_tokens.weight.detach().clone()
        settings = FineTuneSettings(method="full", embeddings=embeddings, **FAST | {"epochs": 1})
        fine_tune(model, tokenizer, head, *examples, settings)
        assert torch.equal(model.model.embed_tokens.weight, before) != embeddings


def test_the_same_seed_gives_the_same_bits(model, tokenizer, examples):
    runs = []
    start = {name: value.clone() for name, value in model.state_dict().items()}
    for seed in (1, 1, 2):
        model.load_state_dict(start)
        head = LabelHead.from_label_words(model, tokenizer, LABELS, PROMPT)
        settings = FineTuneSettings(method="full", seed=seed, **FAST | {"epochs": 1})
        fine_tune(model, tokenizer, head, *examples, settings)
        runs.append(head.decoder.weight.detach().clone())
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


class Killed(TrainerCallback):
    """A machine that goes down in the third epoch."""

    def on_step_begin(self, args, state, control, **_):
        if state.epoch > 2.1:
            raise KeyboardInterrupt


def test_a_killed_run_goes_on_to_the_same_weights(model, tokenizer, examples, tmp_path):
    start = {name: value.clone() for name, value in model.state_dict().items()}

    def run(checkpoints, callbacks=()):
        model.load_state_dict(start)
        head = LabelHead.from_label_words(model, tokenizer, LABELS, PROMPT)
        settings = FineTuneSettings(
            method="full",
            validation_share=0.2,
            checkpoints=checkpoints,
            patience=9,
            keep_best="loss",
            **FAST | {"epochs": 4},
        )
        done = tune(model, tokenizer, head, *examples, settings, callbacks)
        return done, head.decoder.weight.detach().clone()

    whole, expected = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [Killed()])
    assert list(tmp_path.glob("*/checkpoint-*"))
    resumed, found = run(tmp_path)
    assert torch.equal(found, expected)
    assert resumed.history == whole.history
    assert len(whole.history) == 4
    assert not list(tmp_path.iterdir())


def test_what_stands_after_the_cut_is_not_learnt(model, tokenizer, examples):
    texts, targets = (part[:24] for part in examples)
    longer = [f"{' '.join(text.split()[:2])} no {place}" for place, text in enumerate(texts)]
    start = {name: value.clone() for name, value in model.state_dict().items()}
    runs = []
    for own, most in ((texts, 2), (longer, 2), (longer, 96)):
        model.load_state_dict(start)
        head = LabelHead.from_label_words(model, tokenizer, LABELS, PROMPT)
        settings = FineTuneSettings(method="full", **FAST | {"epochs": 1})
        fine_tune(model, tokenizer, head, own, targets, settings, text_tokens=most)
        runs.append(head.decoder.weight.detach().clone())
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[1], runs[2])


def test_other_inputs_do_not_take_a_checkpoint(model, tokenizer, head, examples, tmp_path):
    texts, targets = examples
    settings = FineTuneSettings(method="full", checkpoints=tmp_path, **FAST | {"epochs": 4})
    with pytest.raises(KeyboardInterrupt):
        tune(model, tokenizer, head, texts, targets, settings, [Killed()])
    seen = []

    class Seen(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            seen.append(state.global_step)

    tune(model, tokenizer, head, texts[:-3], targets[:-3], settings, [Seen()])
    assert seen == [0]


def test_texts_cut_elsewhere_do_not_take_a_checkpoint(model, tokenizer, head, examples, tmp_path):
    settings = FineTuneSettings(checkpoints=tmp_path)
    folders = {checkpoint_folder(settings, model, head, *examples, tokens) for tokens in (2, 3, 2)}
    assert len(folders) == 2


def test_the_best_epoch_is_kept_and_patience_ends_the_run(model, tokenizer, head, examples):
    texts, targets = examples
    random = np.random.default_rng(1)  # what cannot be learnt: to learn it by heart makes the others worse
    targets = np.where(random.random(len(targets)) < 0.4, random.integers(3, size=len(targets)), targets)
    settings = FineTuneSettings(
        **FAST | {"epochs": 40, "batch_tokens": 24},
        validation_share=0.2,
        patience=2,
        keep_best="loss",
        seed=3,
    )
    done = tune(model, tokenizer, head, texts, targets, settings)
    losses = [entry["eval_loss"] for entry in done.history]
    assert len(losses) < 40
    assert len(losses) == 1 + int(np.argmin(losses)) + 2
    held_out = hold_out(texts, targets, 0.2, 3)
    kept = [text for text, out in zip(texts, held_out, strict=True) if out]
    logits = head(last_states(done.model, [encode(tokenizer, PROMPT, text) for text in kept]))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets[held_out]))
    assert loss.item() == pytest.approx(min(losses), rel=1e-4)


def test_learning_rates_fall_from_layer_to_layer(model, tokenizer, head, tmp_path):
    adapted = make_trainable(model, "full", **adapter(embeddings=True))
    settings = FineTuneSettings(learning_rate=1e-3)
    trainer = HeadTrainer(
        HeadModel(adapted, head),
        trl_arguments(settings, tmp_path, False),
        [labelled_row([1, 2], 0)],
        [],
        tokenizer,
        batch_tokens=8,
        head_learning_rate=0.5,
        layer_decay=0.1,
    )
    rate = {
        id(parameter): group["lr"]
        for group in trainer.create_optimizer().param_groups
        for parameter in group["params"]
    }
    assert rate[id(head.decoder.weight)] == 0.5
    assert rate[id(model.model.norm.weight)] == pytest.approx(1e-3)
    assert rate[id(model.model.layers[1].mlp.up_proj.weight)] == pytest.approx(1e-3)
    assert rate[id(model.model.layers[0].mlp.up_proj.weight)] == pytest.approx(1e-4)
    assert rate[id(model.model.embed_tokens.weight)] == pytest.approx(1e-5)


@pytest.mark.parametrize("name", ["llama-tied", "gpt2", "gemma3", "opt", "cohere", "phi"])
def test_every_architecture_is_trained_under_its_own_head(name, tokenizer):
    model = build(name)
    words = trim_decoder(model, [5, 9, 12])
    bias = torch.zeros(3) if words.bias is None else words.bias.detach()
    trimmed = TrimmedDecoder(words.weight.detach(), bias, words.token_ids, words.scaling, words.full_rows)
    head = LabelHead(trimmed, LABELS, PROMPT)
    texts, targets = ["black Belts", "red Coats", "white Trousers no 3"], np.arange(3)
    settings = FineTuneSettings(**FAST | {"epochs": 40, "batch_tokens": 24}, adapter_dropout=0, dropout=0)
    rows = [encode(tokenizer, PROMPT, text) for text in texts]

    def loss(model):
        logits = head(last_states(model, rows)).detach()
        return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets)))

    before = loss(model)
    adapted = fine_tune(model, tokenizer, head, texts, targets, settings)
    assert loss(adapted) < 0.3 * before


def test_quantising_in_place_gives_the_bits_of_loading_in_four(model, tokenizer, tmp_path):
    model.save_pretrained(tmp_path)
    quantise_layers(model)
    row = torch.tensor([encode(tokenizer, PROMPT, "black Belts")])
    loaded = load_base(tmp_path, quantised=True)
    with torch.no_grad():
        assert torch.equal(model(row).logits, loaded(row).logits)


def test_validation_takes_of_every_label_and_keeps_copies_together():
    texts = [f"text {i // 2}" for i in range(40)] + ["lonely"]
    targets = np.array([i // 20 for i in range(40)] + [2])
    held_out = hold_out(texts, targets, 0.2, seed=5)
    assert held_out.sum() == 8
    assert [held_out[targets == label].sum() for label in range(3)] == [4, 4, 0]
    assert not {t for t, o in zip(texts, held_out, strict=True) if o} & {
        t for t, o in zip(texts, held_out, strict=True) if not o
    }
    assert not hold_out(texts, targets, 0.0, seed=5).any()


def test_what_cannot_be_trained_is_refused(model, tokenizer, head):
    settings = FineTuneSettings()
    with pytest.raises(TableError, match="2 texts and 1 targets"):
        fine_tune(model, tokenizer, head, ["a", "b"], np.array([0]), settings)
    with pytest.raises(TableError, match="0 to 3; the head has 3 labels"):
        fine_tune(model, tokenizer, head, ["a", "b"], np.array([0, 3]), settings)
    quantise_layers(model)
    with pytest.raises(BaseModelError, match="4 bits"):
        make_trainable(model, "full", **adapter())
    with pytest.raises(BaseModelError, match="wrapped by PEFT"):
        make_trainable(make_trainable(model, "qlora", **adapter()), "lora", **adapter())
