"""Test cases of ``cases.json`` for Python and for the page of examples/browser, which runs in Node here.

Tests that need the npm packages of the page are skipped until ``npm --prefix examples/browser install`` has been run;
``scripts/check_browser.py`` runs all cases in Chromium.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlptrain.data.word_splitter import WordSplitter
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.decoding import load_decoder
from nlptrain_runtime.folder import open_folder
from nlptrain_runtime.predictions import TaggedSentence
from nlptrain_runtime.windows import OVERLAPS, cut_windows
from nlptrain_runtime.word_features import character_codes, word_shape
from tests.helpers.cases import (
    CASES,
    FILE,
    changed_description,
    check_errors,
    check_tables,
    described_cases,
    expand_text,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "examples" / "browser"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_packages = pytest.mark.skipif(
    not (PAGE / "node_modules").is_dir(), reason="run: npm --prefix examples/browser install"
)


def run_node(*arguments: object) -> Any:
    command = ["node", str(PAGE / "check_cases.mjs"), *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, encoding="utf-8")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.fixture(scope="module")
def descriptions(folders, tmp_path_factory) -> list[Path]:
    """Write the description of each case into a copy of its folder: invalid, valid, damaged."""
    root = tmp_path_factory.mktemp("described")
    files = []
    for index, case in enumerate(described_cases()):
        folder = root / str(index)
        shutil.copytree(folders[case["reads"]], folder, copy_function=os.link)
        description = json.loads((folder / "nlptrain.json").read_text("utf-8"))
        (folder / "nlptrain.json").unlink()
        text = json.dumps(changed_description(description, case), indent=1)
        files.append(folder / "nlptrain.json")
        files[-1].write_text(text, encoding="utf-8")
    for index, text in enumerate(CASES["damaged"]):
        folder = root / f"damaged{index}"
        folder.mkdir()
        files.append(folder / "nlptrain.json")
        files[-1].write_text(expand_text(text), encoding="utf-8")
    return files


def error_message(file: Path) -> str | None:
    try:
        Tagger(file.parent)
    except FolderError as error:
        return str(error).removeprefix(f"{file.parent}/")
    return None


def test_python_rejects_invalid_descriptions(descriptions):
    check_errors([error_message(file) for file in descriptions])


def test_python_has_the_results_of_the_cases():
    splitter = WordSplitter.default()
    words = [[list(word) for word in splitter.split(expand_text(case["text"]))] for case in CASES["words"]]
    windows = [window_bounds(case["sizes"], case["room"], case["rule"]) for case in CASES["windows"]]
    decoding = [decode(case) for case in CASES["decoding"]]
    spelling = [[word_shape(case["word"]), character_codes(case["word"], case["most"])] for case in CASES["spelling"]]
    check_tables({"words": words, "windows": windows, "decoding": decoding, "spelling": spelling})


def window_bounds(sizes: list[int], capacity: int, rule: str) -> list[list[int]]:
    words = [tuple(range(100 * word, 100 * word + size)) for word, size in enumerate(sizes)]
    windows = cut_windows(words, max_subwords=capacity + 3, prefix=[-1], suffix=[-2, -3], overlap=OVERLAPS[rule])
    bounds = []
    for window in windows:
        words_of_subwords = [subword // 100 for subword in window.subwords if subword >= 0]
        start, end = (words_of_subwords[0], words_of_subwords[-1] + 1) if words_of_subwords else (0, 0)
        bounds.append([start, end, window.first_word, window.first_word + len(window.word_starts)])
    return bounds


def decode(case: dict[str, Any]) -> dict[str, Any]:
    emissions, counts = np.array(case["emissions"], dtype=np.float32), np.array([len(case["emissions"])])
    decoder = load_decoder(case)
    best = decoder.decode(emissions, counts)
    confidences = decoder.confidences(emissions, counts, best, case["decoding"]["temperature"])
    tagged = TaggedSentence([case["labels"][label] for label in best], confidences)
    spans = [[span.label, span.start, span.end, confidence] for span, confidence in tagged.spans(case["scheme"])]
    return {"best": best.tolist(), "spans": spans}


@needs_node
def test_the_page_has_the_results_of_the_cases(descriptions, tmp_path):
    pattern = tmp_path / "pattern.txt"
    pattern.write_text(WordSplitter.default().pattern, encoding="utf-8")
    results = run_node(FILE, pattern, *descriptions)
    check_tables(results)
    check_errors(results["errors"])


@needs_node
@needs_packages
@pytest.mark.parametrize("kind", ["teacher", "pieces", "pooled", "words", "plain"])
def test_the_page_predicts_texts_of_any_length(folders, tmp_path, kind):
    texts = [expand_text(text) for text in CASES["texts"]]
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    assert open_folder(folders[kind]).described["window"]["max_pieces"] < 200  # so that the longest have windows
    predictions = run_node("--predict", folders[kind], file)
    assert "error" not in predictions, predictions
    for prediction, expected in zip(predictions, Tagger(folders[kind]).predict(texts), strict=True):
        (name,) = expected.keys() - {"text"}
        assert len(prediction[name]) == len(expected[name])
        for part, expected_part in zip(prediction[name], expected[name], strict=True):
            confidences = part.pop("confidence"), expected_part.pop("confidence")
            assert part == expected_part
            assert confidences[0] == pytest.approx(confidences[1], abs=1e-3)


@needs_node
@needs_packages
@pytest.mark.parametrize("name", ["nlptrain.json", "onnx/model.onnx", "onnx/words.onnx", "tokenizer.json"])
def test_the_page_rejects_a_changed_file(folders, tmp_path, name):
    folder = Path(shutil.copytree(folders["pooled"], tmp_path / "copy"))
    file = folder / name
    content = file.read_bytes()
    position = content.rindex(b"1")
    file.write_bytes(content[:position] + b"2" + content[position + 1 :])
    (tmp_path / "texts.json").write_text("[]", encoding="utf-8")
    assert (
        f"FolderError: {name}: is not the file that was exported"
        in run_node("--predict", folder, tmp_path / "texts.json")["error"]
    )


def test_the_page_runs_only_its_own_scripts():
    page = (PAGE / "index.html").read_text("utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    inline = re.findall(r"<script(?![^>]* src=)[^>]*>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{hashes[0]}'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert len(inline) == 1
    assert not re.search(r"\bon\w+=|style=|<style|javascript:", page)
    scripts = "".join(path.read_text("utf-8") for path in PAGE.glob("*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", scripts)
