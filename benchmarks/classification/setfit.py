"""SetFit (arXiv 2209.11055): contrastive fine-tuning of the sentence encoder, then logistic regression."""

import time

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F
from tqdm import tqdm

from classification.assignment import Assignment, Outcome
from classification.bases import count_parameters, sentence_encoder

_BATCH = 16


def setfit(assignment: Assignment) -> Outcome:
    """Pull texts of one label together and push others apart, then fit the head on the moved vectors.

    Every text meets ``rounds`` texts of its label and as many of others, as published; at most ``most_pairs``
    pairs in all are trained on, for one epoch.
    """
    config, targets = assignment.config, assignment.targets
    torch.manual_seed(assignment.seed)
    encoder = sentence_encoder()
    left, right, same = pairs(targets, config["rounds"], config["most_pairs"], assignment.seed)
    rows = encoder.tokens(assignment.texts)
    start = time.perf_counter()
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=config["learning_rate"], weight_decay=0.01)
    steps = -(-len(same) // _BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / max(1, steps // 10), (steps - step) / steps)
    )
    encoder.train()
    for at in tqdm(range(0, len(same), _BATCH), desc="contrast", unit="step"):
        part = slice(at, at + _BATCH)
        both = encoder([rows[i] for i in (*left[part], *right[part])])
        size = len(both) // 2
        loss = F.mse_loss((both[:size] * both[size:]).sum(dim=-1), torch.from_numpy(same[part]))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    encoder.eval()
    head = LogisticRegression(C=config["C"], max_iter=1000)
    head.fit(encoder.embed(assignment.texts), targets)
    seconds = time.perf_counter() - start

    def classify(texts: list[str]) -> np.ndarray:
        return head.predict(encoder.embed(texts))

    size = count_parameters(encoder) + int(head.coef_.size + head.intercept_.size)
    rate = 2 * len(same) / seconds
    return Outcome(classify(assignment.judged_texts), classify, seconds, size, rate, {"pairs": len(same)})


def pairs(
    targets: np.ndarray, rounds: int, most: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw pairs of rows: left (P,), right (P,), and 1 where they share a label (P,), float32."""
    random = np.random.default_rng(seed)
    left, right = [], []
    for row, label in enumerate(targets):
        alike = np.flatnonzero((targets == label) & (np.arange(len(targets)) != row))
        others = np.flatnonzero(targets != label)
        for pool in (alike, others):
            if len(pool):
                left += [row] * rounds
                right += random.choice(pool, rounds).tolist()
    order = random.permutation(len(left))[:most]
    first, second = np.array(left)[order], np.array(right)[order]
    return first, second, (targets[first] == targets[second]).astype(np.float32)
