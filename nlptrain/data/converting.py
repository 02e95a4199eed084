"""Gold files of one format to a file of another, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nlptrain.data.corpus import Corpus
from nlptrain.data.ignored_columns import ignored_columns
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_checks import check_tag_sequences, detect_scheme, proven
from nlptrain.data.targets import Target
from nlptrain.data.writing import Written, write_gold, written
from nlptrain.errors import InputError
from nlptrain.schemes import NAMES, Scheme, valid

_NAMES = 12  # that are said


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        sentences: how many.
        words: theirs.
        scheme: how the tags of the files are written.
        wrote: how those of the new one are.
        lost: what has no place in the format, and in how many sentences.
    """

    sentences: int
    words: int
    scheme: Scheme
    wrote: Scheme
    lost: Mapping[str, int]

    def describe(self) -> str:
        """A sentence for the user."""
        tags = f"tags: {NAMES[self.scheme]}"
        tags += "" if self.wrote == self.scheme else f", written in {NAMES[self.wrote]}"
        return f"{self.sentences:,} sentences, {self.words:,} words, {tags}"


def convert(
    corpus: Corpus,
    out: Path,
    target: Target,
    *,
    write_scheme: Scheme | None = None,
    comments: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> Converted:
    """Write the gold sentences of ``corpus`` to ``out``; they are read twice, and never all in memory.

    Args:
        corpus: the files; at the end of each, it says what is not to be learned from.
        out: the new file.
        target: its format.
        write_scheme: what its tags are written in; None: as those of the files.
        comments: of CoNLL: ids and texts are kept as comments.
        log: receives what of the files is not read.

    Raises:
        InputError: a file cannot be read, its tags break their scheme, ``out`` is one of them, or the format cannot
            hold a word.
    """
    read = {path.resolve() for path in corpus.files}
    for one in written(out, target):
        if one.resolve() in read:
            raise InputError(f"{one}: would be written where it is read; give another name")
    seen = Seen()
    scheme = scheme_of_files(corpus, seen)
    _log_ignored_columns(corpus, log)
    if write_scheme is not None and scheme == "plain":
        raise InputError("--write-scheme: the tags are plain, and have no scheme to be written in")
    wrote = write_scheme or scheme
    told = Written(wrote, comments, corpus.data.pretokenized, ids=seen.ids, texts=seen.texts)
    counted = _Counted()
    write_gold(counted.all(_converted(corpus, scheme, wrote)), out, target, told)
    return Converted(counted.sentences, counted.words, scheme, wrote, told.lost)


def _log_ignored_columns(corpus: Corpus, log: Callable[[str], None]) -> None:
    """Log the ignored columns of the files, one line for files with the same ones."""
    ignored: dict[tuple[str, ...], list[Path]] = {}
    for path in corpus.files:
        if others := ignored_columns(path, corpus.data):
            ignored.setdefault(tuple(others), []).append(path)
    for names, files in ignored.items():
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        rest = f" and {len(names) - _NAMES:,} others" if len(names) > _NAMES else ""
        log(f"{files[0]}{more}: not read, and not written: {', '.join(names[:_NAMES])}{rest}")


class Seen:
    """What a first reading finds.

    Attributes:
        ids: whether any sentence has an id.
        texts: whether any has a text.
        tags: all that stand there.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.ids = self.texts = False
        self.tags: set[str] = set()

    def tagged(self, sentences: Iterable[Sentence]) -> Iterator[Sequence[str]]:
        """The tags of ``sentences``, noted as they pass."""
        for sentence in sentences:
            self.ids |= sentence.id is not None
            self.texts |= sentence.text is not None
            self.tags.update(sentence.tags or ())
            yield sentence.tags or ()


class _Counted:
    """Sentences, counted as they pass."""

    def __init__(self) -> None:
        self.sentences = self.words = 0

    def all(self, sentences: Iterator[Sentence]) -> Iterator[Sentence]:
        for sentence in sentences:
            self.sentences += 1
            self.words += len(sentence.words)
            yield sentence


def scheme_of_files(corpus: Corpus, seen: Seen | None = None) -> Scheme:
    """The scheme that the tags of all files of ``corpus`` are written in, in bounded memory.

    Args:
        corpus: the files.
        seen: notes what else is in them; they are then read to their end.

    Raises:
        InputError: a file cannot be read, or the tags are of no one scheme.
    """
    said = corpus.data.scheme
    if said != "auto" and seen is None:
        return said
    seen = seen or Seen()
    tagged = seen.tagged(corpus.silent())
    found = proven(tagged, ", ".join(corpus.paths)) if said == "auto" else said
    for _ in tagged:
        pass
    if said == "auto" and found == "plain" and "O" in seen.tags and any(tag[:2] == "B-" for tag in seen.tags):
        detect_scheme(list(corpus.silent()))  # which says where a tag has slipped
    return found or "iob2"


def _converted(corpus: Corpus, scheme: Scheme, wrote: Scheme) -> Iterator[Sentence]:
    for sentence in corpus:
        check_tag_sequences([([sentence], scheme)])
        yield sentence if wrote == scheme else replace(sentence, tags=tuple(valid(sentence.tags or (), wrote)))
