"""Gold files of any format that is read, to sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.arrow_files import read_arrow, read_parquet
from nlptrain.data.brat import read_brat
from nlptrain.data.columns import read_columns
from nlptrain.data.conllu import read_conllu
from nlptrain.data.csv_files import read_csv
from nlptrain.data.jsonlines import read_json, read_jsonl
from nlptrain.data.sentence import Sentence
from nlptrain.data.targets import SUFFIXES
from nlptrain.data.text_files import expand, unpacked
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme

# Of what is written, all but what shares a suffix with words and tags; Label Studio's export is a list of objects.
_SUFFIXES = {
    "json" if name == "labelstudio" else name: suffixes
    for name, suffixes in SUFFIXES.items()
    if name not in ("entities", "prodigy", "doccano")
}


def read_gold(
    paths: str | Sequence[str], data: DataConfig, *, key: str = "", say: Callable[[str], None] = lambda _: None
) -> Iterator[Sentence]:
    """The tagged sentences of all files that ``paths`` names, file by file.

    Args:
        paths: a path or a glob, or several.
        data: says how the files are written.
        key: the configuration key that holds ``paths``, for messages.
        say: told what of a file is not to be learnt from.

    Raises:
        InputError: there is no such file, one has a suffix that says nothing, one is not written as it should be, or
            one has no sentence.
    """
    for path in expand(paths, key=key):
        left_out: Counter[str] = Counter()
        sentences = 0
        for sentence in _read_file(path, data, left_out):
            sentences += 1
            yield sentence
        said = "; ".join(f"{count:,} text{'s' * (count > 1)} {why}" for why, count in left_out.items())
        if not sentences:
            raise InputError(f"{path}: found no sentence; a gold file has at least one{said and f' ({said})'}")
        if said:
            say(f"{path}: {said}")


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
