"""Gold files of five tools in one list: they are read as if they were one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.procedures import convert_files
from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow

TARGETS = {"a.txt": "conll", "b.jsonl": "doccano", "c.json": "labelstudio", "d.spacy": "spacy", "e.csv": "csv"}


def test_files_of_five_tools_give_the_student_of_one_file(corpus: Path, tiny_bert: Path) -> None:
    """IOB1 columns, doccano, Label Studio, spaCy, and a table as Kaggle has it."""
    blocks = (corpus / "train.conll").read_text().strip().split("\n\n")
    size = -(-len(blocks) // len(TARGETS))
    files = []
    for index, (name, target) in enumerate(TARGETS.items()):
        part = corpus / f"part{index}.conll"
        part.write_text("\n\n".join(blocks[index * size : (index + 1) * size]) + "\n")
        scheme = "iob1" if target == "conll" else None
        convert_files([str(part)], corpus / name, DataConfig(), target, write_scheme=scheme)
        files.append(str(corpus / name))
    table = corpus / "e.csv"
    table.write_text(table.read_text().replace("sentence_id,word,tag", "Sentence #,Word,Tag"))
    path = write_configs(corpus, tiny_bert)["tagger"]
    result = call("tagger", path, "--set", f"data.train={json.dumps(files)}", "--output-dir", corpus / "runs/mixed")
    assert result.exit_code == 0, result.stderr
    assert f"tag scheme: IOB1 in {files[0]}, IOB2 in {files[1]}" in result.stderr
    assert call("tagger", path, "--output-dir", corpus / "runs/single").exit_code == 0
    mixed, single = ((corpus / "runs" / name / "model/model.safetensors").read_bytes() for name in ("mixed", "single"))
    assert mixed == single
    read = json.loads((corpus / "runs/mixed/scores.json").read_text())["data"]["train"]
    assert (read["sentences"], "skipped" in read, "repaired" in read) == (len(blocks), False, False)
