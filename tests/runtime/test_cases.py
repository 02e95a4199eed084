"""One table of cases for Python and for the browser's page, which Node runs here: ``cases.json``.

A text or a word of a case is a string, or a part with how often it is repeated. What needs the page's npm packages runs
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
from nlptrain_runtime.answers import Tagged
from nlptrain_runtime.decoding import decoder_of
from nlptrain_runtime.folder import open_folder, own_hash
from nlptrain_runtime.vocabulary import characters_of, shape_of
from nlptrain_runtime.windows import cut_windows

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "examples" / "browser"
FILE = Path(__file__).with_name("cases.json")
CASES: dict[str, list[Any]] = json.loads(FILE.read_text("utf-8"))
REMOVED = object()

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_packages = pytest.mark.skipif(
    not (PAGE / "node_modules").is_dir(), reason="run: npm --prefix examples/browser install"
)


def text_of(text: str | list[Any]) -> str:
    return text if isinstance(text, str) else text[0] * text[1]


def node(*arguments: object) -> Any:
    command = ["node", str(PAGE / "check_cases.mjs"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def changed(description: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """A description as a case changes it, with its hash computed anew."""
    made = json.loads(json.dumps(description))
    edits = {**case.get("change", {}), **({case["remove"]: REMOVED} if "remove" in case else {})}
    for key, value in edits.items():
        *parents, last = key.split(".")
        inner = made
        for name in parents:
            inner = inner[name]
        if value is REMOVED:
            del inner[last]
        else:
            inner[last] = value
    made["files"] = {**made["files"], **case.get("add_file", {})} if isinstance(made["files"], dict) else made["files"]
    if "remove_file" in case:
        del made["files"][case["remove_file"]]
    return {**made, "hash": own_hash(made)}


@pytest.fixture(scope="module")
def written(folders, tmp_path_factory) -> list[Path]:
    """The description of each case in a copy of its folder: those that are refused, accepted, damaged."""
    root = tmp_path_factory.mktemp("described")
    files = []
    for number, case in enumerate([*CASES["refused"], *CASES["accepted"]]):
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


def check_refusals(refusals: list[str | None]) -> None:
    begins = [f"nlptrain.json: {case['key']}: found " for case in CASES["refused"]]
    begins += [None] * len(CASES["accepted"]) + ["nlptrain.json: "] * len(CASES["damaged"])
    for begin, refused, case in zip(
        begins, refusals, [*CASES["refused"], *CASES["accepted"], *CASES["damaged"]], strict=True
    ):
        if begin is None:
            assert refused is None, case
        else:
            assert refused is not None, case
            assert refused.replace("long texts are cut by the rule", "window.rule: found").startswith(begin), case
            assert len(refused) < 400, case
            assert refused.isprintable(), case


def test_python_refuses_descriptions_of_strangers(written):
    check_refusals([refusal(file) for file in written])


def test_python_answers_the_table():
    splitter = WordSplitter.default()
    for case in CASES["words"]:
        assert [list(word) for word in splitter.split(text_of(case["text"]))] == _wanted_words(case)
    for case in CASES["windows"]:
        words = [tuple(range(100 * word, 100 * word + size)) for word, size in enumerate(case["sizes"])]
        windows = cut_windows(words, max_pieces=case["room"] + 3, prefix=[-1], suffix=[-2, -3])
        found = []
        for window in windows:
            inside = [piece // 100 for piece in window.pieces if piece >= 0]
            start, end = (inside[0], inside[-1] + 1) if inside else (0, 0)
            found.append([start, end, window.first_word, window.first_word + len(window.starts)])
        assert found == case["windows"]
    for case in CASES["decoding"]:
        emissions, counts = np.array(case["emissions"], dtype=np.float32), np.array([len(case["emissions"])])
        decoder = decoder_of(case)
        best = decoder.best(emissions, counts)
        sure = decoder.confidences(emissions, counts, best, case["decoding"]["temperature"])
        parts = Tagged([case["labels"][label] for label in best], sure).parts(case["scheme"])
        assert best.tolist() == case["best"]
        _check_spans([[span.label, span.start, span.end, confidence] for span, confidence in parts], case["spans"])
    for case in CASES["spelling"]:
        assert shape_of(case["word"]) == case["shape"]
        assert characters_of(case["word"], case["most"]) == case["characters"]


def _wanted_words(case: dict[str, Any]) -> list[list[Any]]:
    return [[text_of(word), start, end] for word, start, end in case["words"]]


def _check_spans(found: list[list[Any]], wanted: list[list[Any]]) -> None:
    assert [span[:3] for span in found] == [span[:3] for span in wanted]
    assert [span[3] for span in found] == pytest.approx([span[3] for span in wanted], abs=2e-4)


@needs_node
def test_the_page_answers_the_table(written, tmp_path):
    pattern = tmp_path / "pattern.txt"
    pattern.write_text(WordSplitter.default().pattern, encoding="utf-8")
    found = node(FILE, pattern, *written)
    assert found["words"] == [_wanted_words(case) for case in CASES["words"]]
    assert found["windows"] == [case["windows"] for case in CASES["windows"]]
    for one, case in zip(found["decoding"], CASES["decoding"], strict=True):
        assert one["best"] == case["best"]
        _check_spans(one["spans"], case["spans"])
    assert found["spelling"] == [[case["shape"], case["characters"]] for case in CASES["spelling"]]
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
