"""Measure what a CRF costs beside a softmax, by the number of labels: python -m scripts.bench_crf.

Ratios only, as in ``scripts.bench``. The nets' weights are new: what they cost does not depend on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from nlptrain.config.student import StudentConfig
from nlptrain.data.labels import Labels
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.models import TokenModel, build_tagger
from nlptrain.models.heads.forward_backward import log_marginals, marginals
from scripts.bench import MINILM, SEED, alternating, ratio
from scripts.demo_corpus import invent

TYPES = (4, 6, 18, 36, 49)
SENTENCES = 300


def labels_of(types: int) -> Labels:
    """Those of IOB2."""
    return Labels.from_names(["O", *(f"{prefix}-{number}" for number in range(types) for prefix in "BI")], "iob2")


def in_training(labels: int, chains: int = 80, longest: int = 20) -> str:
    """Marginals and their gradients of a batch, by logarithms against by products: the times' ratio."""
    random = torch.Generator().manual_seed(0)
    emissions = torch.randn(chains, longest, labels, generator=random, requires_grad=True)
    transitions = torch.randn(labels, labels, generator=random, requires_grad=True)
    start, end = (torch.randn(chains, labels, generator=random) for _ in range(2))
    lengths = torch.randint(longest // 2, longest + 1, (chains,), generator=random)
    mask = torch.arange(longest) < lengths[:, None]

    def seconds(way: Callable[..., tuple[torch.Tensor, torch.Tensor]], exact: torch.dtype) -> Callable[[], float]:
        def measure() -> float:
            begun = time.perf_counter()
            found, total = way(emissions.to(exact), mask, *(one.to(exact) for one in (transitions, start, end)))
            torch.autograd.grad(found[mask].sum() + total.sum(), (emissions, transitions))
            return time.perf_counter() - begun

        return measure

    return ratio(*alternating(seconds(log_marginals, torch.float32), seconds(marginals, torch.float64)))


def in_use(types: int) -> str:
    """Words per second of a student with a CRF against the same net with a softmax, words to labels."""
    lines = invent(SEED)["unlabeled.txt"].split("\n")[:SENTENCES]
    sentences = [words for line in lines if (words := WordSplitter.default().words(line))]

    def rate(head: str) -> Callable[[], float]:
        config = StudentConfig.model_validate({"tokenizer": MINILM, "head": {"kind": head}})
        student: TokenModel = build_tagger(config, labels_of(types), seed=0)
        # Mostly O, as in use: with a softmax, only what breaks the scheme is decoded.
        student.model.get_parameter("head.bias").data[0] = 9.0

        def measure() -> float:
            begun = time.perf_counter()
            student.predict(sentences)
            return sum(map(len, sentences)) / (time.perf_counter() - begun)

        return measure

    return ratio(*alternating(rate("crf"), rate("softmax")))


def main() -> None:
    """Print both for some numbers of labels."""
    torch.set_num_threads(1)
    for types in TYPES:
        labels = len(labels_of(types))
        print(f"{labels} labels, marginals and gradients, logarithms against products, seconds: {in_training(labels)}")
        print(f"{labels} labels, words to labels, a CRF against a softmax, words per second: {in_use(types)}")


if __name__ == "__main__":
    main()
