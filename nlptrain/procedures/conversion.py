"""Conversion of gold files to another format, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import (
    SentenceCounter,
    check_file_name,
    files_of,
    format_by_suffix,
    ignored_columns,
    write_gold,
)
from nlptrain.data.gold_files import common_scheme, describe_readings
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import SCHEME_NAMES, Scheme, to_scheme
from nlptrain.errors import InputError, Setting, check_local

_MAX_NAMES = 12  # ignored columns that are logged


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        sentences: the number of sentences.
        words: the number of words.
        scheme: the tag scheme of the files that were read.
        written_scheme: the tag scheme of the new file.
        lost: for each kind of information that the format cannot hold, the number of sentences that had it.
    """

    sentences: int
    words: int
    scheme: Scheme
    written_scheme: Scheme
    lost: Mapping[str, int]

    def describe(self) -> str:
        """Return the result in one line."""
        scheme = SCHEME_NAMES[self.scheme]
        if self.written_scheme != self.scheme:
            scheme += f", converted to {SCHEME_NAMES[self.written_scheme]}"
        return f"{self.sentences:,} sentences, {self.words:,} words, tag scheme: {scheme}"


def convert_files(
    sources: Sequence[str],
    out: Path,
    data: DataConfig,
    target: str | None = None,
    *,
    write_scheme: Scheme | None = None,
    comments: bool = False,
    overwrite: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> Conversion:
    """Write the gold sentences of ``sources`` to ``out``.

    Args:
        sources: files and globs, in any format that a run reads.
        out: the new file.
        data: format, columns and tag scheme of ``sources``.
        target: format of ``out``; None: that of its suffix.
        write_scheme: tag scheme of ``out``; None: that of ``sources``.
        comments: of CoNLL: write ids and texts as comments.
        overwrite: replace ``out``.
        log: receives what is skipped or repaired in ``sources``, and what ``out`` cannot hold.

    Returns:
        The counts and the tag schemes.

    Raises:
        InputError: a file cannot be read, ``out`` exists, or its name does not fit its format.
    """
    target = target or format_by_suffix(out)
    check_new_file(out, target, overwrite=overwrite)
    corpus = Corpus(sources, data, log=log)
    conversion = convert_corpus(corpus, out, target, write_scheme=write_scheme, comments=comments, log=log)
    for kind, count in conversion.lost.items():
        log(f"not stored in {target}: {kind} ({count:,} sentence{'s' * (count > 1)})")
    return conversion


def check_new_file(out: Path, target: str, *, overwrite: bool) -> None:
    """Check that ``out`` can be written in the format ``target``.

    Raises:
        InputError: it exists already and ``overwrite`` is false, is not a local file, or its name does not fit.
    """
    check_local(out)
    check_file_name(out, target)
    for path in files_of(out, target):
        if path.exists() and not path.is_file():
            raise InputError("is not a file", location=str(path), hint="give the name of a file")
        if path.exists() and not overwrite:
            raise InputError(
                "exists already", location=str(path), hint=("give another name, or ", Setting("overwrite"))
            )


def check_is_no_source(out: Path, target: str, sources: Iterable[Path]) -> None:
    """Raise if ``out`` is one of ``sources``, the files that are read."""
    resolved = {path.resolve() for path in sources}
    for path in files_of(out, target):
        if path.resolve() in resolved:
            raise InputError("is one of the files that are read", location=str(path), hint="give another name")


def convert_corpus(
    corpus: Corpus,
    out: Path,
    target: str,
    *,
    write_scheme: Scheme | None = None,
    comments: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> Conversion:
    """Write the gold sentences of ``corpus`` to ``out``; the files are read twice, and never kept in memory.

    Args:
        corpus: the files; it logs the texts that are not used.
        out: the new file.
        target: its format.
        write_scheme: its tag scheme; None: that of the files.
        comments: of CoNLL: write ids and texts as comments.
        log: receives the columns of the files that are ignored.

    Raises:
        InputError: a file cannot be read, its tags are invalid in their scheme, ``out`` is one of the files, or the
            format cannot hold a word.
    """
    check_is_no_source(out, target, corpus.files)
    contents = _Contents()
    scheme = contents.read(corpus)
    _log_ignored_columns(corpus, log)
    if write_scheme is not None and scheme == "plain":
        raise InputError("the tags are plain", location=Setting("write_scheme"), expected="tags of entities")
    written_scheme = write_scheme or scheme
    context = WriteContext(
        written_scheme, comments, corpus.data.pretokenized, has_ids=contents.has_ids, has_texts=contents.has_texts
    )
    counter = SentenceCounter()
    write_gold(counter.count(_converted(corpus, written_scheme)), out, target, context)
    if scheme != "plain" and any(reading.name != SCHEME_NAMES[scheme] for reading in corpus.readings.values()):
        log(describe_readings({"": corpus.readings}, written_scheme))
    return Conversion(counter.sentences, counter.words, scheme, written_scheme, context.lost)


class _Contents:
    """What a first pass over the files finds.

    Attributes:
        has_ids: whether any sentence has an id.
        has_texts: whether any sentence has a text.
    """

    def __init__(self) -> None:
        self.has_ids = self.has_texts = False

    def read(self, corpus: Corpus) -> Scheme:
        """Record what the files of ``corpus`` hold, and return their tag scheme; IOB2 if they have several.

        Raises:
            InputError: a file cannot be read, or some have entities and others plain tags.
        """
        silent = corpus.without_log()
        for sentence in silent:
            self.has_ids |= sentence.id is not None
            self.has_texts |= sentence.text is not None
        corpus.readings.update(silent.readings)
        return common_scheme(silent.readings) or "iob2"


def _log_ignored_columns(corpus: Corpus, log: Callable[[str], None]) -> None:
    """Log the ignored columns of the files, one line for files with the same ones."""
    files: dict[tuple[str, ...], list[Path]] = {}
    for path in corpus.files:
        if ignored := ignored_columns(path, corpus.data):
            files.setdefault(tuple(ignored), []).append(path)
    for names, paths in files.items():
        more_files = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
        more_names = f" and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else ""
        log(f"ignored columns: {', '.join(names[:_MAX_NAMES])}{more_names} ({paths[0]}{more_files})")


def _converted(corpus: Corpus, written_scheme: Scheme) -> Iterator[Sentence]:
    for sentence in corpus:
        tags = sentence.tags or ()
        if written_scheme in ("iob2", "plain"):
            yield sentence
        else:
            yield replace(sentence, tags=tuple(to_scheme(tags, written_scheme)))
