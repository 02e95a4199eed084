"""Files in shapes of public corpora, tools and bug reports: read as they are meant, or refused with a clear error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.read_report import ReadReport
from nlptrain.errors import InputError
from tests.helpers.real_column_files import COLUMN_FILES
from tests.helpers.real_column_variants import COLUMN_VARIANTS
from tests.helpers.real_faulty_files import FAULTY_FILES
from tests.helpers.real_files import RealFile, tagged
from tests.helpers.real_raw_files import RAW_FILES
from tests.helpers.real_row_files import ROW_FILES
from tests.helpers.real_row_variants import ROW_VARIANTS
from tests.helpers.real_tables import TABLES
from tests.helpers.real_tag_variants import TAG_VARIANTS
from tests.helpers.real_tool_files import TOOLS

GOLD_FILES = (*COLUMN_FILES, *COLUMN_VARIANTS, *TAG_VARIANTS, *ROW_VARIANTS, *FAULTY_FILES, *TABLES, *ROW_FILES, *TOOLS)


def check_error(file: RealFile, error: InputError) -> None:
    """Check that ``file`` may be refused, and that the error is the right one."""
    assert file.error, f"{file.source}: {error}"
    assert re.search(file.error, str(error)), f"{file.source}: {error}"
    assert "'entities': []" not in str(error), "advice that drops annotations"


@pytest.mark.parametrize("file", GOLD_FILES, ids=lambda file: file.name)
def test_gold_files_are_read_as_they_are_meant(file: RealFile, tmp_path: Path):
    path = tmp_path / file.name
    path.write_bytes(file.encoded)
    report = ReadReport()
    try:
        sentences = list(Corpus(path, DataConfig.model_validate(dict(file.data)), report=report))
    except InputError as error:
        check_error(file, error)
        return
    read = [tagged(sentence.words, sentence.tags) for sentence in sentences]
    assert read == list(file.sentences), f"{file.source}: {read}"
    log = "\n".join([*report.notes, *(cause.describe() for cause in report.causes)]).replace(str(path), "FILE")
    for text in file.report:
        assert text.lower() in log.lower(), f"{file.source}: {log}"
    if file.before == "right":
        assert not report.causes, f"{file.source}: {log}"
    if "skipped" not in file.report:
        assert "skipped" not in {cause.action for cause in report.causes}, f"{file.source}: {log}"


@pytest.mark.parametrize("file", RAW_FILES, ids=lambda file: file.name)
def test_raw_text_is_read_as_it_is_meant(file: RealFile, tmp_path: Path):
    path = tmp_path / file.name
    path.write_bytes(file.encoded)
    try:
        sentences = list(Corpus(path, DataConfig(min_words=1)).raw())
    except InputError as error:
        check_error(file, error)
        return
    read = [" ".join(sentence.words) for sentence in sentences]
    assert read == list(file.sentences), f"{file.source}: {read}"


def test_the_files_are_what_they_should_be():
    names = [file.name for file in (*GOLD_FILES, *RAW_FILES)]
    assert len(set(names)) == len(names)
    assert len(GOLD_FILES) >= 48
    assert sum(file.before != "right" for file in GOLD_FILES) >= 24
    assert all(file.sentences or file.error for file in (*GOLD_FILES, *RAW_FILES))
