"""Evaluate a model on gold files, and report how its tokenizer splits a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nlptrain.analysis.tokenization_report import TokenizationReport, report_tokenization
from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.labels import Labels, convert_scheme
from nlptrain.data.raw_text import read_raw_words
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import check_tag_sequences
from nlptrain.data.text_files import expand_paths
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models import load_token_model
from nlptrain.models.prediction import tag_with_confidence
from nlptrain.procedures.conversion import scheme_of_files
from nlptrain.run.run import Run, silence_libraries
from nlptrain.training.calibration import CalibrationErrors, CalibrationTally
from nlptrain.training.evaluation import Confusion, Scores, ScoreTally, confusion
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.folder import DESCRIPTION
from nlptrain_runtime.predictions import TaggedSentence

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

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as ``evaluate --json`` prints it."""
        return {
            **self.scores.to_json(),
            "calibration": {"temperature": self.temperature, **self.calibration.to_json()},
            "confusion": self.confusion.to_json(),
        }


def evaluate(
    model: str,
    files: Sequence[str],
    data: DataConfig | None = None,
    *,
    device: str = "auto",
    log: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Score ``model`` on gold ``files``, in bounded memory.

    Args:
        model: the folder of a run, of a model, or of an exported tagger; or a Hub name.
        files: files and globs.
        data: their format, columns and tag scheme; None: detected.
        device: where the model computes; exported taggers run on the CPU.
        log: receives what is skipped or repaired in the files.

    Raises:
        InputError: the model or a file cannot be read, or the files have tags that the model does not have.
    """
    labels, temperature, tag = _open_model(model, Run(None, device=device))
    corpus = Corpus(files, data or DataConfig(), log=log)
    scheme = scheme_of_files(corpus)
    scores, errors, mistakes = ScoreTally(labels.scheme), CalibrationTally(labels.scheme), None
    sentences = iter(corpus)
    while block := list(islice(sentences, _BLOCK)):
        check_tag_sequences([(block, scheme)])
        block = convert_scheme(block, scheme, labels)
        predictions = tag([sentence.words for sentence in block])
        gold = [sentence.tags or () for sentence in block]
        tags = [prediction.tags for prediction in predictions]
        scores.add(gold, tags)
        errors.add(gold, predictions)
        mistakes_of_block = confusion(gold, tags, labels.scheme)
        mistakes = mistakes_of_block if mistakes is None else mistakes + mistakes_of_block
    assert mistakes is not None, "a gold file has a sentence"
    return Evaluation(scores.scores(), errors.errors(), mistakes, temperature)


Tag = Callable[[Sequence[tuple[str, ...]]], list[TaggedSentence]]


def _open_model(model: str, run: Run) -> tuple[Labels, float, Tag]:
    """Return the labels, the temperature and the tagging function of a model or an exported tagger."""
    if (Path(model) / DESCRIPTION).is_file():
        try:
            tagger = Tagger(model)
        except FolderError as error:
            raise InputError(str(error)) from error
        return Labels.from_names(tagger.labels, tagger.scheme), tagger.temperature, tagger.predict_words
    token_model = load_token_model(model)
    token_model.to(run.device)
    return token_model.labels, token_model.temperature, lambda sentences: tag_with_confidence(token_model, sentences)


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
    for path in expand_paths(list(files)):
        for line, words in read_raw_words(path, splitter):
            if words:
                yield Sentence(words, where=f"{path}:{line}")
