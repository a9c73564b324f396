"""The product's own fine-tune: label words' rows and adapters of the decoder under them."""

import time

import numpy as np

from classification.assignment import Assignment, Outcome
from classification.bases import count_parameters, language_model
from rec_assets.backbone.merge import merge_adapters
from rec_assets.heads.averaged_scores import REGRESSION_POOLING, AveragedScorer, add_regression
from rec_assets.heads.fine_tune import FineTuneSettings, tune
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.state_scores import StateScorer


def trimmed_finetune(assignment: Assignment) -> Outcome:
    """Fine-tune decoder and label rows; ``config`` has prompt, words and ``settings`` of the fine-tune."""
    config, task = assignment.config, assignment.task
    model, tokenizer = language_model(str(assignment.base), assignment.layers)
    head = LabelHead.from_label_words(model, tokenizer, task.labels, config["prompt"], config["words"])
    settings = FineTuneSettings(
        **config["settings"], seed=assignment.seed, checkpoints=assignment.files / "checkpoints"
    )
    start = time.perf_counter()
    done = tune(model, tokenizer, head, assignment.texts, assignment.targets, settings)
    seconds = time.perf_counter() - start
    if done.samples_per_second:  # a run that went on from a checkpoint began before this process
        seconds = max(seconds, settings.epochs * len(assignment.train) / done.samples_per_second)
    adapted = merge_adapters(done.model)  # one product a layer again, as a deployed classifier has
    start = time.perf_counter()
    tuned = StateScorer(LanguageModel(adapted, tokenizer), head)
    scorer, heads = tuned, [head]
    if (layer := settings.regression_layer) is not None:
        scorer = add_regression(
            tuned, assignment.texts, assignment.targets, layer=layer, seed=assignment.seed
        )
        heads.append(scorer.regression)
    seconds += time.perf_counter() - start

    def classify(texts: list[str]) -> np.ndarray:
        return np.asarray(scorer.scores(texts).argmax(axis=1))

    return Outcome(
        classify(assignment.judged_texts),
        classify,
        seconds,
        count_parameters(adapted.get_decoder(), *heads),
        done.samples_per_second,
        {
            "trained_parameters": done.trained_parameters,
            "history": done.history,
            **_apart(scorer, assignment),
        },
    )


def _apart(scorer: StateScorer, assignment: Assignment) -> dict[str, float]:
    """Accuracy on the judged rows of each of two heads alone."""
    if not isinstance(scorer, AveragedScorer):
        return {}
    truth = assignment.task.targets[assignment.judged]
    alone = {
        "fine_tuned": StateScorer(scorer.language, scorer.head),
        "regression": StateScorer(
            scorer.language,
            scorer.regression,
            layer=scorer.regression_layer,
            pooling=REGRESSION_POOLING,
        ),
    }
    return {
        f"accuracy_{name}": float((one.scores(assignment.judged_texts).argmax(axis=1) == truth).mean())
        for name, one in alone.items()
    }
