"""Exported taggers predict what their models predict, and a failed export writes nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner

from nlptrain.cli.main import main
from nlptrain.config.components import EMBEDDERS, ENCODERS
from nlptrain.deployment.export import export_onnx
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier
from nlptrain.models.exported import folder, onnx_files
from nlptrain.models.prediction import predict_texts
from nlptrain_runtime import Tagger
from tests.helpers.architectures import ARCHITECTURES, FAST
from tests.helpers.predictions import same_prediction
from tests.helpers.small_models import DIFFICULT_TEXTS, LABELS, PLAIN_LABELS, SENTENCES, small_model

pytestmark = pytest.mark.slow

KINDS = [
    "teacher",
    *("-".join(kinds) for kinds in product(EMBEDDERS, ENCODERS, ("softmax", "crf"))),
]
TEXTS = [" ".join(sentence.words) for sentence in SENTENCES]


@pytest.mark.parametrize("kinds", KINDS)
def test_every_kind_of_model_predicts_the_same_in_onnx(tiny_bert, tmp_path, kinds):
    model = small_model(tiny_bert, kinds)
    messages: list[str] = []
    (parity,) = export_onnx(model, tmp_path / "out", ["fp32"], dev=SENTENCES, log=messages.append)
    assert parity.changed == 0
    assert parity.logits < 1e-4
    assert parity.lost == 0
    assert messages == [parity.describe()]
    texts = [*DIFFICULT_TEXTS, *TEXTS]
    actual = Tagger(tmp_path / "out").predict(texts)
    assert all(same_prediction(*pair) for pair in zip(predict_texts(model, texts), actual, strict=True))
    assert any(prediction["entities"] for prediction in actual)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", ["teacher", "subword-lstm-crf"])
@pytest.mark.parametrize("architecture", FAST)
def test_every_architecture_predicts_the_same_in_onnx(architecture, kinds, tmp_path):
    ARCHITECTURES[architecture](tmp_path / architecture)
    if kinds == "teacher":
        model = TransformerTokenClassifier.from_pretrained(str(tmp_path / architecture), LABELS, seed=1)
    else:
        model = small_model(tmp_path / architecture, kinds)
    model.model.eval()
    (parity,) = export_onnx(model, tmp_path / "out", ["fp32"], dev=SENTENCES)
    assert (parity.changed, parity.lost) == (0, 0)
    texts = [*DIFFICULT_TEXTS, *TEXTS]
    actual = Tagger(tmp_path / "out").predict(texts)
    assert all(same_prediction(*pair) for pair in zip(predict_texts(model, texts), actual, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_on_either_side_does_not_change_logits(tiny_bert, tmp_path, side):
    model = small_model(tiny_bert, "subword-lstm-softmax")
    model.featurizer.tokenizer.padding_side = side
    export_onnx(model, tmp_path / "out", ["fp32"], dev=SENTENCES)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "onnx" / "model.onnx")
    ids = [[7, 8, 9, 10, 11], [9, 7]]
    batch = np.zeros((2, 5), dtype=np.int64)
    mask = np.zeros_like(batch)
    for row, token_ids in enumerate(ids):
        region = slice(len(token_ids)) if side == "right" else slice(5 - len(token_ids), None)
        batch[row, region], mask[row, region] = token_ids, 1
    (logits,) = session.run(None, {"input_ids": batch, "attention_mask": mask})
    for row, token_ids in enumerate(ids):
        alone = {
            "input_ids": np.array([token_ids]),
            "attention_mask": np.ones((1, len(token_ids)), dtype=np.int64),
        }
        assert np.allclose(logits[row][mask[row] > 0], session.run(None, alone)[0][0], atol=1e-5)


@pytest.mark.slow
def test_plain_tags_are_words_with_tags(tiny_bert, tmp_path):
    model = small_model(tiny_bert, "pooled-lstm-softmax", PLAIN_LABELS)
    export_onnx(model, tmp_path / "out", ["fp32"])
    actual = Tagger(tmp_path / "out", min_confidence=0.5).predict([*DIFFICULT_TEXTS, *TEXTS])
    expected = predict_texts(model, [*DIFFICULT_TEXTS, *TEXTS], min_confidence=0.5)
    assert all(same_prediction(*pair) for pair in zip(expected, actual, strict=True))
    assert {word["tag"] for prediction in actual for word in prediction["words"]} > {None}


@pytest.mark.slow
@pytest.mark.parametrize("kinds", ["teacher", "subword-lstm-crf", "pooled-lstm-crf", "word-lstm-softmax"])
def test_lower_precisions_are_smaller_and_nearly_the_same(tiny_bert, tmp_path, kinds):
    model = small_model(tiny_bert, kinds)
    actual = export_onnx(model, tmp_path / "out", ["fp32", "fp16", "int8"], dev=SENTENCES, max_loss=100)
    assert [parity.precision for parity in actual] == ["fp32", "fp16", "int8"]
    assert actual[1].logits < 0.05
    assert actual[1].changed <= 0.01 * actual[1].words
    assert 1e-4 < actual[2].logits < 2.0
    assert actual[2].changed <= 0.15 * actual[2].words
    sizes = {
        ending: sum(path.stat().st_size for path in (tmp_path / "out" / "onnx").glob(f"*{ending}"))
        for ending in ("s.onnx", "l.onnx", "_fp16.onnx", "_quantized.onnx")
    }
    whole = sizes["s.onnx"] + sizes["l.onnx"]
    assert sizes["_quantized.onnx"] < whole
    assert sizes["_fp16.onnx"] < whole
    precisions = json.loads((tmp_path / "out" / "nlptrain.json").read_text(encoding="utf-8"))["parity"]
    assert list(precisions) == ["fp32", "fp16", "int8"]
    assert Tagger(tmp_path / "out").predict(TEXTS) == Tagger(tmp_path / "out", precision="int8").predict(TEXTS)


@pytest.mark.slow
def test_exported_folders_contain_no_paths_and_no_code(tiny_bert, tmp_path):
    export_onnx(small_model(tiny_bert, "pooled-lstm-crf"), tmp_path / "out", ["fp32"])
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert names == [
        "config.json",
        "nlptrain.json",
        "onnx/model.onnx",
        "onnx/words.onnx",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    for name in names:
        assert str(Path.cwd()).encode() not in (tmp_path / "out" / name).read_bytes()
    onnx.checker.check_model(tmp_path / "out" / "onnx" / "model.onnx", full_check=True)


@pytest.mark.slow
def test_a_different_model_is_rejected_and_nothing_is_written(tiny_bert, tmp_path, monkeypatch):
    model = small_model(tiny_bert, "subword-lstm-crf")
    other = small_model(tiny_bert, "subword-lstm-crf")
    other.model.head.weight.data += 0.01
    with monkeypatch.context() as patch:
        patch.setattr(folder, "build_graphs", lambda _, real=folder.build_graphs: real(other))
        with pytest.raises(InputError, match="fp32: the exported model differs from the model"):
            export_onnx(model, tmp_path / "out", ["fp32"], dev=SENTENCES)
    assert not list(tmp_path.iterdir())

    def worse(source: Path, target: Path) -> None:
        shutil.copyfile(source, target)
        net = onnx.load(target)
        for tensor in net.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * 0, tensor.name))
        onnx.save(net, target)

    monkeypatch.setitem(onnx_files.WRITERS, "int8", worse)
    model.model.head.constrain(LABELS)
    with pytest.raises(InputError, match=r"int8: loses .* points on dev; nothing was written; expected at most 0\.3"):
        export_onnx(model, tmp_path / "out", ["int8"], dev=predicted_gold(model))
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="int8: found no dev sentences to measure the loss on; set dev to gold files"):
        export_onnx(model, tmp_path / "out", ["int8"])
    assert not list(tmp_path.iterdir())


def predicted_gold(model):
    """Return dev sentences on which ``model`` is always right."""
    tags = model.tag([sentence.words for sentence in SENTENCES])
    return [
        type(sentence)(sentence.words, tuple(predicted_tags))
        for sentence, predicted_tags in zip(SENTENCES, tags, strict=True)
    ]


@pytest.mark.slow
def test_only_exported_folders_are_overwritten(tiny_bert, tmp_path):
    model = small_model(tiny_bert, "subword-gru-softmax")
    out = tmp_path / "out"
    out.mkdir()
    (out / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="out: exists, and is no exported tagger"):
        export_onnx(model, out, ["fp32"])
    assert [path.name for path in out.iterdir()] == ["diary.txt"]
    (out / "diary.txt").unlink()
    export_onnx(model, out, ["fp32"])
    with pytest.raises(InputError, match="set overwrite to replace it"):
        export_onnx(model, out, ["fp16"], dev=SENTENCES)
    export_onnx(model, out, ["fp16"], dev=SENTENCES, max_loss=100, overwrite=True)
    assert [path.name for path in (out / "onnx").iterdir()] == ["model_fp16.onnx"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_error_for_a_slow_tokenizer_has_a_hint(tiny_bert, tmp_path, monkeypatch):
    model = small_model(tiny_bert, "teacher")
    monkeypatch.setattr(type(model.tokenizer), "is_fast", False)
    with pytest.raises(InputError, match=r"slow one, which only runs in transformers.*student\.tokenizer"):
        export_onnx(model, tmp_path / "out", ["fp32"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_without_onnx_the_error_names_the_package(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"onnx is not installed.*pip install 'nlptrain\[onnx\]'"):
        export_onnx(small_model(tiny_bert, "teacher"), tmp_path / "out", ["fp32"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_exports_a_run_and_compares_on_dev(tiny_bert, corpus, monkeypatch):
    monkeypatch.chdir(corpus)
    config = {
        "data": {"train": "train.conll", "dev": "dev.conll"},
        "student": {"tokenizer": str(tiny_bert), "embedder": {"kind": "pooled", "dim": 16}, "encoder": {"hidden": 8}},
        "train": {"steps": 4, "eval_every": 4, "warmup_steps": 1},
        "output_dir": "run",
    }
    Path("config.yaml").write_text(json.dumps(config), encoding="utf-8")
    assert CliRunner().invoke(main, ["tagger", "config.yaml"]).exit_code == 0
    export_arguments = ["export", "run", "out", "--precision", "fp32", "--precision", "int8", "--max-f1-loss", "100"]
    done = CliRunner().invoke(main, export_arguments)
    assert done.exit_code == 0, done.output
    assert "fp32: 0 of" in done.output
    assert "dev" in done.output.splitlines()[1]
    assert " MB" in done.output.splitlines()[-1]
    assert Tagger("out", precision="fp32").predict(["Ada Smith lives in Paris ."])[0]["text"]
    command = ["evaluate", "", "dev.conll", "--json"]
    scores = [json.loads(CliRunner().invoke(main, [command[0], name, *command[2:]]).stdout) for name in ("run", "out")]
    assert scores[0]["words"] == scores[1]["words"] > 0
    assert scores[0]["calibration"]["temperature"] == scores[1]["calibration"]["temperature"]
    Path("out/config.json").write_text("{}")
    for arguments in (["evaluate", "out", "dev.conll"], ["benchmark", "out", "--text", "raw.txt"]):
        broken = CliRunner().invoke(main, arguments)
        assert broken.exit_code == 2
        assert "config.json: is not the file that was exported" in broken.output
    refused = CliRunner().invoke(main, export_arguments)
    assert refused.exit_code == 2
    assert "set --overwrite to replace it" in refused.output
    for arguments, messages in (
        (["export", "nowhere", "x"], "nowhere: there is no such folder"),
        (["export", "run", "x", "--dev", "nowhere.conll"], "nowhere.conll"),
        (["export", "run", "x", "--precision", "int4"], "int4"),
    ):
        refused = CliRunner().invoke(main, arguments)
        assert refused.exit_code == 2
        assert messages in refused.output
    assert not Path("x").exists()


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["gru", "idcnn"])
def test_float_weights_of_int8_models_have_16_bits(tiny_bert, tmp_path, encoder):
    model = small_model(tiny_bert, f"pooled-{encoder}-softmax")
    export_onnx(model, tmp_path / "out", ["fp32", "fp16", "int8"], dev=SENTENCES, max_loss=100)
    whole, half, few = (
        sum(
            len(value.raw_data)
            for value in onnx.load(tmp_path / "out" / "onnx" / f"model{ending}.onnx").graph.initializer
        )
        for ending in ("", "_fp16", "_quantized")
    )
    assert max(few, half) < 0.6 * whole


@pytest.mark.slow
def test_transformers_are_quantized_per_column(tiny_bert, tmp_path):
    export_onnx(small_model(tiny_bert, "teacher"), tmp_path / "out", ["int8"], dev=SENTENCES, max_loss=100)
    net = onnx.load(tmp_path / "out" / "onnx" / "model_quantized.onnx")
    scales = [list(value.dims) for value in net.graph.initializer if value.name.endswith("_scale")]
    assert any(dims and dims[0] > 1 for dims in scales)


@pytest.mark.slow
def test_a_signal_or_an_error_removes_the_new_folder(tiny_bert, tmp_path, monkeypatch):
    small_model(tiny_bert, "pooled-lstm-crf").save_pretrained(tmp_path / "run")
    command = ["export", str(tmp_path / "run"), str(tmp_path / "a" / "b" / "out"), "--precision", "fp32"]
    for index in (signal.SIGTERM, signal.SIGHUP):
        kept = signal.signal(index, signal.SIG_DFL)  # under nohup SIGHUP is ignored, and stays so
        with monkeypatch.context() as patch:
            patch.setattr(folder, "_write_graphs", lambda *_, index=index: os.kill(os.getpid(), index))
            ended = CliRunner().invoke(main, command)
        assert ended.exit_code == 128 + index
        assert f"stopped by {index.name}; give the same command again\n" in ended.output
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        assert signal.signal(index, kept) == signal.SIG_DFL
    refused = CliRunner().invoke(main, [*command[:-1], "int8"])
    assert refused.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.full
def test_training_does_not_import_onnx_runtime():
    program = "import sys, nlptrain.procedures.training; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_error_if_an_embedder_of_a_package_has_no_graphs(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setitem(EMBEDDERS.entries, "subword", replace(EMBEDDERS["subword"], build_graphs=""))
    with pytest.raises(InputError, match="students with the embedder subword cannot be exported"):
        export_onnx(small_model(tiny_bert, "subword-lstm-softmax"), tmp_path / "out", ["fp32"])
    assert not (tmp_path / "out").exists()


def test_error_if_a_module_of_a_package_cannot_be_traced(tiny_bert, tmp_path, monkeypatch):
    student = small_model(tiny_bert, "subword-idcnn-softmax")
    encode = type(student.model.encoder).forward
    forward = lambda self, states, mask: torch.digamma(encode(self, states, mask))  # noqa: E731
    monkeypatch.setattr(type(student.model.encoder), "forward", forward)
    with pytest.raises(InputError, match=r"the model cannot be exported \(.*digamma.*\); its modules must consist of"):
        export_onnx(student, tmp_path / "out", ["fp32"])
    assert not (tmp_path / "out").exists()
