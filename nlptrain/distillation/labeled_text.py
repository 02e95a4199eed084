"""The sentences of a text with a teacher's tags and scores, from its stored logits."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from nlptrain.data.blocks import Block
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme, spans_to_tags
from nlptrain.distillation.block_file import StoredBlock
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.sealed_files import DamagedFileError
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.errors import InputError
from nlptrain.models.prediction import to_tagged_sentence
from nlptrain_runtime.confidence import round_confidence
from nlptrain_runtime.predictions import TaggedSentence

_PICKLED = 1000  # sentences


class ChangedTextError(InputError):
    """The text differs from what was labeled, or a stored block was removed."""


def labeled_sentences(store: BlockStore, teacher: Teacher, blocks: Iterable[Block]) -> Iterator[Sentence]:
    """Yield all sentences of ``blocks`` with the tags of ``teacher``, repeats included, without those that it fails on.

    Raises:
        ChangedTextError: a block is not in ``store``.
    """
    for block in blocks:
        try:
            stored = store.open(block.name)
        except (FileNotFoundError, DamagedFileError) as error:
            raise ChangedTextError(
                "has changed since the start of this command",
                location=block.sentences[0].file,
                hint="give the same command again",
            ) from error
        tagged = _tagged(stored, teacher)
        for row, sentence in zip(block.positions, block.read, strict=True):
            if row not in stored.failed:
                yield _with_tags(sentence, tagged[row], teacher.labels.scheme)


def scheme_of(teacher: Teacher) -> Scheme:
    """Return the scheme of the tags that ``labeled_sentences`` yields."""
    return "plain" if teacher.labels.scheme == "plain" else "iob2"


def _tagged(stored: StoredBlock, teacher: Teacher) -> list[TaggedSentence]:
    """Return the teacher's tags and confidences of each sentence of a block."""
    offsets = stored.offsets.tolist()
    logits = [
        stored.logits.between(start, end).astype("float32") for start, end in zip(offsets, offsets[1:], strict=False)
    ]
    return [to_tagged_sentence(prediction, teacher.labels) for prediction in teacher.decoder.predict(logits)]


def _with_tags(sentence: Sentence, tagged: TaggedSentence, scheme: Scheme) -> Sentence:
    """Return ``sentence`` with its tags, and the scores of its entities; its id is where it was read."""
    if scheme == "plain":
        return replace(sentence, tags=tuple(tagged.tags), id=sentence.where)
    scored = [(span, round_confidence(confidence)) for span, confidence in tagged.spans(scheme)]
    tags = tuple(spans_to_tags((span for span, _ in scored), len(sentence.words), "iob2"))
    return replace(sentence, tags=tags, scores=dict(scored), id=sentence.where)


def pickle_sentences(sentences: Iterable[Sentence], path: Path) -> None:
    """Write ``sentences`` to ``path`` for another process, a few at a time."""
    rest = iter(sentences)
    with path.open("wb") as file:
        while chunk := list(islice(rest, _PICKLED)):
            pickle.dump(chunk, file, pickle.HIGHEST_PROTOCOL)


def pickled_sentences(path: Path) -> Iterator[Sentence]:
    """Yield what ``pickle_sentences`` has written to ``path``, which only processes of this command may do."""
    with path.open("rb") as file:
        while file.peek(1):
            yield from pickle.load(file)  # noqa: S301 - its own processes wrote it
