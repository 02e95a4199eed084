"""Damaged exported folders predict or end in a ``FolderError``; texts of any content are predicted."""

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

from nlptrain.deployment.export import export_onnx
from nlptrain_runtime import FolderError, Tagger
from tests.helpers.fuzzing import fuzz, try_input
from tests.helpers.predictions import check_predictions, open_and_predict
from tests.helpers.small_models import PLAIN_LABELS, small_model

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
    export_onnx(small_model(tiny_bert, "pooled-gru-softmax", PLAIN_LABELS), root / "plain", ["fp32"])
    return {name: root / name for name in (*KINDS, "plain")}


@pytest.fixture(scope="session")
def descriptions(exported: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: json.loads((folder / "nlptrain.json").read_text("utf-8")) for name, folder in exported.items()}


def description_hash(description: dict[str, Any]) -> str:
    """Return the hash of a description, computed without the code under test."""
    hashed = {name: value for name, value in description.items() if name != "hash"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def write_description(folder: Path, description: dict[str, Any]) -> None:
    complete = {**description, "hash": description_hash(description)}
    (folder / "nlptrain.json").write_text(json.dumps(complete), encoding="utf-8")


@contextmanager
def changed_file(file: Path, content: bytes) -> Iterator[None]:
    """Replace the content of ``file`` inside the block."""
    original = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(original)


@pytest.fixture(scope="session")
def copies(exported: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Copies of the exported folders, which tests change."""
    root = tmp_path_factory.mktemp("copies")
    return {name: Path(shutil.copytree(folder, root / name)) for name, folder in exported.items()}


# Descriptions: one to three values are changed, and the hash is recomputed.

_NUMBER_STRATEGY = st.one_of(
    st.integers(-2, 70), st.sampled_from([0, 2**31, 2**63, 10**400, -1, 1.0, 0.0, 1e-320, 1e308, math.inf, math.nan])
)
_NAME_STRATEGY = st.one_of(
    st.sampled_from(["", "O", "B-person", "iob2", "bilou", "plain", "chain", "scheme", "pieces", "words", "pooled"]),
    st.sampled_from(
        ["../../etc/passwd", "/etc/passwd", "C:\\x", "onnx/model.onnx", "tokenizer.json", "(a+)+$", "(a*)*"]
    ),
    st.text(max_size=8),
    st.sampled_from(["\ud800", "\x1b[31m", "x" * 5000]),
)
_JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBER_STRATEGY, st.floats(), _NAME_STRATEGY),
    lambda values: st.one_of(st.lists(values, max_size=6), st.dictionaries(_NAME_STRATEGY, values, max_size=3)),
    max_leaves=8,
)
_REMOVE = object()
_CHANGE_STRATEGY = st.lists(
    st.tuples(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.one_of(_JSON_VALUES, st.just(_REMOVE))),
    min_size=1,
    max_size=3,
)


def change_value(value: Any, path: list[int], replacement: Any) -> Any:
    """Return a copy of ``value`` in which the value at ``path`` is replaced or removed."""
    if not path or not isinstance(value, dict | list) or not value:
        return replacement
    keys = sorted(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    if len(path) == 1 and replacement is _REMOVE:
        if isinstance(value, dict):
            return {name: entry for name, entry in value.items() if name != key}
        return value[:key] + value[key + 1 :]
    changed = value.copy()
    changed[key] = change_value(value[key], path[1:], None if replacement is _REMOVE else replacement)
    return changed


@fuzz(st.sampled_from([*KINDS, "plain"]), _CHANGE_STRATEGY)
def test_changed_description_predicts_or_is_a_folder_error(exported, descriptions, copies, kind, changes):
    description = descriptions[kind]
    for path, replacement in changes:
        description = change_value(description, path, replacement)
    if not isinstance(description, dict):
        description = {}
    folder = copies[kind]
    write_description(folder, description)
    with try_input(FolderError, surface="nlptrain.json: entries"):
        open_and_predict(folder)


# One entry at a time, by name: values that are nearly valid.
_ENTRIES = [
    ("labels", st.lists(_NAME_STRATEGY, max_size=6)),
    ("labels", st.permutations(["O", "B-person", "I-person", "B-place", "I-place"])),
    ("scheme", st.sampled_from(["iob1", "iob2", "iobes", "bilou", "plain", "IOB2"])),
    ("reads", st.sampled_from(["pieces", "pooled", "words", ""])),
    ("most_pieces", _NUMBER_STRATEGY),
    ("characters", _NUMBER_STRATEGY),
    ("decoding.temperature", st.one_of(_NUMBER_STRATEGY, st.floats(), st.floats(0, 2000))),
    ("decoding.min_confidence", st.one_of(_NUMBER_STRATEGY, st.floats(-0.5, 1.5))),
    ("decoding.rule", st.sampled_from(["independent", "scheme", "chain", "best"])),
    ("decoding.transitions", st.lists(st.lists(st.floats(-2e8, 2e8), min_size=4, max_size=6), min_size=4, max_size=6)),
    ("decoding.start", st.lists(st.one_of(_NUMBER_STRATEGY, st.floats(-2e8, 2e8)), min_size=5, max_size=5)),
    ("decoding.end", st.lists(st.floats(), min_size=4, max_size=6)),
    ("window.max_pieces", _NUMBER_STRATEGY),
    ("window.rule", _NAME_STRATEGY),
    ("splitter.version", _NUMBER_STRATEGY),
    ("splitter.pattern", st.sampled_from(["", "a*", "(", "(a+)+$", "[^\\p{Z}]+", ".", "\\b", "(?=x)"])),
    ("splitter.groups", _JSON_VALUES),
    ("pieces.prefix", st.lists(_NUMBER_STRATEGY, max_size=80)),
    ("pieces.suffix", st.lists(st.integers(0, 120), max_size=40)),
    ("pieces.padding", _NUMBER_STRATEGY),
    ("pieces.unknown", st.one_of(st.none(), _NUMBER_STRATEGY)),
    ("pieces.space", _NAME_STRATEGY),
    ("pieces.together", _JSON_VALUES),
    ("pieces.pads_left", _JSON_VALUES),
    ("files", st.dictionaries(_NAME_STRATEGY, _NAME_STRATEGY, max_size=3)),
    ("later", _JSON_VALUES),
]
_ENTRY_STRATEGY = st.sampled_from(_ENTRIES).flatmap(lambda entry: st.tuples(st.just(entry[0]), entry[1]))


@fuzz(st.sampled_from([*KINDS, "plain"]), _ENTRY_STRATEGY)
@example("pooled", ("decoding.temperature", 0))
@example("pieces", ("window.max_pieces", 2))
@example("pieces", ("decoding.transitions", [[0.0]]))
@example("teacher", ("pieces.prefix", [1] * 64))
@example("words", ("splitter.groups", 1))
def test_nearly_valid_entry_predicts_or_is_a_folder_error(exported, descriptions, copies, kind, entry):
    key, value = entry
    description = json.loads(json.dumps(descriptions[kind]))
    *parents, last = key.split(".")
    parent = description
    for name in parents:
        parent = parent.setdefault(name, {})
    parent[last] = value
    folder = copies[kind]
    write_description(folder, description)
    with try_input(FolderError, surface="nlptrain.json: values"):
        open_and_predict(folder)


@fuzz(
    st.sampled_from([*KINDS, "plain"]),
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from(
            [b"[" * 200_000, b'{"a":' * 100_000, b"1" * 10_000, b'{"format": NaN}', b"\xff\xfe{}", b"null"]
        ),
        st.builds(lambda value: json.dumps(value).encode(), _JSON_VALUES),
    ),
)
def test_invalid_description_is_a_folder_error(exported, copies, kind, content):
    with changed_file(copies[kind] / "nlptrain.json", content):
        with try_input(FolderError, surface="nlptrain.json: bytes"):
            Tagger(copies[kind])
            raise AssertionError("the folder was opened")


# Files: bytes are changed, and the hashes are not.

_FLIP_STRATEGY = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=3)


def flip_bytes(content: bytes, bit_flips: list[tuple[float, int]]) -> bytes:
    changed = bytearray(content)
    for share, bits in dict(bit_flips).items():
        changed[int(share * len(changed))] ^= bits
    return bytes(changed)


@fuzz(st.sampled_from([*KINDS, "plain"]), st.integers(0, 10), _FLIP_STRATEGY)
def test_changed_file_fails_the_hash_check(exported, descriptions, copies, kind, index, bit_flips):
    folder = copies[kind]
    write_description(folder, descriptions[kind])
    names = sorted([*descriptions[kind]["files"], "nlptrain.json"])
    file = folder / names[index % len(names)]
    content = file.read_bytes()
    changed = flip_bytes(content, bit_flips)
    if changed == content or (file.name == "nlptrain.json" and _same_json(changed, content)):
        return
    with changed_file(file, changed), try_input(FolderError, surface="files: hashes"):
        Tagger(folder)
        raise AssertionError(f"{file.name} was not compared with its hash")


def _same_json(content: bytes, other: bytes) -> bool:
    try:
        return json.loads(content) == json.loads(other)
    except ValueError:
        return False


# Tokenizers and vocabularies: changed files with recomputed hashes.

_TOKENIZER_VALUES = st.one_of(
    _JSON_VALUES,
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


def write_file_and_hash(folder: Path, description: dict[str, Any], name: str, content: bytes) -> None:
    files = {**description["files"], name: hashlib.sha256(content).hexdigest()}
    (folder / name).write_bytes(content)
    write_description(folder, {**description, "files": files})


@fuzz(st.sampled_from(["pieces", "pooled"]), _TOKENIZER_CHANGES)
def test_changed_tokenizer_predicts_or_is_a_folder_error(exported, descriptions, copies, kind, changes):
    tokenizer = json.loads((exported[kind] / "tokenizer.json").read_text("utf-8"))
    for key, value in changes:
        *parents, last = key.split(".")
        parent = tokenizer
        for name in parents:
            parent = parent[name] if isinstance(parent.get(name), dict) else parent.setdefault(f"{name}_", {})
        parent[last] = deepcopy(value)  # the strategies return the same objects again
    write_file_and_hash(copies[kind], descriptions[kind], "tokenizer.json", json.dumps(tokenizer).encode())
    try:
        with try_input(FolderError, surface="tokenizer.json"):
            open_and_predict(copies[kind])
    finally:
        write_file_and_hash(
            copies[kind], descriptions[kind], "tokenizer.json", (exported[kind] / "tokenizer.json").read_bytes()
        )


@fuzz(
    st.one_of(
        _JSON_VALUES,
        st.builds(
            dict,
            words=st.one_of(st.lists(_NAME_STRATEGY, max_size=60), _JSON_VALUES),
            lowercase=st.one_of(st.booleans(), _JSON_VALUES),
        ),
    )
)
def test_generated_vocabulary_predicts_or_is_a_folder_error(exported, descriptions, copies, value):
    write_file_and_hash(copies["words"], descriptions["words"], "words.json", json.dumps(value).encode())
    try:
        with try_input(FolderError, surface="words.json"):
            open_and_predict(copies["words"])
    finally:
        write_file_and_hash(
            copies["words"], descriptions["words"], "words.json", (exported["words"] / "words.json").read_bytes()
        )


# Models: changed bytes with recomputed hashes. Another process opens them, because native code may crash it.

_OPEN_PROGRAM = """
import sys, time
from nlptrain_runtime import FolderError, Tagger
from tests.helpers.predictions import open_and_predict
for line in sys.stdin:
    start = time.process_time()
    try:
        open_and_predict(line.strip())
        outcome = "predicted"
    except FolderError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    print("@@", round(time.process_time() - start, 2), outcome.replace("\\n", " "), flush=True)
"""


class Opener:
    """A process that opens exported folders; it is started again after a crash."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def open(self, folder: Path) -> tuple[float, str]:
        """Return the CPU seconds and the outcome of opening ``folder`` and predicting."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _OPEN_PROGRAM],
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
        return 0.0, f"the process ended with {code}"

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


_HEADER_FLIPS = st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), min_size=1, max_size=3)


@fuzz(st.sampled_from(list(KINDS)), st.booleans(), st.one_of(_HEADER_FLIPS, _FLIP_STRATEGY))
def test_changed_model_predicts_or_is_a_folder_error(exported, descriptions, copies, opener, kind, words, bit_flips):
    name = "onnx/words.onnx" if words and kind in ("pooled", "words") else "onnx/model.onnx"
    content = (exported[kind] / name).read_bytes()
    shares = [
        (position if isinstance(position, float) else position % len(content) / len(content), bits)
        for position, bits in bit_flips
    ]
    write_file_and_hash(copies[kind], descriptions[kind], name, flip_bytes(content, shares))
    try:
        with try_input(surface="nets"):
            seconds, outcome = opener.open(copies[kind])
        assert outcome in ("predicted", "refused")
        assert seconds < 2
    finally:
        write_file_and_hash(copies[kind], descriptions[kind], name, content)


# Texts.


@pytest.fixture(scope="session")
def taggers(exported: dict[str, Path]) -> dict[str, Tagger]:
    return {name: Tagger(folder, remember=2000) for name, folder in exported.items()}


_CHARACTERS = st.sampled_from(
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
_TEXT_STRATEGY = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=40),  # also lone surrogates
    st.lists(_CHARACTERS, max_size=30).map("".join),
    st.builds(
        lambda part, count: part * count,
        st.lists(_CHARACTERS, min_size=1, max_size=3).map("".join),
        st.integers(1, 400),
    ),
)


def without_confidences(predictions: list[dict[str, Any]]) -> list[list[tuple[Any, ...]]]:
    all_parts = [prediction.get("entities", prediction.get("words")) for prediction in predictions]
    return [[(part["start"], part["end"], part.get("label", part.get("tag"))) for part in parts] for parts in all_parts]


@fuzz(st.sampled_from([*KINDS, "plain"]), st.lists(_TEXT_STRATEGY, max_size=5))
def test_texts_have_the_same_predictions_alone_and_in_a_batch(taggers, kind, texts):
    tagger = taggers[kind]
    with try_input(surface="Tagger.predict: texts"):
        in_batch = tagger.predict(texts)
        check_predictions(texts, in_batch)
        alone = [tagger.predict([text])[0] for text in texts]
    assert without_confidences(in_batch) == without_confidences(alone)
    for pair in zip(in_batch, alone, strict=True):
        pair_parts = (prediction.get("entities", prediction.get("words")) for prediction in pair)
        for part, other_part in zip(*pair_parts, strict=True):
            assert part["confidence"] == pytest.approx(other_part["confidence"], abs=2e-3)


_LONG_TEXT_STRATEGY = st.one_of(
    st.builds(
        lambda part, size: (part * (size // len(part) + 1))[:size],
        st.lists(_CHARACTERS, min_size=1, max_size=4).map("".join),
        st.integers(5_000, 50_000),
    ),
)


@fuzz(st.sampled_from(["pieces", "pooled", "words", "plain"]), _LONG_TEXT_STRATEGY, share=0.02)
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
def test_generated_long_texts_are_predicted(taggers, kind, text):
    with try_input(surface="Tagger.predict: long texts"):
        check_predictions([text], taggers[kind].predict([text]))


@fuzz(st.sampled_from([*KINDS, "plain"]), st.lists(st.lists(_TEXT_STRATEGY, max_size=6), max_size=4))
def test_generated_words_are_predicted(taggers, kind, sentences):
    with try_input(surface="Tagger.predict_words"):
        predictions = taggers[kind].predict_words(sentences)
        assert [len(tagged.tags) for tagged in predictions] == [len(words) for words in sentences]
        for tagged in predictions:
            assert set(tagged.tags) <= set(taggers[kind].labels)
            assert ((tagged.confidences >= 0) & (tagged.confidences <= 1 + 1e-9)).all()
