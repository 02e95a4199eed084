"""Model folders with damaged files: refused in one line, or loaded and used."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example
from hypothesis import strategies as st

import nlptrain
from nlptrain.errors import InputError
from tests.helpers.exports import small_model
from tests.helpers.fuzzing import bounded, fuzz

pytestmark = pytest.mark.slow

KINDS = ("teacher", "pooled-lstm-crf", "word-idcnn-softmax")
DRAWN = st.sampled_from([*KINDS[1:], *KINDS])  # a teacher takes three times as long
TEXTS = ["Ada Smith lives in Paris .", "", "x" * 70]
# Values of all types, some of them too large for what they count.
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70),
    st.sampled_from([10**6, 10**9, 2**31, 2**63, 10**30, -(10**9)]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["bert", "lstm", "crf", "auto", "float16", "../x", "kernels-community/x", "BertModel", "[UNK]"]),
    st.lists(st.integers(-1, 9), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(0, 3), max_size=3),
)
BYTES = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(0)),
    st.tuples(st.just("insert"), st.floats(0, 1), st.integers(0, 255)),
)
_NUMBER = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def saved(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder of each kind."""
    logging.disable(logging.WARNING)
    above = tmp_path_factory.mktemp("fuzzed")
    for kind in KINDS:
        small_model(tiny_bert, kind).save(above / kind)
    (above / "work").mkdir()
    return {kind: above / kind for kind in KINDS}


def used(folder: Path, surface: str) -> None:
    with warnings.catch_warnings(), bounded(InputError, surface=surface):
        warnings.simplefilter("ignore")
        model = nlptrain.load_token_model(str(folder))
        list(nlptrain.predict(model, TEXTS))


def with_file(source: Path, name: str, content: bytes) -> Path:
    """``source`` in the working folder, with one of its files replaced."""
    folder = source.parent / "work"
    for old in folder.iterdir():
        old.unlink()
    for path in source.iterdir():
        if path.name != name:
            (folder / path.name).hardlink_to(path)
    (folder / name).write_bytes(content)
    return folder


def damaged(content: bytes, damage: tuple[str, float, int]) -> bytes:
    how, share, value = damage
    place = min(int(share * len(content)), len(content) - 1)
    if how == "flip":
        return content[:place] + bytes([content[place] ^ value]) + content[place + 1 :]
    return content[:place] + (bytes([value]) + content[place:] if how == "insert" else b"")


@fuzz(DRAWN, _NUMBER, BYTES, share=0.2)
def test_bytes(saved, kind, index, damage):
    """A byte of any file is changed or added, or the file is cut."""
    names = sorted(path.name for path in saved[kind].iterdir())
    name = names[index % len(names)]
    used(with_file(saved[kind], name, damaged((saved[kind] / name).read_bytes(), damage)), "models: bytes")


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Return the paths to the values of a JSON document, a few for each list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return (
        [path, *(below for key, item in inner for below in paths_of(item, (*path, key)))]
        if path
        else [below for key, item in inner for below in paths_of(item, (key,))]
    )


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> None:  # noqa: ANN401
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@fuzz(
    DRAWN,
    st.sampled_from(["config.json", "tokenizer_config.json", "tokenizer.json", "words.json"]),
    _NUMBER,
    VALUES,
    share=0.2,
)  # noqa: E501
@example("pooled-lstm-crf", "config.json", 0, None)
def test_values(saved, kind, name, index, value):
    """A value of a JSON file is replaced by one of any type."""
    if not (saved[kind] / name).exists():
        name = "config.json"
    document = json.loads((saved[kind] / name).read_text())
    paths = [path for path in paths_of(document) if name != "tokenizer.json" or index % 3 == 0 or "vocab" not in path]
    replaced(document, paths[index % len(paths)], value)
    used(with_file(saved[kind], name, json.dumps(document).encode()), "models: values")


KEYS = (
    "attn_implementation", "auto_map", "chunk_size_feed_forward", "dtype", "fusion_config", "hidden_act", "id2label",
    "is_decoder", "layer_types", "max_pieces", "model_type", "nlptrain_scheme", "nlptrain_temperature", "num_labels",
    "per_layer_config", "pieces", "problem_type", "quantization_config", "return_dict", "rope_parameters",
    "text_config", "tokenizer_class", "torch_dtype", "transformers_weights", "use_cache", "vocab_file",
    "added_tokens_decoder", "extra_special_tokens", "model_max_length", "padding_side", "unk_token", "init_inputs",
)  # fmt: skip


@fuzz(
    DRAWN,
    st.sampled_from(["config.json", "tokenizer_config.json"]),
    st.sampled_from(KEYS),
    VALUES,
    share=0.2,
)  # noqa: E501
def test_keys(saved, kind, name, key, value):
    """A key that libraries look at is added to a configuration."""
    path = saved[kind] / name
    document = json.loads(path.read_text()) if path.exists() else {}
    used(with_file(saved[kind], name, json.dumps({**document, key: value}).encode()), "models: keys")


@fuzz(DRAWN, _NUMBER, _NUMBER, share=0.05)
def test_files(saved, kind, index, other):
    """A file is missing, or another one has its name."""
    paths = sorted(saved[kind].iterdir())
    path, source = paths[index % len(paths)], paths[other % len(paths)]
    folder = with_file(saved[kind], path.name, source.read_bytes())
    if path == source:
        (folder / path.name).unlink()
    used(folder, "models: files")
    shutil.rmtree(folder)
    folder.mkdir()
