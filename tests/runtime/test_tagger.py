"""The tagger as it is used: any order, any number, from several threads; folders that are not what they were."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.folder import own_hash
from tests.exports import ODD, TEXT

TEXTS = [*ODD, *(" ".join(sentence.words) for sentence in TEXT)]
KINDS = ["teacher", "pieces", "pooled", "words", "plain"]


def without_last_digits(answers: list[dict]) -> list[dict]:
    """Answers whose confidences keep three digits: batch mates change the seventh."""
    found = json.loads(json.dumps(answers))
    for answer in found:
        for part in answer.get("entities", answer.get("words")):
            part["confidence"] = round(part["confidence"], 3)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_answers_depend_on_nothing_but_the_text(folders, kind):
    wanted = without_last_digits(Tagger(folders[kind]).predict(TEXTS))
    assert [answer["text"] for answer in wanted] == TEXTS
    alone = Tagger(folders[kind], remember=5, batch_units=16)
    assert without_last_digits([alone.predict([text])[0] for text in TEXTS]) == wanted
    assert without_last_digits(list(Tagger(folders[kind], threads=3).stream(iter(TEXTS), block=7))) == wanted
    assert without_last_digits(Tagger(folders[kind]).predict(TEXTS[::-1]))[::-1] == wanted


@pytest.mark.parametrize("kind", ["pieces", "pooled"])
def test_several_threads_may_ask_at_once(folders, kind):
    tagger = Tagger(folders[kind], remember=20)  # each of them makes the others' words forgotten
    wanted = without_last_digits(tagger.predict(TEXTS))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: tagger.predict(TEXTS), range(12)):
            assert without_last_digits(found) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_words_given_as_words_have_the_tags_of_the_text(folders, kind):
    tagger = Tagger(folders[kind])
    sentences = [list(sentence.words) for sentence in TEXT]
    found = tagger.predict_words([*sentences, []])
    assert [len(tagged.tags) for tagged in found] == [*map(len, sentences), 0]
    for words, tagged, answer in zip(
        sentences, found, tagger.predict([" ".join(words) for words in sentences]), strict=False
    ):
        assert all(tag in tagger.labels for tag in tagged.tags)
        assert ((tagged.confidences > 0) & (tagged.confidences <= 1 + 1e-9)).all()
        parts = [span.label for span, _ in tagged.parts(tagger.scheme)]
        shown = answer.get("entities", answer.get("words"))
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
tagger._lexicon._cache._lock.acquire()  # as another thread of this process may have it
child = os.fork()
if not child:
    os._exit(0 if tagger.predict(texts) == wanted else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_goes_on_by_itself(folders):
    done = subprocess.run([sys.executable, "-c", FORKED, str(folders["pooled"])], timeout=120, check=False)
    assert done.returncode == 0


def test_what_is_asked_for_wrongly_is_said(folders):
    tagger = Tagger(folders["pooled"])
    with pytest.raises(TypeError, match="predict: found one string; give a list of them"):
        tagger.predict("Ada lives")
    with pytest.raises(TypeError, match="stream: found one string"):
        next(tagger.stream("Ada lives"))
    with pytest.raises(TypeError, match="it takes lists of words: predict takes texts"):
        tagger.predict_words(["Ada lives"])
    with pytest.raises(TypeError, match="it takes lists of words"):
        tagger.emissions(["abc"])
    with pytest.raises(TypeError, match="found a word that is no string"):
        tagger.emissions([["Ada", 1]])
    with pytest.raises(TypeError, match="predict: found int among the texts"):
        tagger.predict(["Ada lives", 7])
    with pytest.raises(TypeError, match="found one string"):
        tagger.predict(b"Ada lives")
    with pytest.raises(ValueError, match="stream: found block=0; must be at least 1"):
        next(tagger.stream(["Ada lives"], block=0))
    with pytest.raises(ValueError, match="min_confidence: found 2"):
        Tagger(folders["pooled"], min_confidence=2)
    with pytest.raises(ValueError, match="threads, batch_units and remember must be at least 1"):
        Tagger(folders["pooled"], threads=0)


def test_less_sure_entities_are_left_out(folders):
    every = [part for answer in Tagger(folders["pooled"]).predict(TEXTS) for part in answer["entities"]]
    least = float(np.median([part["confidence"] for part in every]))
    kept = [
        part for answer in Tagger(folders["pooled"], min_confidence=least).predict(TEXTS) for part in answer["entities"]
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
    path.write_text(json.dumps({**described, "hash": own_hash(described)}), encoding="utf-8")


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


def test_a_folder_that_is_none_of_ours_says_what_would_be(folders, copy, tmp_path):
    with pytest.raises(FolderError, match="there is no such folder; make one with: nlptrain export"):
        Tagger(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError, match=r"no nlptrain\.json there, so it is no exported tagger"):
        Tagger(tmp_path / "empty")
    with pytest.raises(FolderError, match="there is no net of precision int8; there is fp32"):
        Tagger(copy, precision="int8")
    describe_anew(copy, format=99)
    with pytest.raises(FolderError, match="found format 99; this nlptrain-runtime reads format 1"):
        Tagger(copy)
    describe_anew(copy, format=1, window={"rule": "halves", "max_pieces": 64})
    with pytest.raises(
        FolderError, match="long texts are cut by the rule 'halves' there, which this nlptrain-runtime does not know"
    ):
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
