"""Files of the kinds that people have: words, tags, counts, scores and partial marks of each, or its error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus, new_report
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from tests.helpers.case_files import COLUMN_CASES, CaseFile
from tests.helpers.case_reviews import REVIEWED_CASES
from tests.helpers.case_rows import HYPERTEXT_WITHOUT_GLOBAL, ROW_CASES
from tests.helpers.real_files import tagged

CASES = (*COLUMN_CASES, *ROW_CASES, *REVIEWED_CASES)


def write(path: Path, content: str | bytes) -> None:
    """Write a file and its folder."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def read(case: CaseFile, folder: Path) -> tuple[list[Sentence], ReadReport]:
    """Write the files of ``case`` and read them."""
    for name, content in {**case.others, case.name: case.content}.items():
        write(folder / name, content)
    data = DataConfig.model_validate(dict(case.data))
    report = new_report(data)
    sentences = list(Corpus(folder / case.name, data, report=report))
    report.check()
    return sentences, report


@pytest.mark.parametrize("case", [case for case in CASES if not case.error], ids=lambda case: case.id)
def test_files_are_read_as_they_are_meant(case: CaseFile, tmp_path: Path):
    sentences, report = read(case, tmp_path)
    assert [tagged(sentence.words, sentence.tags) for sentence in sentences] == list(case.sentences)
    assert report.to_json() == case.counts
    locations = {
        cause.text: tuple(str(problem.location).removeprefix(f"{tmp_path}/") for problem in cause.problems)
        for cause in report.causes
    }
    assert {text: locations[text] for text in case.locations} == case.locations
    notes = "\n".join(report.notes)
    assert [note for note in case.notes if note not in notes] == [], notes
    marks = [(dict(sentence.scores), sentence.asked, sentence.rejected) for sentence in sentences]
    assert marks == [
        (case.scores.get(index, {}), case.asked.get(index), case.rejected.get(index, ()))
        for index in range(len(sentences))
    ]


@pytest.mark.parametrize("case", [case for case in CASES if case.error], ids=lambda case: case.id)
def test_files_are_refused_with_the_right_error(case: CaseFile, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        read(case, tmp_path)
    assert re.search(case.error, str(caught.value)), caught.value
    assert "'entities': []" not in str(caught.value), "advice that drops annotations"


def test_regions_of_hypertext_without_global_offsets_are_counted(tmp_path: Path):
    case = CaseFile("ls_hypertext.json", HYPERTEXT_WITHOUT_GLOBAL)
    sentences, report = read(case, tmp_path)
    read_tags = [tagged(sentence.words, sentence.tags) for sentence in sentences]
    assert read_tags == ["Omar/B-PER Okoro/I-PER visits/O New/O Accra/O ./O"]
    assert [(cause.action, cause.count) for cause in report.causes] == [("repaired", 1)]
    assert report.mentions == {"exact": 1, "lost": 1}


def test_the_names_of_the_cases_are_distinct():
    assert len({case.id for case in CASES}) == len(CASES)
    assert len({case.name for case in CASES}) >= 26
