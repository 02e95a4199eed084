"""One table of cases for Python and for the browser's page, which Node runs here: ``cases.json``.

What needs the page's npm packages runs
where ``npm --prefix examples/browser install`` has been run; ``scripts/check_browser.py`` runs all of it in Chromium.
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
from tests.helpers.cases import CASES, FILE, changed, check_refusals, check_tables, described_cases, text_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "examples" / "browser"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_packages = pytest.mark.skipif(
    not (PAGE / "node_modules").is_dir(), reason="run: npm --prefix examples/browser install"
)


def node(*arguments: object) -> Any:
    command = ["node", str(PAGE / "check_cases.mjs"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def written(folders, tmp_path_factory) -> list[Path]:
    """The description of each case in a copy of its folder: those that are refused, accepted, damaged."""
    root = tmp_path_factory.mktemp("described")
    files = []
    for number, case in enumerate(described_cases()):
        folder = root / str(number)
        shutil.copytree(folders[case["reads"]], folder, copy_function=os.link)
        description = json.loads((folder / "nlptrain.json").read_text("utf-8"))
        (folder / "nlptrain.json").unlink()
        text = json.dumps(changed(description, case), indent=1)
        files.append(folder / "nlptrain.json")
        files[-1].write_text(text, encoding="utf-8")
    for number, text in enumerate(CASES["damaged"]):
        folder = root / f"damaged{number}"
        folder.mkdir()
        files.append(folder / "nlptrain.json")
        files[-1].write_text(text_of(text), encoding="utf-8")
    return files


def refusal(file: Path) -> str | None:
    try:
        Tagger(file.parent)
    except FolderError as error:
        return str(error).removeprefix(f"{file.parent}/")
    return None


def test_python_refuses_descriptions_of_strangers(written):
    check_refusals([refusal(file) for file in written])


def test_python_answers_the_table():
    splitter = WordSplitter.default()
    words = [[list(word) for word in splitter.split(text_of(case["text"]))] for case in CASES["words"]]
    windows = [windows_of(case["sizes"], case["room"], case["rule"]) for case in CASES["windows"]]
    decoding = [decoded(case) for case in CASES["decoding"]]
    spelling = [[word_shape(case["word"]), character_codes(case["word"], case["most"])] for case in CASES["spelling"]]
    check_tables({"words": words, "windows": windows, "decoding": decoding, "spelling": spelling})


def windows_of(sizes: list[int], room: int, rule: str) -> list[list[int]]:
    words = [tuple(range(100 * word, 100 * word + size)) for word, size in enumerate(sizes)]
    found = []
    for window in cut_windows(words, max_subwords=room + 3, prefix=[-1], suffix=[-2, -3], overlap=OVERLAPS[rule]):
        inside = [piece // 100 for piece in window.subwords if piece >= 0]
        start, end = (inside[0], inside[-1] + 1) if inside else (0, 0)
        found.append([start, end, window.first_word, window.first_word + len(window.word_starts)])
    return found


def decoded(case: dict[str, Any]) -> dict[str, Any]:
    emissions, counts = np.array(case["emissions"], dtype=np.float32), np.array([len(case["emissions"])])
    decoder = load_decoder(case)
    best = decoder.decode(emissions, counts)
    sure = decoder.confidences(emissions, counts, best, case["decoding"]["temperature"])
    parts = TaggedSentence([case["labels"][label] for label in best], sure).spans(case["scheme"])
    spans = [[span.label, span.start, span.end, confidence] for span, confidence in parts]
    return {"best": best.tolist(), "spans": spans}


@needs_node
def test_the_page_answers_the_table(written, tmp_path):
    pattern = tmp_path / "pattern.txt"
    pattern.write_text(WordSplitter.default().pattern, encoding="utf-8")
    found = node(FILE, pattern, *written)
    check_tables(found)
    check_refusals(found["refusals"])


@needs_node
@needs_packages
@pytest.mark.parametrize("kind", ["teacher", "pieces", "pooled", "words", "plain"])
def test_the_page_answers_texts_of_any_length(folders, tmp_path, kind):
    texts = [text_of(text) for text in CASES["texts"]]
    given = tmp_path / "texts.json"
    given.write_text(json.dumps(texts), encoding="utf-8")
    assert open_folder(folders[kind]).described["window"]["max_pieces"] < 200  # so that the longest have windows
    found = node("--predict", folders[kind], given)
    assert "refused" not in found, found
    for one, other in zip(found, Tagger(folders[kind]).predict(texts), strict=True):
        (name,) = other.keys() - {"text"}
        assert len(one[name]) == len(other[name])
        for part, wanted in zip(one[name], other[name], strict=True):
            confidences = part.pop("confidence"), wanted.pop("confidence")
            assert part == wanted
            assert confidences[0] == pytest.approx(confidences[1], abs=1e-3)


@needs_node
@needs_packages
@pytest.mark.parametrize("name", ["nlptrain.json", "onnx/model.onnx", "onnx/words.onnx", "tokenizer.json"])
def test_the_page_refuses_a_file_that_was_changed(folders, tmp_path, name):
    folder = Path(shutil.copytree(folders["pooled"], tmp_path / "copy"))
    file = folder / name
    content = file.read_bytes()
    at = content.rindex(b"1")
    file.write_bytes(content[:at] + b"2" + content[at + 1 :])
    (tmp_path / "texts.json").write_text("[]", encoding="utf-8")
    assert (
        f"FolderError: {name}: is not the file that was exported"
        in node("--predict", folder, tmp_path / "texts.json")["refused"]
    )


def test_the_page_runs_no_script_but_its_own():
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
