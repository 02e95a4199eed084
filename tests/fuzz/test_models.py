"""Model folders with damaged files are loaded and predict, or end in an ``InputError``."""

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
from nlptrain.models.prediction import predict_texts
from tests.helpers.fuzzing import fuzz, try_input
from tests.helpers.small_models import small_model

pytestmark = pytest.mark.slow

KINDS = ("teacher", "pooled-lstm-crf", "word-idcnn-softmax")
KIND_STRATEGY = st.sampled_from([*KINDS[1:], *KINDS])  # a teacher takes three times as long
TEXTS = ["Ada Smith lives in Paris .", "", "x" * 70]
# Values of all types, some of them too large for a size or a count.
JSON_VALUES = st.one_of(
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
DAMAGE = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(0)),
    st.tuples(st.just("insert"), st.floats(0, 1), st.integers(0, 255)),
)
INDEX = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def model_folders(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind, and the folder ``work`` for damaged copies."""
    logging.disable(logging.WARNING)
    root = tmp_path_factory.mktemp("fuzzed")
    for kind in KINDS:
        small_model(tiny_bert, kind).save_pretrained(root / kind)
    (root / "work").mkdir()
    return {kind: root / kind for kind in KINDS}


def load_and_predict(folder: Path, surface: str) -> None:
    """Load the model and predict; both may raise an ``InputError``."""
    with warnings.catch_warnings(), try_input(InputError, surface=surface):
        warnings.simplefilter("ignore")
        model = nlptrain.load(folder)
        list(predict_texts(model, TEXTS))


def copy_with_file(source: Path, name: str, content: bytes) -> Path:
    """Copy ``source`` to the folder ``work`` with other content for the file ``name``; return the copy."""
    folder = source.parent / "work"
    for path in folder.iterdir():
        path.unlink()
    for path in source.iterdir():
        if path.name != name:
            (folder / path.name).hardlink_to(path)
    (folder / name).write_bytes(content)
    return folder


def apply_damage(content: bytes, damage: tuple[str, float, int]) -> bytes:
    operation, share, value = damage
    position = min(int(share * len(content)), len(content) - 1)
    if operation == "flip":
        return content[:position] + bytes([content[position] ^ value]) + content[position + 1 :]
    return content[:position] + (bytes([value]) + content[position:] if operation == "insert" else b"")


@fuzz(KIND_STRATEGY, INDEX, DAMAGE, share=0.2)
def test_changed_bytes_load_or_are_an_input_error(model_folders, kind, index, damage):
    """A byte of any file is changed or added, or the file is truncated."""
    paths = sorted(model_folders[kind].iterdir())
    path = paths[index % len(paths)]
    content = apply_damage(path.read_bytes(), damage)
    load_and_predict(copy_with_file(model_folders[kind], path.name, content), "models: bytes")


def value_paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Return the paths to the values of a JSON document, a few for each list."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return (
        [path, *(inner_path for key, item in items for inner_path in value_paths(item, (*path, key)))]
        if path
        else [inner_path for key, item in items for inner_path in value_paths(item, (key,))]
    )


def replace_value(document: Any, path: tuple[Any, ...], value: Any) -> None:  # noqa: ANN401
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@fuzz(
    KIND_STRATEGY,
    st.sampled_from(["config.json", "tokenizer_config.json", "tokenizer.json", "words.json"]),
    INDEX,
    JSON_VALUES,
    share=0.2,
)  # noqa: E501
@example("pooled-lstm-crf", "config.json", 0, None)
def test_changed_json_values_load_or_are_an_input_error(model_folders, kind, name, index, value):
    """A value of a JSON file is replaced by one of any type."""
    if not (model_folders[kind] / name).exists():
        name = "config.json"
    document = json.loads((model_folders[kind] / name).read_text())
    paths = [
        path for path in value_paths(document) if name != "tokenizer.json" or index % 3 == 0 or "vocab" not in path
    ]
    replace_value(document, paths[index % len(paths)], value)
    load_and_predict(copy_with_file(model_folders[kind], name, json.dumps(document).encode()), "models: values")


KEYS = (
    "attn_implementation", "auto_map", "chunk_size_feed_forward", "dtype", "fusion_config", "hidden_act", "id2label",
    "is_decoder", "layer_types", "max_pieces", "model_type", "nlptrain_scheme", "nlptrain_temperature", "num_labels",
    "per_layer_config", "pieces", "problem_type", "quantization_config", "return_dict", "rope_parameters",
    "text_config", "tokenizer_class", "torch_dtype", "transformers_weights", "use_cache", "vocab_file",
    "added_tokens_decoder", "extra_special_tokens", "model_max_length", "padding_side", "unk_token", "init_inputs",
)  # fmt: skip


@fuzz(
    KIND_STRATEGY,
    st.sampled_from(["config.json", "tokenizer_config.json"]),
    st.sampled_from(KEYS),
    JSON_VALUES,
    share=0.2,
)  # noqa: E501
def test_added_json_keys_load_or_are_an_input_error(model_folders, kind, name, key, value):
    """A key that the libraries read is added to a configuration."""
    path = model_folders[kind] / name
    document = json.loads(path.read_text()) if path.exists() else {}
    load_and_predict(
        copy_with_file(model_folders[kind], name, json.dumps({**document, key: value}).encode()), "models: keys"
    )


@fuzz(KIND_STRATEGY, INDEX, INDEX, share=0.05)
def test_missing_or_swapped_files_load_or_are_an_input_error(model_folders, kind, index, source_index):
    """A file is removed, or has the content of another file."""
    paths = sorted(model_folders[kind].iterdir())
    path, source = paths[index % len(paths)], paths[source_index % len(paths)]
    folder = copy_with_file(model_folders[kind], path.name, source.read_bytes())
    if path == source:
        (folder / path.name).unlink()
    load_and_predict(folder, "models: files")
    shutil.rmtree(folder)
    folder.mkdir()
