"""The format: a sentence per line, each word with its tag: Ada/B-person sings/O."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from nlptrain.plugins import InputError, ReadContext, Sentence, WriteContext, read_lines


def read(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Yield the sentences of a file."""
    for line_number, line in read_lines(path):
        parts = [word.rpartition("/") for word in line.split()]
        where = f"{path}:{line_number}"
        if not all(word and tag for word, _, tag in parts):
            raise InputError(f"found {line!r}", location=where, expected="WORD/TAG WORD/TAG ...")
        if parts:
            yield Sentence(tuple(part[0] for part in parts), tuple(part[2] for part in parts), where)


def lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield a line for each sentence."""
    for sentence in sentences:
        context.count_lost(sentence, has_ids=False, has_texts=False)
        yield " ".join(map("/".join, zip(sentence.words, sentence.tags or (), strict=True))) + "\n"
