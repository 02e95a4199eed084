"""Predictions of a tagger in any order, batch and thread, and errors for damaged exported folders."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.folder import description_hash
from tests.helpers.small_models import DIFFICULT_TEXTS, SENTENCES

TEXTS = [*DIFFICULT_TEXTS, *(" ".join(sentence.words) for sentence in SENTENCES)]
KINDS = ["teacher", "pieces", "pooled", "words", "plain"]


def without_last_digits(predictions: list[dict]) -> list[dict]:
    """Round confidences to three digits, because other texts of the batch change the seventh."""
    predictions = json.loads(json.dumps(predictions))
    for prediction in predictions:
        for part in prediction.get("entities", prediction.get("words")):
            part["confidence"] = round(part["confidence"], 3)
    return predictions


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_depend_only_on_the_text(folders, kind):
    expected = without_last_digits(Tagger(folders[kind]).predict(TEXTS))
    assert [prediction["text"] for prediction in expected] == TEXTS
    alone = Tagger(folders[kind], remember=5, batch_units=16)
    assert without_last_digits([alone.predict([text])[0] for text in TEXTS]) == expected
    assert without_last_digits(list(Tagger(folders[kind], threads=3).stream(iter(TEXTS), block=7))) == expected
    assert without_last_digits(Tagger(folders[kind]).predict(TEXTS[::-1]))[::-1] == expected


@pytest.mark.parametrize("kind", ["pieces", "pooled"])
def test_several_threads_predict_at_once(folders, kind):
    tagger = Tagger(folders[kind], remember=20)  # threads evict each other's words from the cache
    expected = without_last_digits(tagger.predict(TEXTS))
    with ThreadPoolExecutor(4) as pool:
        for predictions in pool.map(lambda _: tagger.predict(TEXTS), range(12)):
            assert without_last_digits(predictions) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_predict_words_returns_the_tags_of_the_text(folders, kind):
    tagger = Tagger(folders[kind])
    sentences = [list(sentence.words) for sentence in SENTENCES]
    predictions = tagger.predict_words([*sentences, []])
    assert [len(tagged.tags) for tagged in predictions] == [*map(len, sentences), 0]
    for words, tagged, prediction in zip(
        sentences, predictions, tagger.predict([" ".join(words) for words in sentences]), strict=False
    ):
        assert all(tag in tagger.labels for tag in tagged.tags)
        assert ((tagged.confidences > 0) & (tagged.confidences <= 1 + 1e-9)).all()
        labels = [span.label for span, _ in tagged.spans(tagger.scheme)]
        expected_parts = prediction.get("entities", prediction.get("words"))
        if len(words) == len(" ".join(words).split()):
            assert labels == [part.get("label", part.get("tag")) for part in expected_parts]
    logits = tagger.emissions(sentences)
    assert [values.shape for values in logits] == [(len(words), len(tagger.labels)) for words in sentences]


def test_predict_words_accepts_any_iterable(folders):
    tagger = Tagger(folders["pooled"])
    expected = [tagged.tags for tagged in tagger.predict_words([["Ada", "lives"], ["Oslo"]])]
    assert [len(tags) for tags in expected] == [2, 1]
    assert [tagged.tags for tagged in tagger.predict_words(words for words in [["Ada", "lives"], ["Oslo"]])] == expected


FORK_PROGRAM = """
import os, sys
from nlptrain_runtime import Tagger
tagger = Tagger(sys.argv[1], threads=2)
texts = [f"Ada {word} lives in Oslo" * 9 for word in range(300)]
wanted = tagger.predict(texts)
tagger._token_cache._store._lock.acquire()  # as another thread of this process may hold it
child = os.fork()
if not child:
    os._exit(0 if tagger.predict(texts) == wanted else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_predicts(folders):
    result = subprocess.run([sys.executable, "-c", FORK_PROGRAM, str(folders["pooled"])], timeout=120, check=False)
    assert result.returncode == 0


def test_invalid_arguments_are_errors(folders):
    tagger = Tagger(folders["pooled"])
    with pytest.raises(TypeError, match="predict: found one string; expected a list of them"):
        tagger.predict("Ada lives")
    with pytest.raises(TypeError, match="stream: found one string"):
        next(tagger.stream("Ada lives"))
    with pytest.raises(TypeError, match="expected lists of words; predict takes texts"):
        tagger.predict_words(["Ada lives"])
    with pytest.raises(TypeError, match="expected lists of words"):
        tagger.emissions(["abc"])
    with pytest.raises(TypeError, match="found a word that is no string"):
        tagger.emissions([["Ada", 1]])
    with pytest.raises(TypeError, match="predict: found int among the texts"):
        tagger.predict(["Ada lives", 7])
    with pytest.raises(TypeError, match="found one string"):
        tagger.predict(b"Ada lives")
    with pytest.raises(ValueError, match="stream: found block=0; expected at least 1"):
        next(tagger.stream(["Ada lives"], block=0))
    with pytest.raises(ValueError, match="min_confidence: found 2"):
        Tagger(folders["pooled"], min_confidence=2)
    with pytest.raises(ValueError, match="threads, batch_units and remember must be at least 1"):
        Tagger(folders["pooled"], threads=0)


def test_min_confidence_omits_entities(folders):
    all_entities = [part for prediction in Tagger(folders["pooled"]).predict(TEXTS) for part in prediction["entities"]]
    threshold = float(np.median([part["confidence"] for part in all_entities]))
    kept = [
        part
        for prediction in Tagger(folders["pooled"], min_confidence=threshold).predict(TEXTS)
        for part in prediction["entities"]
    ]
    assert kept == [part for part in all_entities if part["confidence"] >= threshold]
    assert 0 < len(kept) < len(all_entities)


@pytest.fixture
def exported_copy(folders, tmp_path) -> Path:
    shutil.copytree(folders["pooled"], tmp_path / "copy")
    return tmp_path / "copy"


def update_description(folder: Path, **changes: object) -> None:
    path = folder / "nlptrain.json"
    description = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({**description, "hash": description_hash(description)}), encoding="utf-8")


@pytest.mark.parametrize("name", ["tokenizer.json", "onnx/model.onnx", "onnx/words.onnx", "config.json"])
def test_a_missing_or_changed_file_is_reported(exported_copy, name):
    file = exported_copy / name
    original = file.read_bytes()
    file.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    with pytest.raises(FolderError, match=rf"{name}: is not the file that was exported"):
        Tagger(exported_copy)
    file.unlink()
    with pytest.raises(FolderError, match=rf"{name}: there is no such file, and nlptrain.json names it"):
        Tagger(exported_copy)


def test_errors_for_folders_that_cannot_be_opened(folders, exported_copy, tmp_path):
    for name in ("nowhere", "x" * 5000, "\x00"):
        with pytest.raises(FolderError, match="there is no such folder; create it with: nlptrain export"):
            Tagger(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError, match=r"found no nlptrain\.json; expected an exported tagger"):
        Tagger(tmp_path / "empty")
    with pytest.raises(FolderError, match="found no model of precision int8; expected fp32"):
        Tagger(exported_copy, precision="int8")
    update_description(exported_copy, format=99)
    with pytest.raises(FolderError, match="found format 99; expected format 1; export the tagger again"):
        Tagger(exported_copy)
    update_description(exported_copy, format=1, window={"rule": "halves", "max_pieces": 64})
    with pytest.raises(FolderError, match=r"window\.rule: found 'halves'; expected 'quarter-overlap-deepest-1' or "):
        Tagger(exported_copy)
    description = json.loads((folders["pooled"] / "nlptrain.json").read_text(encoding="utf-8"))
    update_description(exported_copy, window=description["window"])
    changed_text = (exported_copy / "nlptrain.json").read_text(encoding="utf-8").replace('"B-person"', '"B-place"', 1)
    (exported_copy / "nlptrain.json").write_text(changed_text, encoding="utf-8")
    with pytest.raises(FolderError, match=r"nlptrain\.json: is not the file that was exported"):
        Tagger(exported_copy)
    (exported_copy / "nlptrain.json").write_text("{", encoding="utf-8")
    with pytest.raises(FolderError, match=r"nlptrain\.json: cannot be read"):
        Tagger(exported_copy)


def test_an_unreadable_model_is_reported(exported_copy):
    import hashlib

    (exported_copy / "onnx" / "model.onnx").write_bytes(b"no net")
    description = json.loads((exported_copy / "nlptrain.json").read_text(encoding="utf-8"))
    files = {**description["files"], "onnx/model.onnx": hashlib.sha256(b"no net").hexdigest()}
    update_description(exported_copy, files=files)
    with pytest.raises(FolderError, match=r"model\.onnx: ONNX Runtime [\d.]+ cannot read it"):
        Tagger(exported_copy)


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Write a file, and the description with the file's hash."""
    import hashlib

    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    description = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))
    update_description(folder, files={**description["files"], name: hashlib.sha256(content).hexdigest()})


def test_files_that_are_not_listed_are_rejected(folders, tmp_path):
    for kind, name in [("pooled", "tokenizer.json"), ("words", "words.json"), ("pooled", "onnx/words.onnx")]:
        folder = tmp_path / f"{kind}-{Path(name).stem}"
        shutil.copytree(folders[kind], folder)
        files = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))["files"]
        del files[name]
        update_description(folder, files=files)
        with pytest.raises(FolderError, match=rf"files: found no {name}; expected every file that is read"):
            Tagger(folder)


@pytest.mark.parametrize("kind", ["pieces", "pooled", "words"])
def test_a_model_that_contradicts_its_description_is_rejected(folders, tmp_path, kind):
    folder = Path(shutil.copytree(folders[kind], tmp_path / "copy"))
    other = "pooled" if kind == "pieces" else "pieces"
    original = (folder / "onnx" / "model.onnx").read_bytes()
    replace_file(folder, "onnx/model.onnx", (folders[other] / "onnx" / "model.onnx").read_bytes())
    with pytest.raises(FolderError, match=r"model\.onnx: found inputs '.*; expected '"):
        Tagger(folder)
    replace_file(folder, "onnx/model.onnx", original)
    description = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))
    decoding = {**description["decoding"], "rule": "independent"}
    update_description(folder, labels=[*description["labels"], "B-group"], decoding=decoding)
    with pytest.raises(
        FolderError, match=r"model\.onnx: found an output of shape \(1, \d+, 5\); expected \(1, \d+, 6\)"
    ):
        Tagger(folder)


def test_a_model_with_inputs_of_other_sizes_is_rejected(folders, exported_copy):
    replace_file(exported_copy, "onnx/model.onnx", (folders["words"] / "onnx" / "model.onnx").read_bytes())
    with pytest.raises(FolderError, match=r"model\.onnx: fails .*"):
        Tagger(exported_copy)


def test_unknown_subwords_are_rejected(folders, tmp_path):
    folder = Path(shutil.copytree(folders["pieces"], tmp_path / "copy"))
    description = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))
    for name, value in {"prefix": [9999], "suffix": [9999], "unknown": 9999, "padding": 9999}.items():
        update_description(folder, pieces={**description["pieces"], name: value})
        with pytest.raises(FolderError, match=r"tokenizer\.json: has no token 9999, which nlptrain\.json names"):
            Tagger(folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["later"] = 9999
    replace_file(folder, "tokenizer.json", json.dumps(tokenizer).encode())
    update_description(folder, pieces={**description["pieces"], "unknown": 9999})
    with pytest.raises(FolderError, match=r"model\.onnx: fails"):
        Tagger(folder)
    update_description(folder, pieces=description["pieces"])
    with pytest.raises(FolderError, match=r"model\.onnx: fails"):
        Tagger(folder).predict(["later"])


def test_a_model_with_nan_outputs_is_rejected(exported_copy):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(exported_copy / "onnx" / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), tensor.name))
    replace_file(exported_copy, "onnx/model.onnx", model.SerializeToString())
    with pytest.raises(FolderError, match=r"model\.onnx: found an output that is not finite"):
        Tagger(exported_copy)


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "/etc/passwd", "*/_ORT_MEM_ADDR_/*"])
def test_weights_in_another_file_are_rejected(exported_copy, location):
    import onnx
    from onnx.external_data_helper import set_external_data

    model = onnx.load(exported_copy / "onnx" / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.HasField("raw_data"):
            size = len(tensor.raw_data)
            set_external_data(tensor, location, offset=0, length=size)
            tensor.ClearField("raw_data")
            break
    (exported_copy / "onnx" / "weights.bin").write_bytes(bytes(1 << 16))
    replace_file(exported_copy, "onnx/model.onnx", model.SerializeToString())
    with pytest.raises(FolderError, match=r"model\.onnx: found weights in another file; expected them here"):
        Tagger(exported_copy)


def test_a_huge_description_and_a_pipe_are_rejected(exported_copy):
    file = exported_copy / "nlptrain.json"
    with file.open("wb") as stream:
        stream.truncate(1 << 30)  # a sparse file
    with pytest.raises(FolderError, match=r"nlptrain\.json: found 1024 MiB; expected at most 64 MiB"):
        Tagger(exported_copy)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(FolderError, match=r"found no nlptrain\.json"):
        Tagger(exported_copy)


def test_the_runtime_knows_the_word_splitters_of_nlptrain():
    from nlptrain.data.word_splitter import WordSplitter
    from nlptrain_runtime.word_splitter import is_known_pattern

    for splitter in (WordSplitter.default(), WordSplitter.pretokenized()):
        assert is_known_pattern(splitter.version, splitter.pattern)
    assert not is_known_pattern(1, WordSplitter.default().pattern)
    assert not is_known_pattern(1, "(a+)+$")
