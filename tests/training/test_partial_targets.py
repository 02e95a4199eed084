"""Training on partial sentences: targets by window, objectives, and a student that learns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nlptrain.config.objectives import KLConfig, PseudoLabelConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.partial_annotation import PossibleLabels, tags_of_types
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Span
from nlptrain.distillation.objectives import DistillObjective, PseudoLabelObjective
from nlptrain.errors import InputError
from nlptrain.models import TokenModel
from nlptrain.models.heads.softmax import NO_LABEL, IndependentWords
from nlptrain.run.run import Run
from nlptrain.training import Examples, SupervisedObjective, Targets, fit, score_model
from nlptrain.training.objective import supervised_loss
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.small_models import small_model

PLACE = frozenset({"place"})
COMPLETE = Sentence(("Ada", "lives", "in", "Oslo"), ("B-person", "O", "O", "B-place"))
PARTIAL = Sentence(("Ada", "met", "Elena"), ("B-person", "O", "O"), asked=PLACE)
REJECTED = replace(PARTIAL, rejected=(Span("person", 2, 3), Span("person", 2, 3), Span("place", 1, 2)))


@pytest.fixture(scope="module")
def softmax_model(tiny_bert: Path) -> TokenModel:
    return small_model(tiny_bert, "subword-lstm-softmax")


@pytest.fixture(scope="module")
def crf_model(tiny_bert: Path) -> TokenModel:
    return small_model(tiny_bert, "subword-lstm-crf")


def names_of(row: Tensor) -> str:
    return " ".join(name for name, is_allowed in zip(LABELS.names, row.tolist(), strict=True) if is_allowed)


def test_nothing_is_stored_without_partial_sentences(softmax_model: TokenModel) -> None:
    checked = replace(COMPLETE, asked=frozenset(LABELS.types), rejected=(Span("person", 1, 2),))
    targets = Examples(softmax_model, [COMPLETE, checked]).targets([0, 1])
    assert targets.allowed is None
    assert list(targets.rejected) == []
    assert targets.gold.tolist() == [1, 0, 0, 3, 1, 0, 0, 3]


def test_targets_by_hand(softmax_model: TokenModel) -> None:
    examples = Examples(softmax_model, [COMPLETE, REJECTED, replace(PARTIAL, tags=None)], teacher_logits=None)
    targets = examples.targets([1, 0, 2])
    assert targets.gold.tolist() == [NO_LABEL] * 3 + [1, 0, 0, 3] + [NO_LABEL] * 3
    assert targets.allowed is not None
    assert [names_of(row) for row in targets.allowed] == [
        "B-person",
        "O B-person",
        "O B-person I-person",
        *[" ".join(LABELS.names)] * 7,
    ]
    (rejected,) = targets.rejected  # the second is the same, and the type of the third was looked for
    assert rejected.first == 2
    assert [[names_of(row) for row in case] for case in rejected.cases] == [["O I-person"]]
    assert examples.target_words.tolist() == [4, 3, 0]
    masked = targets.masked()
    assert masked.allowed is not None
    assert bool(masked.allowed.all())
    assert not masked.rejected
    moved = targets.to(torch.device("cpu"))
    assert moved.allowed is not None
    assert torch.equal(moved.allowed, targets.allowed)
    assert torch.equal(moved.rejected[0].cases, rejected.cases)


def test_only_known_words_are_counted(softmax_model: TokenModel) -> None:
    nothing = replace(PARTIAL, tags=("O",) * 3, asked=frozenset())
    spans = (Span("person", 1, 2), Span("place", 0, 2))
    examples = Examples(softmax_model, [nothing, replace(nothing, rejected=spans[:1]), PARTIAL, COMPLETE])
    assert examples.target_words.tolist() == [0, 2, 3, 4]  # the word after the span decides as well


def test_windows_of_long_sentences(crf_model: TokenModel) -> None:
    words = tuple("Ada lives in Oslo .".split() * 60)
    tags = tuple("B-person O O O O".split() * 60)
    spans = tuple(Span("place", start, start + 1) for start in range(3, 300, 5))
    sentence = Sentence(words, tags, asked=frozenset({"person"}), rejected=spans)
    examples = Examples(crf_model, [COMPLETE, sentence])
    windows = list(range(1, len(examples)))
    assert len(windows) > 4
    targets = examples.targets(windows)
    assert targets.allowed is not None
    possible = PossibleLabels(LABELS)
    assert np.array_equal(targets.allowed.numpy(), possible.of_words(tags, sentence.asked))
    ends = np.cumsum([len(window.word_starts) for window in crf_model.windows(words)])
    expected = [start for start in range(3, 300, 5) if start + 1 not in ends]  # decided by two words of one window
    assert [span.first for span in targets.rejected] == expected
    assert int(examples.target_words[1:].sum()) == 300


@pytest.mark.parametrize("kind", ["subword-lstm-crf", "subword-lstm-softmax"])
def test_the_loss_is_the_sum_over_micro_batches(tiny_bert: Path, kind: str) -> None:
    model = small_model(tiny_bert, kind)
    model.model.double().eval()
    examples = Examples(model, [COMPLETE, REJECTED, PARTIAL, COMPLETE, REJECTED])

    def loss(windows: list[int]) -> float:
        with torch.no_grad():
            return float(supervised_loss(model.output(examples.inputs(windows)), examples.targets(windows)))

    parts = [loss([n]) for n in range(5)]
    assert min(parts) > 0
    assert loss([0, 1, 2, 3, 4]) == pytest.approx(sum(parts), abs=1e-5)
    assert loss([4, 2, 0, 1, 3]) == pytest.approx(sum(parts), abs=1e-5)
    assert parts[1] > parts[2]  # the rejected span is more that is known


@pytest.mark.parametrize("kind", ["subword-lstm-crf", "subword-lstm-softmax"])
def test_a_student_learns_all_types_from_partial_sentences(tiny_bert: Path, kind: str) -> None:
    """Each sentence is checked for one of two types; the student finds both in the same sentences."""
    whole = [Sentence(words, tags) for words, tags in make_sentences(40, 11)]
    partial = [
        replace(sentence, tags=tuple(tags_of_types(sentence.tags or (), asked)), asked=asked)
        for index, sentence in enumerate(whole)
        for asked in [frozenset({LABELS.types[index % 2]})]
    ]
    as_o = [replace(sentence, asked=None) for sentence in partial]
    settings = TrainConfig.model_validate(
        {"steps": 60, "warmup_steps": 5, "learning_rate": 0.02, "ema": 0.0, "eval_every": 60, "batch_sentences": 20}
    )
    f1 = []
    for train in (partial, as_o):
        model = small_model(tiny_bert, kind)
        fit(model, Examples(model, train), partial, SupervisedObjective(), settings, Run(None, device="cpu"))
        f1.append(score_model(model, whole).value)
    assert f1[0] > 0.98
    assert f1[1] < 0.9


def test_pipeline_words_and_partial_sentences_are_refused(softmax_model: TokenModel) -> None:
    sentence = replace(PARTIAL, where="a.jsonl:7")
    with pytest.raises(InputError, match="a.jsonl:7: found sentences that are annotated in part"):
        Examples(softmax_model, [sentence], label_pipeline_words=True)


class OwnWords:
    """The words of a plug-in's head, which has a loss of gold labels alone."""

    possible = None

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def nll_loss(self, gold: Tensor) -> Tensor:
        return IndependentWords(self.logits).nll_loss(gold)

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        return IndependentWords(self.logits).log_probabilities(temperature)


def test_heads_without_a_marginal_loss_need_complete_sentences() -> None:
    all_words = torch.ones(2, dtype=torch.bool)
    targets = Targets(torch.tensor([1, 2]), ~all_words, None, ~all_words)
    words = OwnWords(torch.zeros(2, 5))
    assert supervised_loss(words, targets).item() == pytest.approx(2 * np.log(5), abs=1e-6)
    partial = replace(targets, allowed=torch.ones(2, 5, dtype=torch.bool))
    with pytest.raises(InputError, match="student.head: OwnWords, .* annotated in part; expected crf or softmax"):
        supervised_loss(words, partial)


def test_distillation_sums_over_the_labels_of_partial_sentences() -> None:
    """By hand: each label of the two words has probability 1/5; the second word may have two."""
    allowed = torch.ones(2, 5, dtype=torch.bool)
    allowed[1, 2:] = False
    no_words = torch.zeros(2, dtype=torch.bool)
    targets = Targets(torch.full((2,), NO_LABEL), no_words, torch.zeros(2, 5), ~no_words, allowed)
    words = IndependentWords(torch.zeros(2, 5))
    loss = DistillObjective(KLConfig(loss_w=2.0)).loss(words, targets)
    assert loss.parts["gold"].item() == pytest.approx(2 * np.log(5 / 2), abs=1e-6)
    pseudo = torch.tensor([True, False])
    targets = replace(targets, gold=torch.tensor([3, NO_LABEL]), pseudo=pseudo)
    objective = PseudoLabelObjective(PseudoLabelConfig(loss_w=1.0, pseudo_w=1.0))
    parts = objective.loss(words, targets).parts
    assert parts["gold"].item() == pytest.approx(np.log(5 / 2), abs=1e-6)
    assert parts["pseudo"].item() == pytest.approx(np.log(5), abs=1e-6)
