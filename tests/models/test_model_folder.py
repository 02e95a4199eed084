"""Only weights in safetensors are loaded from a model folder."""

from __future__ import annotations

import json
import pickle
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from nlptrain.cli.main import main
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier, load_token_model
from nlptrain.models.students.embeddings import input_embeddings
from tests.helpers.small_models import LABELS, small_model

Edit = Callable[[Path], None]


class _Touch:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.fixture(scope="module")
def folders(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Save a teacher and a student."""
    root = tmp_path_factory.mktemp("saved")
    for kind in ("teacher", "pooled-lstm-crf"):
        small_model(tiny_bert, kind).save_pretrained(root / kind)
    return {kind: root / kind for kind in ("teacher", "pooled-lstm-crf")}


def change(name: str, **values: Any) -> Edit:  # noqa: ANN401
    """Return an edit that sets keys of a JSON file."""

    def edit(folder: Path) -> None:
        path = folder / name
        content = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**content, **values}))

    return edit


def index(*shards: str) -> Edit:
    """Return an edit that adds an index of the weights with the given shards."""

    def edit(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        weight_map = {name: shards[position % len(shards)] for position, name in enumerate(weights)}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
        if "/" not in shards[0]:
            save_file(weights, folder / shards[0], {"format": "pt"})

    return edit


def named_as_safetensors(folder: Path) -> None:
    (folder / "pytorch_model.bin").replace(folder / "model.safetensors")


def distributed(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "shard-00000-model-00001-of-00001.safetensors")
    shutil.copy(folder / "pytorch_model.bin", folder / ".metadata")


HOSTILE: dict[str, tuple[Edit, str]] = {
    "an index that names a pickle": (
        index("pytorch_model.bin"),
        "names 'pytorch_model.bin'; expected safetensors files",
    ),
    "an index of which one part is a pickle": (
        index("a.safetensors", "pytorch_model.bin"),
        "expected safetensors files",
    ),
    "an index out of the folder": (index("../model.safetensors"), r"names '\.\./model\.safetensors'; expected"),
    "an absolute index": (index("/tmp/model.safetensors"), "names '/tmp/model.safetensors'; expected"),
    "a missing shard": (index("a.safetensors", "b.safetensors"), "b.safetensors is missing"),
    "a pickle that is called safetensors": (
        named_as_safetensors,
        "model.safetensors is not a complete safetensors file",
    ),
    "a distributed checkpoint": (distributed, "the weights are a pickle"),
    "an adapter": (
        change("adapter_config.json", base_model_name_or_path="x/y", peft_type="LORA"),
        "describes an adapter",
    ),
    "other weights": (change("config.json", transformers_weights="../x.safetensors"), "has transformers_weights"),
    "other configurations": (change("config.json", configuration_files=["config.1.json"]), "has configuration_files"),
    "quantized weights": (change("config.json", quantization_config={"quant_method": "gptq"}), "quantization_config"),
    "in a part": (
        change("config.json", text_config={"quantization_config": {"quant_method": "hqq"}}),
        "quantization_c",
    ),
    "a kernel": (change("config.json", attn_implementation="kernels-community/flash-attn"), "one of eager, sdpa"),
    "the same, hidden": (change("config.json", _attn_implementation="kernels-community/x"), "one of eager, sdpa"),
    "by a fallback": (change("config.json", attn_implementation="flash_attention_2"), "one of eager, sdpa"),
    "experts": (change("config.json", experts_implementation="sonicmoe"), "one of eager, batched_mm"),
    "kernels": (change("config.json", use_kernels=True, kernel_config={"a": "b/c:d"}), "kernel"),
    "code": (
        change("config.json", model_type="own", auto_map={"AutoConfig": "code.Own"}),
        "auto_map, which names code",
    ),
    "a tokenizer that is a net": (
        change("tokenizer_config.json", tokenizer_class="BertModel"),
        "expected a tokenizer of transformers",
    ),
    "that asks for code": (
        change(
            "tokenizer_config.json", tokenizer_class="AutoTokenizer", auto_map={"AutoTokenizer": ["code.Own", None]}
        ),
        "expected a tokenizer of transformers",
    ),
    "the same in config.json": (
        change("config.json", tokenizer_class="AutoModelFast"),
        "expected a tokenizer of transformers",
    ),
    "a retriever": (
        change("tokenizer_config.json", tokenizer_class="RagRetriever"),
        "expected a tokenizer of transformers",
    ),
    "a vocabulary elsewhere": (change("tokenizer_config.json", init_inputs=["/etc/passwd"]), "has init_inputs"),
}
DAMAGED: dict[str, tuple[Edit, str]] = {
    "no object": (lambda folder: (folder / "config.json").write_text("[]") and None, "expected a JSON object"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{") and None, "is not JSON"),
    "deep": (lambda folder: (folder / "config.json").write_text("[" * 10**5) and None, "is not JSON"),
    "a deep tokenizer": (
        lambda folder: (folder / "tokenizer_config.json").write_text("[" * 10**5) and None,
        "not JSON",
    ),
    "a cut tokenizer": (lambda folder: (folder / "tokenizer.json").write_text("{") and None, "cannot be read"),
    "a folder": (
        lambda folder: (folder / "config.json").unlink() or (folder / "config.json").mkdir(),
        "no config.json",
    ),
    "labels": (change("config.json", num_labels=10**9, id2label=None), "num_labels 1000000000"),
    "label numbers": (change("config.json", id2label={"x": "O", "y": "B"}), "cannot be read"),
    "layers": (change("config.json", num_hidden_layers=10**9), "num_hidden_layers 1e\\+09"),
    "cut weights": (
        lambda folder: (
            (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9]) and None
        ),
        "is not a complete safetensors file",
    ),
    "windows": (change("config.json", max_pieces=-1), "max_pieces -1"),
}
TEACHER_ALONE: dict[str, tuple[Edit, str]] = {
    "many layers": (change("config.json", num_hidden_layers=9_999), "describes a model of more than"),
    "a large vocabulary": (change("config.json", vocab_size=10**9), "describes a model of more than"),
    "wide": (change("config.json", hidden_size=2 * 10**6), "describes a model of more than"),
    "negative": (change("config.json", hidden_size=-32), "cannot be read"),
    "no number": (change("config.json", hidden_size="x"), "cannot be read"),
    "many positions": (change("config.json", max_position_embeddings=10**12), "describes a model of more than"),
    "other sizes": (change("config.json", hidden_size=64), "cannot be read"),
    "longer windows than positions": (
        change("config.json", max_pieces=65),
        "max_pieces 65; expected 1 or more, up to 64",
    ),
}


@pytest.mark.parametrize("kind", ["teacher", "pooled-lstm-crf"])
@pytest.mark.parametrize("case", [*HOSTILE, *DAMAGED])
def test_hostile_folders_are_rejected(folders, tmp_path, kind, case):
    edit, message = {**HOSTILE, **DAMAGED}[case]
    refused(folders[kind], tmp_path, edit, message)


@pytest.mark.parametrize("case", TEACHER_ALONE)
def test_error_before_allocation_if_weights_are_missing(folders, tmp_path, case):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(folders["teacher"], tmp_path, *TEACHER_ALONE[case])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize(
    "values",
    [
        {"embedder": {"kind": "pooled", "vocab_size": 10**9, "dim": 16}},
        {"embedder": {"kind": "nothing"}},
        {"head": {"kind": "auto"}},
        {"encoder": {"kind": "lstm", "hidden": 12, "layers": 10**9}},
        {"encoder": {"kind": "lstm", "hidden": 10**6, "layers": 2}},
        {"encoder": 7},
        {"head": {"kind": "crf", "labels": 3}},
        {"pieces": 10**12},
        {"dropout": "much"},
    ],
)
def test_error_if_a_student_and_its_weights_differ_in_size(folders, tmp_path, values):
    refused(folders["pooled-lstm-crf"], tmp_path, change("config.json", **values), "config.json")


def refused(source: Path, tmp_path: Path, edit: Edit, message: str) -> None:
    """Check that library and command reject ``source`` after ``edit``, and that no pickle is loaded."""
    marker = tmp_path / "pickle was read"
    folder = tmp_path / "model"
    shutil.copytree(source, folder)
    with (folder / "pytorch_model.bin").open("wb") as file:
        pickle.dump(_Touch(marker), file)
    edit(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_token_model(str(folder))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(folder))
    done = CliRunner().invoke(main, ["predict", str(folder)], input="Ada sings")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert not marker.exists()


def test_hostile_pretrained_folders_are_rejected(tiny_bert, tmp_path):
    for index, (edit, message) in enumerate(HOSTILE.values()):
        folder = tmp_path / str(index)
        shutil.copytree(tiny_bert, folder)
        with (folder / "pytorch_model.bin").open("wb") as file:
            pickle.dump(_Touch(tmp_path / "pickle was read"), file)
        edit(folder)
        with pytest.raises(InputError, match=message):
            TransformerTokenClassifier.from_pretrained(str(folder), LABELS)
        with pytest.raises(InputError, match=message):
            input_embeddings(str(folder), None)
    assert not (tmp_path / "pickle was read").exists()


def test_error_if_the_weights_of_an_encoder_do_not_match(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "model")
    change("config.json", hidden_size=64)(tmp_path / "model")
    with pytest.raises(InputError, match="the weights have other sizes than config.json describes"):
        TransformerTokenClassifier.from_pretrained(str(tmp_path / "model"), LABELS)


def test_sharded_weights_are_loaded_and_auto_map_is_ignored(folders, tmp_path):
    shutil.copytree(folders["teacher"], tmp_path / "model")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    (tmp_path / "model" / "model.safetensors").unlink()
    parts = {"a.safetensors": dict(list(weights.items())[::2]), "b.safetensors": dict(list(weights.items())[1::2])}
    for name, part in parts.items():
        save_file(part, tmp_path / "model" / name, {"format": "pt"})
    weight_map = {name: file for file, part in parts.items() for name in part}
    (tmp_path / "model" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    change("config.json", auto_map={"AutoConfig": "code.Own", "AutoModelForTokenClassification": "code.Net"})(
        tmp_path / "model"
    )
    whole, sharded = (
        load_token_model(str(folder)).model.state_dict() for folder in (folders["teacher"], tmp_path / "model")
    )
    assert all(torch.equal(whole[name], sharded[name]) for name in whole)
