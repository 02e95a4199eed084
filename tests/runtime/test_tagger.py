"""The tagger as it is used: any order, any number, from several threads; folders that are not what they were."""

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
from tests.helpers.exports import ODD, TEXT

TEXTS = [*ODD, *(" ".join(sentence.words) for sentence in TEXT)]
KINDS = ["teacher", "pieces", "pooled", "words", "plain"]


def without_last_digits(predictions: list[dict]) -> list[dict]:
    """Round confidences to three digits: other texts of the batch change the seventh."""
    actual = json.loads(json.dumps(predictions))
    for prediction in actual:
        for part in prediction.get("entities", prediction.get("words")):
            part["confidence"] = round(part["confidence"], 3)
    return actual


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_depend_only_on_the_text(folders, kind):
    wanted = without_last_digits(Tagger(folders[kind]).predict(TEXTS))
    assert [prediction["text"] for prediction in wanted] == TEXTS
    alone = Tagger(folders[kind], remember=5, batch_units=16)
    assert without_last_digits([alone.predict([text])[0] for text in TEXTS]) == wanted
    assert without_last_digits(list(Tagger(folders[kind], threads=3).stream(iter(TEXTS), block=7))) == wanted
    assert without_last_digits(Tagger(folders[kind]).predict(TEXTS[::-1]))[::-1] == wanted


@pytest.mark.parametrize("kind", ["pieces", "pooled"])
def test_several_threads_may_ask_at_once(folders, kind):
    tagger = Tagger(folders[kind], remember=20)  # each of them makes the others' words forgotten
    wanted = without_last_digits(tagger.predict(TEXTS))
    with ThreadPoolExecutor(4) as pool:
        for actual in pool.map(lambda _: tagger.predict(TEXTS), range(12)):
            assert without_last_digits(actual) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_words_given_as_words_have_the_tags_of_the_text(folders, kind):
    tagger = Tagger(folders[kind])
    sentences = [list(sentence.words) for sentence in TEXT]
    actual = tagger.predict_words([*sentences, []])
    assert [len(tagged.tags) for tagged in actual] == [*map(len, sentences), 0]
    for words, tagged, prediction in zip(
        sentences, actual, tagger.predict([" ".join(words) for words in sentences]), strict=False
    ):
        assert all(tag in tagger.labels for tag in tagged.tags)
        assert ((tagged.confidences > 0) & (tagged.confidences <= 1 + 1e-9)).all()
        parts = [span.label for span, _ in tagged.spans(tagger.scheme)]
        shown = prediction.get("entities", prediction.get("words"))
        if len(words) == len(" ".join(words).split()):
            assert parts == [part.get("label", part.get("tag")) for part in shown]
    logits = tagger.emissions(sentences)
    assert [values.shape for values in logits] == [(len(words), len(tagger.labels)) for words in sentences]


def test_any_iterable_of_sentences_is_read(folders):
    tagger = Tagger(folders["pooled"])
    wanted = [given.tags for given in tagger.predict_words([["Ada", "lives"], ["Oslo"]])]
    assert [len(tags) for tags in wanted] == [2, 1]
    assert [given.tags for given in tagger.predict_words(words for words in [["Ada", "lives"], ["Oslo"]])] == wanted


FORKED = """
import os, sys
from nlptrain_runtime import Tagger
tagger = Tagger(sys.argv[1], threads=2)
texts = [f"Ada {word} lives in Oslo" * 9 for word in range(300)]
wanted = tagger.predict(texts)
tagger._token_cache._store._lock.acquire()  # as another thread of this process may have it
child = os.fork()
if not child:
    os._exit(0 if tagger.predict(texts) == wanted else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_goes_on_by_itself(folders):
    done = subprocess.run([sys.executable, "-c", FORKED, str(folders["pooled"])], timeout=120, check=False)
    assert done.returncode == 0


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


def test_less_sure_entities_are_left_out(folders):
    every = [part for prediction in Tagger(folders["pooled"]).predict(TEXTS) for part in prediction["entities"]]
    least = float(np.median([part["confidence"] for part in every]))
    kept = [
        part
        for prediction in Tagger(folders["pooled"], min_confidence=least).predict(TEXTS)
        for part in prediction["entities"]
    ]
    assert kept == [part for part in every if part["confidence"] >= least]
    assert 0 < len(kept) < len(every)


@pytest.fixture
def copy(folders, tmp_path) -> Path:
    shutil.copytree(folders["pooled"], tmp_path / "copy")
    return tmp_path / "copy"


def describe_anew(folder: Path, **changed: object) -> None:
    path = folder / "nlptrain.json"
    described = {**json.loads(path.read_text(encoding="utf-8")), **changed}
    path.write_text(json.dumps({**described, "hash": description_hash(described)}), encoding="utf-8")


@pytest.mark.parametrize("name", ["tokenizer.json", "onnx/model.onnx", "onnx/words.onnx", "config.json"])
def test_a_file_that_is_missing_or_changed_is_named(copy, name):
    file = copy / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(FolderError, match=rf"{name}: is not the file that was exported"):
        Tagger(copy)
    file.unlink()
    with pytest.raises(FolderError, match=rf"{name}: there is no such file, and nlptrain.json names it"):
        Tagger(copy)


def test_the_error_for_another_folder_names_the_expected_one(folders, copy, tmp_path):
    for name in ("nowhere", "x" * 5000, "\x00"):
        with pytest.raises(FolderError, match="there is no such folder; create it with: nlptrain export"):
            Tagger(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError, match=r"found no nlptrain\.json; expected an exported tagger"):
        Tagger(tmp_path / "empty")
    with pytest.raises(FolderError, match="found no model of precision int8; expected fp32"):
        Tagger(copy, precision="int8")
    describe_anew(copy, format=99)
    with pytest.raises(FolderError, match="found format 99; expected format 1; export the tagger again"):
        Tagger(copy)
    describe_anew(copy, format=1, window={"rule": "halves", "max_pieces": 64})
    with pytest.raises(FolderError, match=r"window\.rule: found 'halves'; expected 'quarter-overlap-deepest-1' or "):
        Tagger(copy)
    described = json.loads((folders["pooled"] / "nlptrain.json").read_text(encoding="utf-8"))
    describe_anew(copy, window=described["window"])
    changed = (copy / "nlptrain.json").read_text(encoding="utf-8").replace('"B-person"', '"B-place"', 1)
    (copy / "nlptrain.json").write_text(changed, encoding="utf-8")
    with pytest.raises(FolderError, match=r"nlptrain\.json: is not the file that was exported"):
        Tagger(copy)
    (copy / "nlptrain.json").write_text("{", encoding="utf-8")
    with pytest.raises(FolderError, match=r"nlptrain\.json: cannot be read"):
        Tagger(copy)


def test_a_net_that_onnx_runtime_cannot_read_is_named(copy):
    import hashlib

    (copy / "onnx" / "model.onnx").write_bytes(b"no net")
    described = json.loads((copy / "nlptrain.json").read_text(encoding="utf-8"))
    files = {**described["files"], "onnx/model.onnx": hashlib.sha256(b"no net").hexdigest()}
    describe_anew(copy, files=files)
    with pytest.raises(FolderError, match=r"model\.onnx: ONNX Runtime [\d.]+ cannot read it"):
        Tagger(copy)


def list_anew(folder: Path, name: str, content: bytes) -> None:
    """Write a file, and the description with the file's hash."""
    import hashlib

    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    described = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))
    describe_anew(folder, files={**described["files"], name: hashlib.sha256(content).hexdigest()})


def test_every_file_that_is_read_is_listed(folders, tmp_path):
    for kind, name in [("pooled", "tokenizer.json"), ("words", "words.json"), ("pooled", "onnx/words.onnx")]:
        folder = tmp_path / f"{kind}-{Path(name).stem}"
        shutil.copytree(folders[kind], folder)
        files = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))["files"]
        del files[name]
        describe_anew(folder, files=files)
        with pytest.raises(FolderError, match=rf"files: found no {name}; expected every file that is read"):
            Tagger(folder)


@pytest.mark.parametrize("kind", ["pieces", "pooled", "words"])
def test_a_net_that_does_not_fit_its_description_is_refused_as_it_is_opened(folders, tmp_path, kind):
    folder = Path(shutil.copytree(folders[kind], tmp_path / "copy"))
    other = "pooled" if kind == "pieces" else "pieces"
    whole = (folder / "onnx" / "model.onnx").read_bytes()
    list_anew(folder, "onnx/model.onnx", (folders[other] / "onnx" / "model.onnx").read_bytes())
    with pytest.raises(FolderError, match=r"model\.onnx: found inputs '.*; expected '"):
        Tagger(folder)
    list_anew(folder, "onnx/model.onnx", whole)
    described = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))
    decoding = {**described["decoding"], "rule": "independent"}
    describe_anew(folder, labels=[*described["labels"], "B-group"], decoding=decoding)
    with pytest.raises(
        FolderError, match=r"model\.onnx: found an output of shape \(1, \d+, 5\); expected \(1, \d+, 6\)"
    ):
        Tagger(folder)


def test_vectors_that_the_net_of_words_does_not_make_are_refused(folders, copy):
    list_anew(copy, "onnx/model.onnx", (folders["words"] / "onnx" / "model.onnx").read_bytes())
    with pytest.raises(FolderError, match=r"model\.onnx: fails .*"):
        Tagger(copy)


def test_unknown_subwords_are_rejected(folders, tmp_path):
    folder = Path(shutil.copytree(folders["pieces"], tmp_path / "copy"))
    described = json.loads((folder / "nlptrain.json").read_text(encoding="utf-8"))
    for name, value in {"prefix": [9999], "suffix": [9999], "unknown": 9999, "padding": 9999}.items():
        describe_anew(folder, pieces={**described["pieces"], name: value})
        with pytest.raises(FolderError, match=r"tokenizer\.json: has no token 9999, which nlptrain\.json names"):
            Tagger(folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["later"] = 9999
    list_anew(folder, "tokenizer.json", json.dumps(tokenizer).encode())
    describe_anew(folder, pieces={**described["pieces"], "unknown": 9999})
    with pytest.raises(FolderError, match=r"model\.onnx: fails"):
        Tagger(folder)
    describe_anew(folder, pieces=described["pieces"])
    with pytest.raises(FolderError, match=r"model\.onnx: fails"):
        Tagger(folder).predict(["later"])


def test_a_model_with_nan_outputs_is_rejected(copy):
    import onnx
    from onnx import numpy_helper

    net = onnx.load(copy / "onnx" / "model.onnx")
    for tensor in net.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), tensor.name))
    list_anew(copy, "onnx/model.onnx", net.SerializeToString())
    with pytest.raises(FolderError, match=r"model\.onnx: found an output that is not finite"):
        Tagger(copy)


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "/etc/passwd", "*/_ORT_MEM_ADDR_/*"])
def test_weights_in_another_file_are_refused(copy, location):
    import onnx
    from onnx.external_data_helper import set_external_data

    net = onnx.load(copy / "onnx" / "model.onnx")
    for tensor in net.graph.initializer:
        if tensor.HasField("raw_data"):
            size = len(tensor.raw_data)
            set_external_data(tensor, location, offset=0, length=size)
            tensor.ClearField("raw_data")
            break
    (copy / "onnx" / "weights.bin").write_bytes(bytes(1 << 16))
    list_anew(copy, "onnx/model.onnx", net.SerializeToString())
    with pytest.raises(FolderError, match=r"model\.onnx: found weights in another file; expected them here"):
        Tagger(copy)


def test_a_description_without_end_and_one_that_is_no_file_are_refused(copy):
    file = copy / "nlptrain.json"
    with file.open("wb") as stream:
        stream.truncate(1 << 30)  # of holes
    with pytest.raises(FolderError, match=r"nlptrain\.json: found 1024 MiB; expected at most 64 MiB"):
        Tagger(copy)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(FolderError, match=r"found no nlptrain\.json"):
        Tagger(copy)


def test_the_word_splitters_of_this_version_are_known_to_the_runtime():
    from nlptrain.data.word_splitter import WordSplitter
    from nlptrain_runtime.word_splitter import is_known_pattern

    for splitter in (WordSplitter.default(), WordSplitter.pretokenized()):
        assert is_known_pattern(splitter.version, splitter.pattern)
    assert not is_known_pattern(2, WordSplitter.default().pattern)
    assert not is_known_pattern(1, "(a+)+$")
