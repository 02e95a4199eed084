"""Use a model: predict raw text, evaluate on gold files, and report how its tokenizer splits a text."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from nlptrain.analysis.tokenization_report import TokenizationReport, report_tokenization
from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.gold_files import common_scheme
from nlptrain.data.labels import Labels, convert_scheme
from nlptrain.data.partial_annotation import comparable_tags
from nlptrain.data.raw_files import has_rows, read_rows
from nlptrain.data.raw_text import read_raw_texts, read_raw_words
from nlptrain.data.sentence import Sentence
from nlptrain.data.standard_input import STANDARD_INPUT
from nlptrain.data.text_files import expand_paths
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError, path_suggestion
from nlptrain.models import TokenModel, load_token_model
from nlptrain.models.prediction import (
    predict_columns,
    predict_rows,
    predict_texts,
    tag_with_confidence,
)
from nlptrain.models.tagged_text import check_min_confidence
from nlptrain.run.run import Run, silence_libraries
from nlptrain.training.calibration import CalibrationErrors, CalibrationTally
from nlptrain.training.evaluation import Confusion, Scores, ScoreTally, confusion
from nlptrain.urls import is_url
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.confidence import PredictionCounts
from nlptrain_runtime.folder import DESCRIPTION
from nlptrain_runtime.predictions import TaggedSentence
from nlptrain_runtime.text_stream import NotUTF8, decode_lines

_BLOCK = 1024  # sentences that are in memory at once


@dataclass(frozen=True)
class Evaluation:
    """The scores of a model on gold files.

    Attributes:
        scores: overall and per type.
        calibration: expected calibration errors, by word and by predicted entity.
        confusion: which labels were predicted for which.
        temperature: by which the model's logits are divided.
    """

    scores: Scores
    calibration: CalibrationErrors
    confusion: Confusion
    temperature: float

    def to_json(self) -> dict[str, object]:
        """Return the evaluation as ``nlptrain evaluate`` prints it as JSON."""
        return {
            **self.scores.to_json(),
            "calibration": {"temperature": self.temperature, **self.calibration.to_json()},
            "confusion": self.confusion.to_json(),
        }


def evaluate_files(
    model: str | TokenModel,
    files: Sequence[str],
    data: DataConfig | None = None,
    *,
    device: str = "auto",
    log: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Score ``model`` on gold ``files``, in bounded memory.

    Args:
        model: the folder of a run, of a model, or of an exported tagger; a Hub name; or a model.
        files: files and globs.
        data: their format, columns and tag scheme; None: detected.
        device: where the model computes; exported taggers run on the CPU.
        log: receives what is skipped or repaired in the files.

    Raises:
        InputError: the model or a file cannot be read, or the files have tags that the model does not have.
    """
    labels, temperature, tag = _open_model(model, device)
    corpus = Corpus(files, data or DataConfig(), log=log)
    scores, errors, mistakes = ScoreTally(labels.scheme), CalibrationTally(labels.scheme), None
    sentences = iter(corpus)
    while block := list(islice(sentences, _BLOCK)):
        scheme = common_scheme(corpus.readings)
        block = convert_scheme(block, "plain" if scheme == "plain" else "iob2", labels)
        predictions = tag([sentence.words for sentence in block])
        errors.add([sentence.tags or () for sentence in block], predictions, [sentence.asked for sentence in block])
        gold, tags = comparable_tags(block, [prediction.tags for prediction in predictions], labels.scheme)
        scores.add(gold, tags)
        mistakes_of_block = confusion(gold, tags, labels.scheme)
        mistakes = mistakes_of_block if mistakes is None else mistakes + mistakes_of_block
    assert mistakes is not None, "a gold file has a sentence"
    return Evaluation(scores.scores(), errors.errors(), mistakes, temperature)


Tag = Callable[[Sequence[tuple[str, ...]]], list[TaggedSentence]]


def _open_model(model: str | TokenModel, device: str) -> tuple[Labels, float, Tag]:
    """Return the labels, the temperature and the tagging function of a model or an exported tagger."""
    if isinstance(model, str) and (Path(model) / DESCRIPTION).is_file():
        try:
            tagger = Tagger(model)
        except FolderError as error:
            raise InputError(str(error)) from error
        return Labels.from_names(tagger.labels, tagger.scheme), tagger.temperature, tagger.predict_words
    token_model = _on_device(model, device)
    return token_model.labels, token_model.temperature, lambda sentences: tag_with_confidence(token_model, sentences)


def _on_device(model: str | TokenModel, device: str) -> TokenModel:
    """Load the model that is named ``model`` to ``device``; a model that is loaded stays where it is."""
    run = Run(None, device=device)
    return model if isinstance(model, TokenModel) else load_token_model(model).to(run.device)


def inspect_tokenization(model: str, files: Sequence[str], *, raw: bool = False) -> TokenizationReport:
    """Report how the tokenizer of ``model`` splits the text of ``files``.

    Args:
        model: the folder of a run or of a model, or a Hub name.
        files: gold files, or raw text.
        raw: whether the files are raw text, a sentence or a paragraph per line.

    Raises:
        InputError: the model or a file cannot be read, or the model has no tokenizer.
    """
    silence_libraries()
    return report_tokenization(model, _raw_sentences(files) if raw else iter(Corpus(files)))


def _raw_sentences(files: Sequence[str]) -> Iterator[Sentence]:
    splitter = WordSplitter.default()
    for path in expand_paths(list(files), raw=True):
        for line, words in read_raw_words(path, splitter):
            if words:
                yield Sentence(words, where=f"{path}:{line}")


@dataclass(frozen=True)
class FilePredictions:
    """Predictions for files, made while they are read.

    Attributes:
        lines: the texts to print, one line or one sentence each.
        counts: the numbers of predictions that ``lines`` has kept and omitted so far.
    """

    lines: Iterator[str]
    counts: PredictionCounts


def predict_files(
    model: str | TokenModel,
    files: Sequence[str] = (),
    *,
    output_format: Literal["jsonl", "conll"] = "jsonl",
    pretokenized: bool = False,
    min_confidence: Mapping[str, float] | None = None,
    device: str = "auto",
) -> FilePredictions:
    """Tag the lines, or the rows, of ``files``.

    Args:
        model: the folder of a run or of a model, a Hub name; or a model.
        files: raw text, or files of rows; ``-`` and no files: standard input.
        output_format: ``jsonl``: a JSON object per line or row; ``conll``: a word, a tab and a tag per line.
        pretokenized: whether spaces separate the words.
        min_confidence: the lowest confidence of the entities that are kept, by type; "" for all other types.
        device: where the model computes.

    Raises:
        InputError: the model cannot be read, or has not the types of ``min_confidence``; later, while the lines are
            read: a file cannot be read.
    """
    token_model = _on_device(model, device)
    limits = dict(min_confidence or {})
    check_min_confidence(limits, token_model.labels.types)
    counts = PredictionCounts()
    options: dict[str, Any] = {
        "splitter": WordSplitter.pretokenized() if pretokenized else None,
        "min_confidence": limits,
        "counts": counts,
    }

    def lines() -> Iterator[str]:
        # In a terminal, each line is tagged at once; files and pipes are read in blocks, which is faster.
        is_interactive = not files and sys.stdin.isatty()
        for file in _each_file(files):
            path = None if file == STANDARD_INPUT else _existing(file)
            if path is not None and output_format == "jsonl" and has_rows(path):
                yield from map(_to_json, predict_rows(token_model, read_rows(path), **options))
                continue
            texts = _standard_input() if path is None else read_raw_texts(path)
            for block in ([text] for text in texts) if is_interactive else [texts]:
                if output_format == "conll":
                    yield from predict_columns(token_model, block, **options)
                else:
                    yield from map(_to_json, predict_texts(token_model, block, **options))

    return FilePredictions(lines(), counts)


def _each_file(files: Sequence[str]) -> Iterator[str | Path]:
    for file in files or (STANDARD_INPUT,):
        yield from expand_paths(file) if is_url(file) else [file]


def _existing(file: str | Path) -> Path:
    path = Path(file)
    if not path.is_file():
        raise InputError("there is no such file", location=str(file), hint=path_suggestion(path))
    return path


def _standard_input() -> Iterator[str]:
    try:
        yield from decode_lines(sys.stdin.buffer, "standard input")
    except NotUTF8 as error:
        raise InputError(str(error)) from error


def _to_json(row: dict[str, Any]) -> str:
    """Return ``row`` as a line of JSON; NaN and infinity, which JSON does not have, become null."""
    try:
        return json.dumps(row, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_without_nan(row), ensure_ascii=False, default=str)


def _without_nan(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
