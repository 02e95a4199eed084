"""The losses of partial sentences equal sums over all labels, or paths, that are consistent with what is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from nlptrain.data.labels import Labels
from nlptrain.data.partial_annotation import PossibleLabels
from nlptrain.data.tag_schemes import SCHEME_PREFIXES, Scheme, Span, tags_to_spans
from nlptrain.models.heads import CRFHead, RejectedSpan
from nlptrain.models.heads.crf import CRFWords
from nlptrain.models.heads.softmax import NO_LABEL, IndependentWords
from nlptrain.models.tokenization.inputs import SequenceLengths, whole_sentences

SCHEMES: list[Scheme] = ["iob1", "iob2", "iobes", "bilou"]


def labels_of(scheme: Scheme, types: str = "xy") -> Labels:
    return Labels(("O", *(f"{prefix}-{name}" for name in types for prefix in SCHEME_PREFIXES[scheme])), scheme)


def random_head(labels: Labels, seed: int) -> CRFHead:
    torch.manual_seed(seed)
    head = CRFHead(3, len(labels)).double()
    head.constrain(labels)
    with torch.no_grad():
        for scores in (head.transitions, head.start, head.end):
            scores.copy_(torch.randn_like(scores))
    return head


def weights_of_paths(
    head: CRFHead, emissions: Tensor, *, starts: bool = True, ends: bool = True
) -> dict[tuple[int, ...], float]:
    """Return the exponential of the score of every path that the scheme allows."""
    weights = {}
    transitions, start, end = (scores.tolist() for scores in (head.transitions, head.start, head.end))
    for path in itertools.product(range(emissions.shape[1]), repeat=len(emissions)):
        pairs = list(itertools.pairwise(path))
        is_valid = all(bool(head.allowed[pair]) for pair in pairs)
        is_valid &= not starts or bool(head.may_open[path[0]])
        is_valid &= not ends or bool(head.may_close[path[-1]])
        if is_valid:
            score = sum(float(emissions[word, label]) for word, label in enumerate(path))
            score += sum(transitions[before][after] for before, after in pairs)
            score += start[path[0]] * starts + end[path[-1]] * ends
            weights[path] = np.exp(score)
    return weights


def is_consistent(path: Sequence[int], allowed: Tensor) -> bool:
    return all(bool(allowed[word, label]) for word, label in enumerate(path))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_crf_sums_over_all_consistent_paths(scheme: Scheme) -> None:
    labels = labels_of(scheme)
    head = random_head(labels, 1)
    counts = [4, 1, 2]
    emissions = 2 * torch.randn(sum(counts), len(labels), dtype=torch.float64)
    possible = PossibleLabels(labels)
    mark = {"iob1": "I-x", "iob2": "B-x", "iobes": "S-x", "bilou": "U-x"}[scheme]
    parts = [(["O", mark, "O", "O"], "y"), (["O"], ""), (["O", "O"], "x")]
    allowed = torch.from_numpy(np.concatenate([possible.of_words(tags, frozenset(asked)) for tags, asked in parts]))
    loss = CRFWords(head, emissions, whole_sentences(counts)).marginal_nll_loss(allowed)
    expected = 0.0
    for part, mask in zip(emissions.split(counts), allowed.split(counts), strict=True):
        weights = weights_of_paths(head, part)
        expected -= np.log(sum(weight for path, weight in weights.items() if is_consistent(path, mask)))
        expected += np.log(sum(weights.values()))
    assert loss.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("span", [Span("x", 0, 1), Span("y", 1, 3), Span("x", 3, 4), Span("x", 2, 4)])
def test_crf_excludes_a_rejected_span(scheme: Scheme, span: Span) -> None:
    """-log(1 - p) of the span plus the marginal loss is the loss of all consistent paths that do not have it."""
    labels = labels_of(scheme)
    head = random_head(labels, 2)
    emissions = torch.randn(6, len(labels), dtype=torch.float64)
    mask = PossibleLabels(labels).of_words(["O"] * 4, frozenset())
    first, cases = PossibleLabels(labels).without_span(span, mask) or (0, np.empty(0, dtype=bool))
    rejected = RejectedSpan(2 + first, torch.from_numpy(cases))  # the first sentence has two words
    allowed = torch.ones(6, len(labels), dtype=torch.bool)
    allowed[3] = torch.tensor([name != "O" for name in labels.names])  # of the second sentence's four, the second
    loss = CRFWords(head, emissions, whole_sentences([2, 4])).marginal_nll_loss(allowed, [rejected])
    weights = weights_of_paths(head, emissions[2:])
    without = sum(
        weight
        for path, weight in weights.items()
        if is_consistent(path, allowed[2:]) and span not in tags_to_spans([labels.names[label] for label in path])
    )
    assert loss.item() == pytest.approx(np.log(sum(weights.values())) - np.log(without), abs=1e-10)


def test_several_rejected_spans_are_added() -> None:
    labels = labels_of("iob2")
    head = random_head(labels, 3)
    emissions = torch.randn(3, len(labels), dtype=torch.float64)
    allowed = torch.ones(3, len(labels), dtype=torch.bool)
    possible = PossibleLabels(labels)
    weights = weights_of_paths(head, emissions)
    total = sum(weights.values())
    rejected, expected = [], 0.0
    for span in (Span("x", 0, 2), Span("y", 2, 3)):
        first, cases = possible.without_span(span, allowed.numpy()) or (0, np.empty(0, dtype=bool))
        rejected.append(RejectedSpan(first, torch.from_numpy(cases)))
        names = {path: [labels.names[label] for label in path] for path in weights}
        p = sum(weight for path, weight in weights.items() if span in tags_to_spans(names[path])) / total
        expected -= np.log(1 - p)
    loss = CRFWords(head, emissions, whole_sentences([3])).marginal_nll_loss(allowed, rejected)
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_a_window_inside_a_sentence_has_no_start_and_no_end() -> None:
    labels = labels_of("iobes", "x")
    head = random_head(labels, 4)
    emissions = torch.randn(3, len(labels), dtype=torch.float64)
    lengths = SequenceLengths(torch.tensor([3]), torch.tensor([False]), torch.tensor([False]))
    allowed = torch.tensor([[True] * 5, [False, True, True, False, False], [True] * 5])
    weights = weights_of_paths(head, emissions, starts=False, ends=False)
    known = sum(weight for path, weight in weights.items() if is_consistent(path, allowed))
    loss = CRFWords(head, emissions, lengths).marginal_nll_loss(allowed)
    assert loss.item() == pytest.approx(np.log(sum(weights.values())) - np.log(known), abs=1e-10)


def test_with_one_label_per_word_the_loss_is_that_of_gold_labels() -> None:
    labels = labels_of("iob2")
    head = random_head(labels, 5)
    emissions = torch.randn(5, len(labels), dtype=torch.float64)
    gold = torch.tensor([1, 2, 0, 3, 0])
    allowed = torch.nn.functional.one_hot(gold, len(labels)).bool()
    for words in (CRFWords(head, emissions, whole_sentences([3, 2])), IndependentWords(emissions)):
        assert words.marginal_nll_loss(allowed).item() == pytest.approx(words.nll_loss(gold).item(), abs=1e-10)
        assert words.marginal_nll_loss(torch.ones_like(allowed)).item() == 0.0
        partial = allowed.clone()
        partial[:3] = True  # the second sentence is complete
        rest = torch.where(torch.arange(5) < 3, NO_LABEL, gold)
        assert words.marginal_nll_loss(partial).item() == pytest.approx(words.nll_loss(rest).item(), abs=1e-10)


def test_independent_words_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.7, 0.2, 0.1]], dtype=torch.float64))
    words = IndependentWords(logits)
    allowed = torch.tensor([[True, True, False], [True, True, True]])
    assert words.marginal_nll_loss(allowed).item() == pytest.approx(-np.log(0.75), abs=1e-10)
    # Labels O, B-x, I-x: the span of the first word alone needs B-x, then no I-x: p = 1/3 * 0.9 given the labels.
    first, cases = PossibleLabels(labels_of("iob2", "x")).without_span(Span("x", 0, 1), allowed.numpy()) or (0, allowed)
    rejected = RejectedSpan(first, torch.as_tensor(cases))
    expected = -np.log(0.75) - np.log(1 - 0.9 / 3)
    assert words.marginal_nll_loss(allowed, [rejected]).item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("kind", ["crf", "softmax"])
def test_gradients(kind: str) -> None:
    labels = labels_of("iob2")
    head = random_head(labels, 6)
    possible = PossibleLabels(labels)
    mask = possible.of_words(["O", "B-x", "O", "O"], frozenset("y"))
    mask[3] = True
    first, cases = possible.without_span(Span("y", 3, 4), mask) or (0, np.empty(0, dtype=bool))
    rejected = [RejectedSpan(2 + first, torch.from_numpy(cases))]
    allowed = torch.cat([torch.ones(2, len(labels), dtype=torch.bool), torch.from_numpy(mask)])
    scores = [head.transitions.detach().clone(), head.start.detach().clone(), head.end.detach().clone()]

    def loss(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
        if kind == "softmax":
            return IndependentWords(emissions).marginal_nll_loss(allowed, rejected)
        for name, value in (("transitions", transitions), ("start", start), ("end", end)):
            delattr(head, name)
            setattr(head, name, value)
        return CRFWords(head, emissions, whole_sentences([2, 4])).marginal_nll_loss(allowed, rejected)

    emissions = torch.randn(6, len(labels), dtype=torch.float64)
    inputs = [tensor.requires_grad_() for tensor in (emissions, *scores)]
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("kind", ["crf", "softmax"])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_a_certain_model_has_a_finite_loss_and_gradient(kind: str, scale: float) -> None:
    """Where the rejected span has almost all probability, -log(1 - p) is large and its gradient is not 0."""
    labels = labels_of("iob2", "x")
    head = random_head(labels, 7).float()
    emissions = torch.zeros(3, 3)
    emissions[torch.arange(3), torch.tensor([1, 2, 0])] = scale
    emissions.requires_grad_()
    allowed = torch.ones(3, 3, dtype=torch.bool)
    first, cases = PossibleLabels(labels).without_span(Span("x", 0, 2), allowed.numpy()) or (0, np.empty(0, dtype=bool))
    words = CRFWords(head, emissions, whole_sentences([3])) if kind == "crf" else IndependentWords(emissions)
    loss = words.marginal_nll_loss(allowed, [RejectedSpan(first, torch.from_numpy(cases))])
    loss.backward()
    assert torch.isfinite(loss)
    assert emissions.grad is not None
    assert torch.isfinite(emissions.grad).all()
    assert scale == 1.0 or loss.item() > 40
    assert float(emissions.grad[0, 1] + emissions.grad[1, 2]) > 0.05


def test_an_empty_batch_has_no_loss() -> None:
    labels = labels_of("iob2")
    allowed = torch.ones(0, len(labels), dtype=torch.bool)
    logits = torch.zeros(0, len(labels), requires_grad=True)
    head = random_head(labels, 8)
    for words in (CRFWords(head, logits, whole_sentences([0])), IndependentWords(logits)):
        loss = words.marginal_nll_loss(allowed)
        loss.backward()
        assert loss.item() == 0.0
