"""The commands that look for what is wrong before it costs anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from nlptrain.cli.errors import SuggestingGroup
from nlptrain.cli.output import echo_json, echo_line

if TYPE_CHECKING:
    from nlptrain.data.sentence import Sentence


@click.group(cls=SuggestingGroup)
def doctor() -> None:
    """Look for what is wrong with models and data."""


@doctor.command()
@click.argument("teacher")
@click.argument("files", nargs=-1, required=True)
@click.option("--raw", is_flag=True, help="FILES are raw text, a sentence or a paragraph a line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def alignment(teacher: str, files: tuple[str, ...], raw: bool, as_json: bool) -> None:
    """Show how a model's tokenizer reads a text.

    \b
    Reads   TEACHER: a model's folder, a run's, package:NAME/folder or a Hub name;
            FILES: gold files, or raw text with --raw.
    Writes  words without a subword, unknown words, subwords per word, the longest
            sentence and its windows, to standard output.

    Example: nlptrain doctor alignment runs/demo/transformer_token runs/demo/data/dev.conll
    """  # noqa: D301 - click reads the character
    from nlptrain.analysis.tokenization_report import report_tokenization
    from nlptrain.run.run import silence_libraries

    silence_libraries()
    report = report_tokenization(teacher, _raw(files) if raw else _gold(files))
    if as_json:
        echo_json(report.to_json())
    else:
        for line in report.describe():
            echo_line(line)


def _gold(files: tuple[str, ...]) -> Iterator[Sentence]:
    from nlptrain.data.corpus import Corpus

    return iter(Corpus(files))


def _raw(files: tuple[str, ...]) -> Iterator[Sentence]:
    from nlptrain.data.raw_text import read_raw_words
    from nlptrain.data.sentence import Sentence
    from nlptrain.data.text_files import expand_paths
    from nlptrain.data.word_splitter import WordSplitter

    splitter = WordSplitter.default()
    for path in expand_paths(list(files)):
        for number, words in read_raw_words(path, splitter):
            if words:
                yield Sentence(words, where=f"{path}:{number}")
