"""Students: what the configuration names is built here. A new kind is a file and a line in the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from nlptrain.config.student import StudentConfig, TransformerStudentConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.models.students.small_transformer import build_transformer
from nlptrain.models.students.tagger import build_tagger
from nlptrain.models.students.text import StudentText
from nlptrain.models.students.warm_start import start_from
from nlptrain.models.token_model import TokenModel
from nlptrain.run.run import quiet_transformers

STUDENTS: dict[str, Callable[..., TokenModel]] = {"tagger": build_tagger, "transformer": build_transformer}

__all__ = ["STUDENTS", "StudentText", "build_student", "build_tagger", "build_transformer"]


@quiet_transformers()
def build_student(
    config: StudentConfig | TransformerStudentConfig,
    labels: Labels,
    *,
    seed: int,
    teacher: TokenModel | None = None,
    splitter: WordSplitter | None = None,
    text: Callable[[], Iterable[Sentence]] | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """A student with new weights, drawn by ``seed``, or with those of the student that it starts from.

    Args:
        config: kind, parts and sizes.
        labels: its columns; with a teacher, the teacher's in their order.
        seed: decides every weight.
        teacher: where tokenizer and first table come from unless ``config`` names others.
        splitter: how it will read raw text.
        text: reads the sentences of train and unlabeled text; asked only where they decide the vocabulary.
        log: receives what a reader of the run should know.

    Raises:
        InputError: a model or file that ``config`` names is not there, or does not fit.
    """
    torch.manual_seed(seed)
    if config.start is not None:
        return start_from(config, labels, splitter=splitter, log=log)
    read = StudentText(text)
    student = STUDENTS[config.kind](config, labels, seed=seed, teacher=teacher, splitter=splitter, text=read, log=log)
    return student
