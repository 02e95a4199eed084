"""Exported folders and texts of any origin."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example
from hypothesis import strategies as st

from nlptrain.export.export import export_onnx
from nlptrain_runtime import FolderError, Tagger
from tests.helpers.exports import PLAIN, small_model
from tests.helpers.fuzzing import bounded, fuzz
from tests.helpers.predictions import check_predictions, open_and_predict

pytestmark = pytest.mark.slow

KINDS = {
    "pieces": "subword-lstm-crf",
    "pooled": "pooled-idcnn-softmax",
    "words": "word-lstm-softmax",
    "teacher": "teacher",
}


@pytest.fixture(scope="session")
def exported(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("fuzzed")
    for name, kind in KINDS.items():
        export_onnx(small_model(tiny_bert, kind), root / name, ["fp32"])
    export_onnx(small_model(tiny_bert, "pooled-gru-softmax", PLAIN), root / "plain", ["fp32"])
    return {name: root / name for name in (*KINDS, "plain")}


@pytest.fixture(scope="session")
def described(exported: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: json.loads((folder / "nlptrain.json").read_text("utf-8")) for name, folder in exported.items()}


def description_hash(description: dict[str, Any]) -> str:
    """Hash a description by the definition of the format, independently of the code under test."""
    rest = {name: value for name, value in description.items() if name != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_description(folder: Path, description: dict[str, Any]) -> None:
    whole = {**description, "hash": description_hash(description)}
    (folder / "nlptrain.json").write_text(json.dumps(whole), encoding="utf-8")


@contextmanager
def changed_file(file: Path, content: bytes) -> Iterator[None]:
    kept = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(kept)


@pytest.fixture(scope="session")
def copies(exported: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders that may be changed, each with all files of its own."""
    root = tmp_path_factory.mktemp("copies")
    return {name: Path(shutil.copytree(folder, root / name)) for name, folder in exported.items()}


# Descriptions: one to three entries changed, and the hash computed anew.

_NUMBERS = st.one_of(
    st.integers(-2, 70), st.sampled_from([0, 2**31, 2**63, 10**400, -1, 1.0, 0.0, 1e-320, 1e308, math.inf, math.nan])
)
_NAMES = st.one_of(
    st.sampled_from(["", "O", "B-person", "iob2", "bilou", "plain", "chain", "scheme", "pieces", "words", "pooled"]),
    st.sampled_from(
        ["../../etc/passwd", "/etc/passwd", "C:\\x", "onnx/model.onnx", "tokenizer.json", "(a+)+$", "(a*)*"]
    ),
    st.text(max_size=8),
    st.sampled_from(["\ud800", "\x1b[31m", "x" * 5000]),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, st.floats(), _NAMES),
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=8,
)
_REMOVE = object()
_CHANGES = st.lists(
    st.tuples(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.one_of(_VALUES, st.just(_REMOVE))),
    min_size=1,
    max_size=3,
)


def change(value: Any, path: list[int], new: Any) -> Any:
    """``value`` with what lies at ``path`` replaced, removed or, in a list, repeated."""
    if not path or not isinstance(value, dict | list) or not value:
        return new
    keys = sorted(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    if len(path) == 1 and new is _REMOVE:
        if isinstance(value, dict):
            return {name: entry for name, entry in value.items() if name != key}
        return value[:key] + value[key + 1 :]
    changed = value.copy()
    changed[key] = change(value[key], path[1:], None if new is _REMOVE else new)
    return changed


@fuzz(st.sampled_from([*KINDS, "plain"]), _CHANGES)
def test_a_changed_description(exported, described, copies, kind, changes):
    description = described[kind]
    for path, new in changes:
        description = change(description, path, new)
    if not isinstance(description, dict):
        description = {}
    folder = copies[kind]
    write_description(folder, description)
    with bounded(FolderError, surface="nlptrain.json: entries"):
        open_and_predict(folder)


# One entry at a time, by name: values that are nearly right.
_ENTRIES = [
    ("labels", st.lists(_NAMES, max_size=6)),
    ("labels", st.permutations(["O", "B-person", "I-person", "B-place", "I-place"])),
    ("scheme", st.sampled_from(["iob1", "iob2", "iobes", "bilou", "plain", "IOB2"])),
    ("reads", st.sampled_from(["pieces", "pooled", "words", ""])),
    ("most_pieces", _NUMBERS),
    ("characters", _NUMBERS),
    ("decoding.temperature", st.one_of(_NUMBERS, st.floats(), st.floats(0, 2000))),
    ("decoding.min_confidence", st.one_of(_NUMBERS, st.floats(-0.5, 1.5))),
    ("decoding.rule", st.sampled_from(["independent", "scheme", "chain", "best"])),
    ("decoding.transitions", st.lists(st.lists(st.floats(-2e8, 2e8), min_size=4, max_size=6), min_size=4, max_size=6)),
    ("decoding.start", st.lists(st.one_of(_NUMBERS, st.floats(-2e8, 2e8)), min_size=5, max_size=5)),
    ("decoding.end", st.lists(st.floats(), min_size=4, max_size=6)),
    ("window.max_pieces", _NUMBERS),
    ("window.rule", _NAMES),
    ("splitter.version", _NUMBERS),
    ("splitter.pattern", st.sampled_from(["", "a*", "(", "(a+)+$", "[^\\p{Z}]+", ".", "\\b", "(?=x)"])),
    ("splitter.groups", _VALUES),
    ("pieces.prefix", st.lists(_NUMBERS, max_size=80)),
    ("pieces.suffix", st.lists(st.integers(0, 120), max_size=40)),
    ("pieces.padding", _NUMBERS),
    ("pieces.unknown", st.one_of(st.none(), _NUMBERS)),
    ("pieces.space", _NAMES),
    ("pieces.together", _VALUES),
    ("pieces.pads_left", _VALUES),
    ("files", st.dictionaries(_NAMES, _NAMES, max_size=3)),
    ("later", _VALUES),
]
_ENTRY = st.sampled_from(_ENTRIES).flatmap(lambda entry: st.tuples(st.just(entry[0]), entry[1]))


@fuzz(st.sampled_from([*KINDS, "plain"]), _ENTRY)
@example("pooled", ("decoding.temperature", 0))
@example("pieces", ("window.max_pieces", 2))
@example("pieces", ("decoding.transitions", [[0.0]]))
@example("teacher", ("pieces.prefix", [1] * 64))
@example("words", ("splitter.groups", 1))
def test_an_entry_that_is_nearly_right(exported, described, copies, kind, entry):
    key, value = entry
    description = json.loads(json.dumps(described[kind]))
    *parents, last = key.split(".")
    inner = description
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = value
    folder = copies[kind]
    write_description(folder, description)
    with bounded(FolderError, surface="nlptrain.json: values"):
        open_and_predict(folder)


@fuzz(
    st.sampled_from([*KINDS, "plain"]),
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from(
            [b"[" * 200_000, b'{"a":' * 100_000, b"1" * 10_000, b'{"format": NaN}', b"\xff\xfe{}", b"null"]
        ),
        st.builds(lambda value: json.dumps(value).encode(), _VALUES),
    ),
)
def test_a_description_that_is_something_else(exported, copies, kind, content):
    with changed_file(copies[kind] / "nlptrain.json", content):
        with bounded(FolderError, surface="nlptrain.json: bytes"):
            Tagger(copies[kind])
            raise AssertionError("it was opened")


# Files: bytes changed.

_FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=3)


def flipped(content: bytes, flips: list[tuple[float, int]]) -> bytes:
    changed = bytearray(content)
    for share, bits in dict(flips).items():
        changed[int(share * len(changed))] ^= bits
    return bytes(changed)


@fuzz(st.sampled_from([*KINDS, "plain"]), st.integers(0, 10), _FLIPS)
def test_a_changed_file_is_refused(exported, described, copies, kind, which, flips):
    folder = copies[kind]
    write_description(folder, described[kind])
    names = sorted([*described[kind]["files"], "nlptrain.json"])
    file = folder / names[which % len(names)]
    content = file.read_bytes()
    changed = flipped(content, flips)
    if changed == content or (file.name == "nlptrain.json" and _same_json(changed, content)):
        return
    with changed_file(file, changed), bounded(FolderError, surface="files: hashes"):
        Tagger(folder)
        raise AssertionError(f"{file.name} was not compared with its hash")


def _same_json(content: bytes, other: bytes) -> bool:
    try:
        return json.loads(content) == json.loads(other)
    except ValueError:
        return False


# Readers: changed files with recomputed hashes.

_TOKENIZER_VALUES = st.one_of(
    _VALUES,
    st.sampled_from(
        [
            {"type": "Replace", "pattern": {"Regex": "."}, "content": "xyz" * 50},
            {"type": "Replace", "pattern": {"String": "a"}, "content": ""},
            {"type": "Strip", "strip_left": True, "strip_right": True},
            {"type": "Precompiled", "precompiled_charsmap": "AAAA"},
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Sequence", "normalizers": []},
            {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            {"type": "WordLevel", "vocab": {}, "unk_token": "x"},
            {"type": "WordPiece", "vocab": {"a": 4294967295}, "unk_token": "a"},
            {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a"]]},
            {"type": "Unigram", "unk_id": 7, "vocab": [["a", 0.0]]},
            {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
            [{"id": 5, "content": "Ada", "special": True}],
            [{"id": 4294967295, "content": "", "special": False}],
        ]
    ),
)
_TOKENIZER_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            ["normalizer", "pre_tokenizer", "model", "model.vocab", "model.unk_token", "model.type", "added_tokens"]
            + ["model.continuing_subword_prefix", "model.max_input_chars_per_word", "truncation", "padding"]
            + ["post_processor", "decoder", "version"]
        ),
        _TOKENIZER_VALUES,
    ),
    min_size=1,
    max_size=2,
)


def write_reader(folder: Path, description: dict[str, Any], name: str, content: bytes) -> None:
    files = {**description["files"], name: hashlib.sha256(content).hexdigest()}
    (folder / name).write_bytes(content)
    write_description(folder, {**description, "files": files})


@fuzz(st.sampled_from(["pieces", "pooled"]), _TOKENIZER_CHANGES)
def test_a_tokenizer_of_any_origin(exported, described, copies, kind, changes):
    tokenizer = json.loads((exported[kind] / "tokenizer.json").read_text("utf-8"))
    for key, value in changes:
        *parents, last = key.split(".")
        inner = tokenizer
        for name in parents:
            inner = inner[name] if isinstance(inner.get(name), dict) else inner.setdefault(f"{name}_", {})
        inner[last] = deepcopy(value)  # the strategies give the same lists and dictionaries again
    write_reader(copies[kind], described[kind], "tokenizer.json", json.dumps(tokenizer).encode())
    try:
        with bounded(FolderError, surface="tokenizer.json"):
            open_and_predict(copies[kind])
    finally:
        write_reader(copies[kind], described[kind], "tokenizer.json", (exported[kind] / "tokenizer.json").read_bytes())


@fuzz(
    st.one_of(
        _VALUES,
        st.builds(
            dict, words=st.one_of(st.lists(_NAMES, max_size=60), _VALUES), lowercase=st.one_of(st.booleans(), _VALUES)
        ),
    )
)
def test_a_vocabulary_of_any_origin(exported, described, copies, value):
    write_reader(copies["words"], described["words"], "words.json", json.dumps(value).encode())
    try:
        with bounded(FolderError, surface="words.json"):
            open_and_predict(copies["words"])
    finally:
        write_reader(copies["words"], described["words"], "words.json", (exported["words"] / "words.json").read_bytes())


# Nets: bytes changed and the hashes computed anew. Another process opens them, since a native crash would end this one.

_CHILD = """
import sys, time
from nlptrain_runtime import FolderError, Tagger
from tests.helpers.predictions import open_and_predict
for line in sys.stdin:
    begun = time.process_time()
    try:
        open_and_predict(line.strip())
        outcome = "predicted"
    except FolderError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    print("@@", round(time.process_time() - begun, 2), outcome.replace("\\n", " "), flush=True)
"""


class Opener:
    """A process that opens folders; a new one when it has died."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def open(self, folder: Path) -> tuple[float, str]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
                cwd=Path(__file__).parents[2],
            )
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("@@"):
                _, seconds, outcome = line.strip().split(" ", 2)
                return float(seconds), outcome
        code = self.close()
        return 0.0, f"the process died with {code}"

    def close(self) -> int:
        assert self.process
        self.process.communicate()
        code, self.process = self.process.returncode, None
        return code


@pytest.fixture(scope="module")
def opener() -> Iterator[Opener]:
    opener = Opener()
    yield opener
    if opener.process:
        opener.close()


_STRUCTURE = st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), min_size=1, max_size=3)


@fuzz(st.sampled_from(list(KINDS)), st.booleans(), st.one_of(_STRUCTURE, _FLIPS))
def test_a_net_of_any_origin(exported, described, copies, opener, kind, words, flips):
    name = "onnx/words.onnx" if words and kind in ("pooled", "words") else "onnx/model.onnx"
    content = (exported[kind] / name).read_bytes()
    shares = [
        (place if isinstance(place, float) else place % len(content) / len(content), bits) for place, bits in flips
    ]
    write_reader(copies[kind], described[kind], name, flipped(content, shares))
    try:
        with bounded(surface="nets"):
            seconds, outcome = opener.open(copies[kind])
        assert outcome in ("predicted", "refused")
        assert seconds < 2
    finally:
        write_reader(copies[kind], described[kind], name, content)


# Texts.


@pytest.fixture(scope="session")
def taggers(exported: dict[str, Path]) -> dict[str, Tagger]:
    return {name: Tagger(folder, remember=2000) for name, folder in exported.items()}


_ODD_LETTERS = st.sampled_from(
    [
        "\ud800",
        "\udfff",
        "\x00",
        "\x85",
        "\u0301",
        "\u200d",
        "\ufe0f",
        "\u200b",
        "\ufeff",
        "\u2028",
        "\u00a0",
        "\U0001f469",
    ]
    + ["\U0001f1e9", "\U0001f3fd", "\U000e0067", "\u202e", "\u05d0", "\u0627", "\u0e01", "\u4e2d", "\u3042", "\u1100"]
    + [
        "\u0130",
        "\u00df",
        "\ufb01",
        "\u2126",
        "\u212b",
        "\U0010ffff",
        "\uffff",
        "A.",
        "A",
        "n't",
        "'",
        ".",
        "-",
        "@",
        "#",
    ]
    + ["http://", "[SEP]", "##", " ", "\n", "Ada", "Paris", "9", ":", "_", "^", "<", "~", "a@b.c", "x.com/", "&amp;"]
)
_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=40),  # halves of surrogate pairs among them
    st.lists(_ODD_LETTERS, max_size=30).map("".join),
    st.builds(
        lambda part, times: part * times,
        st.lists(_ODD_LETTERS, min_size=1, max_size=3).map("".join),
        st.integers(1, 400),
    ),
)


def _comparable(predictions: list[dict[str, Any]]) -> list[list[tuple[Any, ...]]]:
    all_parts = [prediction.get("entities", prediction.get("words")) for prediction in predictions]
    return [[(part["start"], part["end"], part.get("label", part.get("tag"))) for part in parts] for parts in all_parts]


@fuzz(st.sampled_from([*KINDS, "plain"]), st.lists(_TEXT, max_size=5))
def test_texts_of_any_origin(taggers, kind, texts):
    tagger = taggers[kind]
    with bounded(surface="Tagger.predict: texts"):
        together = tagger.predict(texts)
        check_predictions(texts, together)
        alone = [tagger.predict([text])[0] for text in texts]
    assert _comparable(together) == _comparable(alone)
    for pair in zip(together, alone, strict=True):
        for part, same in zip(*(side.get("entities", side.get("words")) for side in pair), strict=True):
            assert part["confidence"] == pytest.approx(same["confidence"], abs=2e-3)


_LONG = st.one_of(
    st.builds(
        lambda part, size: (part * (size // len(part) + 1))[:size],
        st.lists(_ODD_LETTERS, min_size=1, max_size=4).map("".join),
        st.integers(5_000, 50_000),
    ),
)


@fuzz(st.sampled_from(["pieces", "pooled", "words", "plain"]), _LONG, share=0.02)
@example("pieces", "x" * 200_000)
@example("words", "\u0301" * 200_000)
@example("pooled", " " * 200_000)
@example("pooled", "A. " * 50_000)
@example("plain", "\U0001f469\u200d" * 60_000)
@example("words", "\ud800" * 100_000)
@example("words", "a " * 100_000)
@example("pieces", "a " * 50_000)
@example("pooled", "Ada n't" * 20_000)
@example("plain", "http://" * 20_000)
def test_long_texts_of_any_origin(taggers, kind, text):
    with bounded(surface="Tagger.predict: long texts"):
        check_predictions([text], taggers[kind].predict([text]))


@fuzz(st.sampled_from([*KINDS, "plain"]), st.lists(st.lists(_TEXT, max_size=6), max_size=4))
def test_words_of_any_origin(taggers, kind, sentences):
    with bounded(surface="Tagger.predict_words"):
        predictions = taggers[kind].predict_words(sentences)
        assert [len(tagged.tags) for tagged in predictions] == [len(words) for words in sentences]
        for tagged in predictions:
            assert set(tagged.tags) <= set(taggers[kind].labels)
            assert ((tagged.confidences >= 0) & (tagged.confidences <= 1 + 1e-9)).all()
