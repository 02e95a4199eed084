"""The CRF equals a brute-force computation over all paths, and follows the tag scheme."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from nlptrain.config.objectives import KLConfig
from nlptrain.config.student import Student
from nlptrain.data.labels import Labels
from nlptrain.distillation import DistillObjective
from nlptrain.models import build_student
from nlptrain.models.heads.crf import CRFHead
from nlptrain.models.heads.forward_backward import (
    FORBIDDEN,
    log_marginals,
    marginals,
    max_marginals,
    path_scores,
    possible_labels,
)
from nlptrain.models.tokenization.inputs import SequenceLengths, whole_sentences
from nlptrain.training import Targets
from tests.helpers.corpora import make_sentences

IOB2 = Labels.from_names(["O", "B-x", "I-x", "B-y", "I-y"], "iob2")


def draw(seed: int, lengths: list[int], labels: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    longest = max(lengths)
    shape = [(len(lengths), longest, labels), (labels, labels), (len(lengths), labels), (len(lengths), labels)]
    emissions, transitions, start, end = (torch.randn(s, generator=random, dtype=torch.float64) * 2 for s in shape)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    forbidden = torch.rand(labels, labels, generator=random) < 0.3
    forbidden.fill_diagonal_(False)  # so that some path is always allowed
    transitions[forbidden] = FORBIDDEN
    return emissions, mask, transitions, start, end


def every_path(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> dict[tuple[int, ...], float]:
    """Return the score of every allowed path of one sequence, by brute force."""
    words, labels = emissions.shape
    scores = {}
    for path in itertools.product(range(labels), repeat=words):
        steps = [float(transitions[a, b]) for a, b in itertools.pairwise(path)]
        if FORBIDDEN not in steps:
            emitted = sum(float(emissions[position, label]) for position, label in enumerate(path))
            scores[path] = float(start[path[0]]) + emitted + sum(steps) + float(end[path[-1]])
    return scores


@pytest.mark.parametrize("seed", range(8))
def test_partition_and_marginals_equal_a_sum_over_all_paths(seed: int) -> None:
    lengths = [4, 1, 5, 2, 3]
    emissions, mask, transitions, start, end = draw(seed, lengths, 4)
    emissions[~mask] = 99.0  # the padding may hold anything
    marginals, totals = log_marginals(emissions, mask, transitions, start, end)
    best_of_all = max_marginals(emissions, mask, transitions, start, end)
    best = torch.zeros_like(mask, dtype=torch.long)
    for chain, length in enumerate(lengths):
        paths = every_path(emissions[chain, :length], transitions, start[chain], end[chain])
        values = np.array(list(paths.values()))
        total = np.log(np.exp(values - values.max()).sum()) + values.max()
        assert float(totals[chain]) == pytest.approx(total, abs=1e-10)
        for position in range(length):
            for label in range(4):
                shares = [np.exp(score - total) for path, score in paths.items() if path[position] == label]
                assert float(marginals[chain, position, label].exp()) == pytest.approx(sum(shares), abs=1e-10)
                constrained = [score for path, score in paths.items() if path[position] == label]
                if constrained:
                    actual = float(best_of_all[chain, position, label])
                    assert actual == pytest.approx(max(constrained) - values.max(), abs=1e-10)
        best[chain, :length] = torch.tensor(max(paths, key=paths.__getitem__))
    scored = path_scores(emissions, mask, transitions, start, end, best)
    for chain, length in enumerate(lengths):
        paths = every_path(emissions[chain, :length], transitions, start[chain], end[chain])
        assert float(scored[chain]) == pytest.approx(max(paths.values()), abs=1e-10)


@pytest.mark.parametrize("scale", [1.0, 40.0, *range(90, 400, 30), 2_000.0])
def test_products_equal_the_computation_in_logarithms(scale: float) -> None:
    """From scale 90 some sums are near the smallest float64; at 2,000 no path is left."""
    lengths = [4, 1, 7, 2, 3]
    emissions, mask, transitions, start, end = draw(3, lengths, 4)
    emissions, start, end = emissions * scale, start * scale, end * scale
    emissions[~mask] = 99.0 * scale
    result, total = marginals(emissions, mask, transitions, start, end)
    result = result[mask]
    logs, wanted_total = log_marginals(emissions, mask, transitions, start, end)
    expected = logs[mask]
    assert not result.isnan().any()
    assert torch.allclose(total, wanted_total, rtol=1e-12, atol=1e-9)
    assert torch.allclose(result.exp(), expected.exp(), rtol=0, atol=1e-9)
    likely = expected > -60
    assert torch.allclose(result[likely], expected[likely], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_gradients_of_products_equal_those_of_logarithms(scale: float) -> None:
    emissions, mask, transitions, start, end = draw(5, [4, 1, 7, 2, 3], 4)
    scores = [(emissions * scale), transitions, start, end]
    weights = torch.rand(emissions.shape, dtype=torch.float64)
    gradients = []
    for way in (marginals, log_marginals):
        leaves = [tensor.clone().requires_grad_() for tensor in scores]
        result, total = way(leaves[0], mask, *leaves[1:])
        (((result.exp() + result.clamp(min=-30)) * weights)[mask].sum() + total.sum()).backward()
        gradients.append([tensor.grad for tensor in leaves])
    for tensor, other in zip(*gradients, strict=True):
        assert tensor.isfinite().all()
        assert torch.allclose(tensor, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_possible_labels_are_those_of_valid_paths(seed: int) -> None:
    lengths = [3, 1, 4]
    random = torch.Generator().manual_seed(seed)
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    allowed = torch.rand(4, 4, generator=random) < 0.5
    opening, closing = (torch.rand(3, 4, generator=random) < 0.6 for _ in range(2))
    result = possible_labels(mask, allowed, opening, closing)
    for chain, length in enumerate(lengths):
        paths = [
            path
            for path in itertools.product(range(4), repeat=length)
            if opening[chain, path[0]]
            and closing[chain, path[-1]]
            and all(allowed[a, b] for a, b in itertools.pairwise(path))
        ]
        for position, label in itertools.product(range(length), range(4)):
            assert bool(result[chain, position, label]) == any(path[position] == label for path in paths)


def head(labels: Labels, seed: int = 0) -> CRFHead:
    torch.manual_seed(seed)
    head = CRFHead(3, len(labels)).double()
    with torch.no_grad():
        for parameter in (head.transitions, head.start, head.end):
            parameter.copy_(torch.randn_like(parameter))
    head.constrain(labels)
    return head


def test_nll_loss_and_its_gradient_equal_a_sum_over_paths() -> None:
    crf = head(IOB2)
    emissions = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    chains = whole_sentences([3, 4])
    gold = torch.tensor([1, 2, 0, 0, 3, 4, 4])
    start = torch.where(crf.may_open, crf.start, FORBIDDEN)
    transitions = crf.transitions.masked_fill(~crf.allowed, FORBIDDEN).detach()
    expected = 0.0
    for first, last in ((0, 3), (3, 7)):
        paths = every_path(emissions[first:last].detach(), transitions, start.detach(), crf.end.detach())
        paths = {path: score for path, score in paths.items() if crf.may_open[path[0]]}
        expected -= paths[tuple(gold[first:last].tolist())] - np.logaddexp.reduce(list(paths.values()))
    assert crf.output(emissions, chains).nll_loss(gold).item() == pytest.approx(expected, abs=1e-10)
    assert torch.autograd.gradcheck(lambda e: crf.output(e, chains).nll_loss(gold), emissions)
    # A chain without gold adds nothing.
    half = torch.tensor([1, 2, 0, -100, -100, -100, -100])
    alone = crf.output(emissions[:3], whole_sentences([3])).nll_loss(gold[:3])
    assert crf.output(emissions, chains).nll_loss(half).item() == pytest.approx(alone.item(), abs=1e-10)
    nothing = crf.output(emissions, chains).nll_loss(torch.full((7,), -100))
    nothing.backward()
    assert nothing.item() == 0.0


def test_marginals_have_gradients_and_depend_on_temperature() -> None:
    crf = head(IOB2)
    emissions = torch.randn(5, 5, dtype=torch.float64, requires_grad=True)
    chains = whole_sentences([2, 3])
    weights = torch.rand(5, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda e: (crf.output(e, chains).log_probabilities(2.0).exp() * weights).sum(), emissions
    )
    free = CRFHead(3, 5).double()  # no transitions: each word by itself
    expected = torch.log_softmax(emissions / 2, dim=-1)
    assert torch.allclose(free.output(emissions, chains).log_probabilities(2.0), expected, atol=1e-12)


def test_forbidden_labels_have_no_probability() -> None:
    crf = head(IOB2)
    emissions = torch.full((3, 5), 0.0, dtype=torch.float64)
    emissions[:, 2] = 50.0  # the net is sure of I-x, I-x, I-x
    words = crf.output(emissions, whole_sentences([3]))
    assert [IOB2.names[index] for index in words.best_scores().argmax(dim=1)] == ["B-x", "I-x", "I-x"]
    assert words.log_probabilities()[0, 2].exp().item() == 0.0
    assert words.possible.tolist() == [[True, True, False, True, False], [True] * 5, [True] * 5]


def test_a_window_inside_a_sentence_may_start_with_any_label() -> None:
    crf = head(IOB2)
    emissions = torch.zeros(2, 5, dtype=torch.float64)
    emissions[:, 2] = 50.0
    middle = SequenceLengths(
        torch.tensor([2]), starts_sentence=torch.tensor([False]), ends_sentence=torch.tensor([True])
    )
    words = crf.output(emissions, middle)
    assert [IOB2.names[index] for index in words.best_scores().argmax(dim=1)] == ["I-x", "I-x"]
    assert bool(words.possible.all())


def test_teacher_mass_on_forbidden_labels_is_removed_and_counted() -> None:
    crf = head(IOB2)
    emissions = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)
    words = crf.output(emissions, whole_sentences([2]))
    # On the first word: I-x 0.7, which cannot begin a sentence; O 0.2, B-x 0.1, the rest nothing worth counting.
    teacher = torch.tensor([[0.2, 0.1, 0.7, 1e-12, 1e-12], [0.2, 0.2, 0.2, 0.2, 0.2]], dtype=torch.float64).log()
    targets = Targets(torch.full((2,), -100), torch.zeros(2).bool(), teacher, torch.ones(2).bool())
    loss = DistillObjective(KLConfig(dist_w=0.5)).loss(words, targets)
    q = words.log_probabilities().detach()
    first = 2 / 3 * (np.log(2 / 3) - q[0, 0]) + 1 / 3 * (np.log(1 / 3) - q[0, 1])
    second = sum(0.2 * (np.log(0.2) - q[1, label]) for label in range(5))
    assert loss.parts["teacher"].item() == pytest.approx(0.5 * (first + second).item(), abs=1e-6)
    assert loss.notes["lost_mass"].item() == pytest.approx(0.7, abs=1e-9)
    loss.parts["teacher"].backward()
    assert torch.isfinite(emissions.grad).all()


def test_windows_are_joined_before_decoding(tiny_bert: Path, tmp_path: Path) -> None:
    labels = Labels.from_names(["O", "B-person", "I-person", "B-place", "I-place"])
    shape = {"tokenizer": str(tiny_bert), "embedder": {"dim": 8}, "encoder": {"hidden": 4}, "head": {"kind": "crf"}}
    model = build_student(TypeAdapter(Student).validate_python({**shape, "max_subwords": 16}), labels, seed=0)
    with torch.no_grad():
        model.model.head.transitions.copy_(3 * torch.randn(5, 5))
    words = [word for words, _ in make_sentences(30, 3) for word in words]
    windows = model.windows(words)
    assert len(windows) > 5
    inputs = model.pad(windows)
    assert inputs.sequence_lengths.starts_sentence.tolist() == [True] + [False] * (len(windows) - 1)
    assert inputs.sequence_lengths.ends_sentence.tolist() == [False] * (len(windows) - 1) + [True]
    with torch.inference_mode():
        joined = model.emissions(inputs)  # in the order of the words
        whole = model.model.head.output(joined.double(), whole_sentences([len(words)]))
        best, logits = whole.best_scores().argmax(dim=1).tolist(), whole.log_probabilities().numpy()
    (prediction,) = model.predict_labels([words])
    assert prediction.label_ids.tolist() == best
    np.testing.assert_allclose(prediction.logits, logits, atol=1e-4)
    assert model.tag([words, []])[1] == []
