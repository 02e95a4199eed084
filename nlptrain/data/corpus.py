"""A corpus: files of any format, to the sentences in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.arrow_files import read_arrow, read_parquet
from nlptrain.data.brat import read_brat
from nlptrain.data.columns import read_columns
from nlptrain.data.conllu import read_conllu
from nlptrain.data.csv_files import read_csv
from nlptrain.data.jsonlines import read_json, read_jsonl
from nlptrain.data.raw_files import Splitter
from nlptrain.data.raw_text import RawCounts, read_raw
from nlptrain.data.sentence import Sentence
from nlptrain.data.targets import SUFFIXES
from nlptrain.data.text_files import expand, unpacked
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme

# Of what is written, all but what shares a suffix with words and tags; Label Studio's export is a list of objects.
_SUFFIXES = {
    "json" if name == "labelstudio" else name: suffixes
    for name, suffixes in SUFFIXES.items()
    if name not in ("entities", "prodigy", "doccano")
}


class Corpus:
    """All files that paths, globs and names on the Hub name, of any format that is read: gold sentences, or raw text.

    Going through it gives the tagged sentences, file by file; ``raw`` gives those of raw text. The files are read anew
    each time, and never all in memory (but for ``.json``, which is one list).

    Attributes:
        paths: paths, globs or ``hub:OWNER/NAME:SPLIT``.
        data: how the files are written.

    Example:
        ``for sentence in Corpus("train/*.parquet"): print(sentence.words, sentence.tags)``
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        data: DataConfig | None = None,
        *,
        key: str = "",
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """The files that ``paths`` names; none of them is opened yet.

        Args:
            paths: one, or several.
            data: how the files are written; None: as their names say.
            key: the configuration key that holds ``paths``, for messages.
            log: receives what of a file is not to be learned from, each time that all of it has been read.
        """
        self.paths = [str(one) for one in ([paths] if isinstance(paths, str | Path) else paths)]
        self.data = data or DataConfig()
        self._key = key
        self._log = log

    @property
    def files(self) -> list[Path]:
        """The files, each once.

        Raises:
            InputError: there is none of a name, or the Hub cannot be asked.
        """
        return expand(self.paths, key=self._key)

    def __iter__(self) -> Iterator[Sentence]:
        """The tagged sentences.

        Raises:
            InputError: there is no such file, one has a suffix that says nothing, one is not written as it should be,
                or one has no sentence.
        """
        for path in self.files:
            left_out: Counter[str] = Counter()
            sentences = 0
            for sentence in _read_file(path, self.data, left_out):
                sentences += 1
                yield sentence
            said = "; ".join(f"{count:,} text{'s' * (count > 1)} {why}" for why, count in left_out.items())
            if not sentences:
                raise InputError(f"{path}: found no sentence; a gold file has at least one{said and f' ({said})'}")
            if said:
                self._log(f"{path}: {said}")

    def silent(self) -> Corpus:
        """The same files, of which nothing is said: for who goes through them more than once."""
        return Corpus(self.paths, self.data, key=self._key)

    def raw(
        self,
        splitter: Splitter | None = None,
        *,
        held_out: Collection[bytes] = frozenset(),
        counts: RawCounts | None = None,
        weights: Mapping[Path, float] | None = None,
    ) -> Iterator[Sentence]:
        """The sentences of raw text, cut as ``data`` says; the other arguments and errors are those of ``read_raw``.

        Args:
            splitter: cuts a line into words; None: white space if ``data.pretokenized``, or else our own.
            held_out: see there.
            counts: see there.
            weights: see there.
        """
        return read_raw(
            self.files,
            splitter or splitter_of(self.data),
            min_words=self.data.min_words,
            max_words=self.data.max_words,
            held_out=held_out,
            counts=counts,
            weights=weights,
        )


def splitter_of(data: DataConfig) -> WordSplitter:
    """What cuts the raw text of ``data`` into words."""
    return WordSplitter.pretokenized() if data.pretokenized else WordSplitter.default()


def _read_file(path: Path, data: DataConfig, left_out: Counter[str]) -> Iterator[Sentence]:
    # Marks have no scheme; their tags are written in the one that the files of the run are in.
    scheme: Scheme = "iob2" if data.scheme == "auto" else data.scheme
    match format_of(path, data):
        case "conll":
            return read_columns(path, data.columns)
        case "conllu":
            return read_conllu(path, data.columns)
        case "csv":
            return read_csv(path, data.columns)
        case "brat":
            return read_brat(path, scheme, pretokenized=data.pretokenized)
        case "parquet":
            return read_parquet(path, data.columns)
        case "arrow":
            return read_arrow(path, data.columns)
        case "json":
            return read_json(path, scheme, left_out=left_out)
        case _:
            return read_jsonl(path, scheme, left_out=left_out)


def format_of(path: Path, data: DataConfig) -> str:
    """The format that ``path`` is read in: what ``data`` says, or else its suffix.

    Raises:
        InputError: the suffix says nothing.
    """
    if data.format != "auto":
        return data.format
    suffix = unpacked(path).suffix.lower()
    for name, suffixes in _SUFFIXES.items():
        if suffix in suffixes:
            return name
    known = "; ".join(f"{' '.join(suffixes)}: {name}" for name, suffixes in _SUFFIXES.items())
    raise InputError(f"{path}: found the suffix {suffix!r}, which names no format ({known}); set data.format")
