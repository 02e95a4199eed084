"""Measure the cost of a CRF relative to a softmax, by the number of labels: python -m scripts.bench_crf.

Ratios only, as in ``scripts.bench``. The weights are random: the cost does not depend on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from nlptrain.config.student import StudentConfig
from nlptrain.data.labels import Labels
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.demo.corpus import generate_corpus
from nlptrain.models import TokenModel, build_tagger
from nlptrain.models.heads.forward_backward import log_marginals, marginals
from scripts.bench import MINILM, SEED, alternating, ratio

TYPES = (4, 6, 18, 36, 49)
SENTENCES = 300


def labels_of(types: int) -> Labels:
    """Return the IOB2 labels of a number of ``types``."""
    return Labels.from_names(["O", *(f"{prefix}-{index}" for index in range(types) for prefix in "BI")], "iob2")


def in_training(labels: int, chains: int = 80, longest: int = 20) -> str:
    """Compare the time of a batch's marginals and gradients: log-space divided by scaled products."""
    random = torch.Generator().manual_seed(0)
    emissions = torch.randn(chains, longest, labels, generator=random, requires_grad=True)
    transitions = torch.randn(labels, labels, generator=random, requires_grad=True)
    start, end = (torch.randn(chains, labels, generator=random) for _ in range(2))
    lengths = torch.randint(longest // 2, longest + 1, (chains,), generator=random)
    mask = torch.arange(longest) < lengths[:, None]

    def seconds(way: Callable[..., tuple[torch.Tensor, torch.Tensor]], exact: torch.dtype) -> Callable[[], float]:
        def measure() -> float:
            begun = time.perf_counter()
            parameters = (tensor.to(exact) for tensor in (transitions, start, end))
            probabilities, total = way(emissions.to(exact), mask, *parameters)
            torch.autograd.grad(probabilities[mask].sum() + total.sum(), (emissions, transitions))
            return time.perf_counter() - begun

        return measure

    return ratio(*alternating(seconds(log_marginals, torch.float32), seconds(marginals, torch.float64)))


def in_use(types: int) -> str:
    """Compare words per second, words to labels: a student with a CRF divided by the same with a softmax."""
    lines = generate_corpus(SEED)["unlabeled.txt"].split("\n")[:SENTENCES]
    sentences = [words for line in lines if (words := WordSplitter.default().words(line))]

    def rate(head: str) -> Callable[[], float]:
        config = StudentConfig.model_validate({"tokenizer": MINILM, "head": {"kind": head}})
        student: TokenModel = build_tagger(config, labels_of(types), seed=0)
        # Mostly O, as in real text: after a softmax, only sentences that break the scheme are decoded.
        student.model.get_parameter("head.bias").data[0] = 9.0

        def measure() -> float:
            begun = time.perf_counter()
            student.predict_labels(sentences)
            return sum(map(len, sentences)) / (time.perf_counter() - begun)

        return measure

    return ratio(*alternating(rate("crf"), rate("softmax")))


def main() -> None:
    """Print both for several numbers of labels."""
    torch.set_num_threads(1)
    for types in TYPES:
        labels = len(labels_of(types))
        print(f"{labels} labels, marginals and gradients, logarithms against products, seconds: {in_training(labels)}")
        print(f"{labels} labels, words to labels, a CRF against a softmax, words per second: {in_use(types)}")


if __name__ == "__main__":
    main()
