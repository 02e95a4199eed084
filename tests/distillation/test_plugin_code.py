"""Losses and file formats of other packages: their code is a part of the run, and what they return is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from nlptrain.config.commands import TaggerKDConfig
from nlptrain.config.data import DataConfig
from nlptrain.config.formats import FORMATS
from nlptrain.config.loading import plugin_code
from nlptrain.config.objectives import LOSSES
from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.registry import read_gold, write_gold
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.objectives import DistillObjective
from nlptrain.errors import InputError
from nlptrain.models.heads.softmax import IndependentWords
from nlptrain.plugins import FormatEntry, LossConfig, LossEntry
from nlptrain.training.objective import Targets


class OwnConfig(LossConfig):
    """A loss of a test."""

    loss: Literal["own"] = "own"


RESULT: list[Any] = []


def own_loss(*_: object) -> Any:  # noqa: ANN401
    return RESULT[-1]


def add(monkeypatch: pytest.MonkeyPatch, registry: Any, kind: str, entry: Any) -> None:  # noqa: ANN401
    monkeypatch.setitem(registry.entries, kind, entry)
    monkeypatch.setitem(registry._packages, kind, "own 1.0")


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch) -> DistillObjective:
    add(monkeypatch, LOSSES, "own", LossEntry(OwnConfig, function=f"{__name__}:own_loss"))
    return DistillObjective(OwnConfig())


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (torch.tensor(1.0), TypeError, "own_loss: found Tensor; expected .sum over the words, a scalar tensor"),
        ((torch.ones(2), {}), TypeError, r"own_loss: found shape \[2\] for the loss"),
        ((torch.tensor(1.0), {"note": 2.0}), TypeError, "own_loss: found float for note"),
        (
            (torch.tensor(float("nan")), {}),
            InputError,
            "own_loss: found nan in the first batch; expected a finite number",
        ),
    ],
)
def test_what_a_loss_returns_is_checked(
    objective: DistillObjective,
    result: Any,
    error: type[Exception],
    message: str,  # noqa: ANN401
) -> None:
    words = IndependentWords(torch.zeros(2, 3, requires_grad=True))
    targets = Targets(torch.tensor([0, 1]), torch.zeros(2, dtype=bool), torch.zeros(2, 3), torch.ones(2, dtype=bool))
    RESULT.append(result)
    with pytest.raises(error, match=message):
        objective.loss(words, targets)
    RESULT.append((torch.tensor(2.0), {"note": torch.tensor(3.0)}))
    loss = objective.loss(words, targets)
    assert (loss.parts["teacher"].item(), loss.notes["note"].item()) == (2.0, 3.0)


def test_the_code_of_a_plugin_is_a_part_of_the_run(objective: DistillObjective) -> None:
    config = TaggerKDConfig(teacher="t/t", data=DataConfig(train="x"), output_dir="o")
    assert list(plugin_code(config)) == []
    config = config.model_copy(update={"objective": objective.config})
    assert list(plugin_code(config)) == [(f"{__name__}:own_loss", "own 1.0", Path(__file__))]


def test_code_that_cannot_be_imported_is_found_before_the_data_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, LOSSES, "own", LossEntry(OwnConfig, function=f"{__name__}:misspelled"))
    config = TaggerKDConfig(teacher="t/t", data=DataConfig(train="x"), output_dir="o")
    with pytest.raises(
        InputError, match=r":misspelled of the package own 1.0 cannot be imported .*; update or correct own"
    ):
        list(plugin_code(config.model_copy(update={"objective": OwnConfig()})))
    (plugin,) = [plugin for plugin in LOSSES.plugins() if plugin.kind == "own"]
    assert "cannot be imported" in plugin.fault


SENTENCES: dict[str, Callable[[], Any]] = {
    "returns None": lambda: None,
    "yields a tuple": lambda: [("Ada", "O")],
    "a tag is missing": lambda: [Sentence(("Ada", "sings"), ("O",), "f:3")],
    "no word": lambda: [Sentence((), ())],
    "right": lambda: [Sentence(("Ada",), ("O",))],
}
CASE: list[str] = []


def read(path: Path, context: ReadContext) -> Iterator[Sentence]:
    return SENTENCES[CASE[-1]]()  # type: ignore[no-any-return]


def lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    yield from (sentence.words[0] for sentence in sentences)


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("returns None", TypeError, r":read \(own 1.0\): found NoneType; expected an iterator of sentences"),
        ("yields a tuple", TypeError, "found tuple; expected a Sentence"),
        ("a tag is missing", InputError, "f:3: found 2 words and 1 tags; expected a tag for each"),
        ("no word", InputError, "a.own: sentence 1: found 0 words and 0 tags"),
    ],
)
def test_sentences_of_a_reader_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, error: type[Exception], message: str
) -> None:
    add(monkeypatch, FORMATS, "own", FormatEntry((".own",), read=f"{__name__}:read", lines=f"{__name__}:lines"))
    CASE.append(case)
    with pytest.raises(error, match=message):
        list(read_gold(tmp_path / "a.own", DataConfig(format="auto"), Counter()))
    CASE.append("right")
    (sentence,) = read_gold(tmp_path / "a.own", DataConfig(format="auto"), Counter())
    assert sentence.where == f"{tmp_path / 'a.own'}:1"


def test_lines_of_a_writer_end_with_a_line_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, FORMATS, "own", FormatEntry((".own",), lines=f"{__name__}:lines"))
    with pytest.raises(TypeError, match=":lines: found 'Ada'; expected a line that ends with a line break"):
        write_gold([Sentence(("Ada",), ("O",))], tmp_path / "a.own", "own", WriteContext("iob2"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["own", ".Own"])
def test_error_if_a_suffix_cannot_be_that_of_a_file(suffix: str) -> None:
    with pytest.raises(ValueError, match="must begin with a dot and be in lower case"):
        FormatEntry((suffix,))
