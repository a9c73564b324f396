"""Frozen hidden states under a linear head: logistic regression, or the language model's own rows trained."""

import time

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classification.assignment import Assignment, Outcome
from classification.bases import count_parameters
from classification.frozen import POOLINGS, FrozenStates, pooled_states
from rec_assets.backbone.layers import keep_layers
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode, last_states


def trimmed_linear(assignment: Assignment) -> Outcome:
    """Read texts with frozen layers and fit a head; ``config`` says which layers, pooling and head.

    ``head: logistic`` standardises the concatenated states that leave the layers at ``depths`` (shares of the
    base's layers: 0 the embeddings, 1 the last) and regularises with ``C``.
    ``head: label_words`` starts from the rows of the label words, at the last token of the last layer.
    """
    config = assignment.config
    states = FrozenStates(
        assignment.task,
        str(assignment.base),
        assignment.layers,
        config["prompt"],
        assignment.files / "states",
    )
    if config["head"] == "label_words":
        return _label_words(assignment, states)
    layers = [round(share * states.depth) for share in config["depths"]]

    def features(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([states.get(rows, layer, config["pooling"]) for layer in layers], axis=1)

    train, judged = features(assignment.train), features(assignment.judged)
    head = make_pipeline(StandardScaler(), LogisticRegression(C=config["C"], max_iter=500))
    start = time.perf_counter()
    head.fit(train, assignment.targets)
    seconds = time.perf_counter() - start
    predictions = head.predict(judged)
    truncated = max(layers) < states.depth
    if truncated:
        keep_layers(states.model, max(1, *layers))  # the layers above are never computed

    def classify(texts: list[str]) -> np.ndarray:
        ids = [encode(states.tokenizer, config["prompt"], text) for text in texts]
        found = np.empty((len(texts), train.shape[1]), np.float32)
        pooling = POOLINGS.index(config["pooling"])
        for batch, pooled in pooled_states(states.model, ids, "classify", layers, truncated):
            found[batch] = pooled[:, pooling].permute(1, 0, 2).flatten(1).numpy()
        return head.predict(found)

    size = count_parameters(states.model.get_decoder()) + head[-1].coef_.size + head[-1].intercept_.size
    return Outcome(predictions, classify, seconds, int(size), len(train) / seconds)


def _label_words(assignment: Assignment, states: FrozenStates) -> Outcome:
    config, task = assignment.config, assignment.task
    head = LabelHead.from_label_words(
        states.model, states.tokenizer, task.labels, config["prompt"], config["words"]
    )
    train = torch.from_numpy(states.get(assignment.train, states.depth, "last"))
    start = time.perf_counter()
    head.fit(
        train,
        torch.from_numpy(assignment.targets),
        epochs=config["epochs"],
        learning_rate=config["learning_rate"],
        seed=assignment.seed,
    )
    seconds = time.perf_counter() - start
    judged = torch.from_numpy(states.get(assignment.judged, states.depth, "last"))

    def classify(texts: list[str]) -> np.ndarray:
        ids = [encode(states.tokenizer, config["prompt"], text) for text in texts]
        return head.predict(last_states(states.model, ids)).numpy()

    size = count_parameters(states.model.get_decoder(), head)
    return Outcome(
        head.predict(judged).numpy(), classify, seconds, size, config["epochs"] * len(train) / seconds
    )
