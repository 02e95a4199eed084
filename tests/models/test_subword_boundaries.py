"""A CRF in transformers: subword boundaries, and the best path from ``input_ids``."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast, pipeline

from nlptrain.config.student import Student
from nlptrain.data.labels import Labels
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation import TeacherStudentDistill
from nlptrain.models import TokenModel, build_student, load_token_model
from nlptrain.models.heads import CRFHead
from nlptrain.models.pretrained import resolve_model
from nlptrain.models.tokenization import SubwordFeaturizer
from nlptrain.models.tokenization.subword_boundaries import (
    CLOSES,
    HOLDS,
    NO_WORD,
    OPENS,
    spread_to_subwords,
    subword_boundaries,
    word_starts,
)
from nlptrain.models.tokenization.tokenizer import load_tokenizer
from tests.helpers.architectures import ARCHITECTURES, FAST, SLOW
from tests.helpers.corpora import make_sentences

pytestmark = pytest.mark.slow

IOB2 = Labels.from_names(["O", "B-x", "I-x", "B-y", "I-y"], "iob2")
LETTERS = [tuple(word for word in words if word.isalpha()) for words, _ in make_sentences(20, 5)]


@pytest.mark.parametrize("name", FAST)
def test_only_the_first_subword_starts_a_word(name: str, tmp_path: Path) -> None:
    ARCHITECTURES[name](tmp_path)
    reader = SubwordFeaturizer(load_tokenizer(resolve_model(str(tmp_path)))[0])
    roles = subword_boundaries(reader.tokenizer, WordSplitter.default())
    assert roles is not None
    assert len(roles) == len(reader.tokenizer)
    several = 0
    for words in [*LETTERS, ("met", "\u2603", "in", "Oslo")]:
        subwords = reader(words)
        several += sum(len(of_word) > 1 for of_word in subwords)
        ids = torch.tensor(
            [[*reader.prefix, *(subword for of_word in subwords for subword in of_word), *reader.suffix]]
        )
        starts, word = word_starts(roles, ids, torch.ones_like(ids))
        firsts = np.cumsum([len(reader.prefix), *map(len, subwords)])
        assert starts[0].nonzero().flatten().tolist() == firsts[:-1].tolist()
        assert word[0].nonzero().flatten().tolist() == list(range(int(firsts[0]), int(firsts[-1])))
    assert several


TOUCHING = [
    ("In (Oslo, Paris).", "In ( Oslo , Paris ) ."),
    ("Ada in Oslo\nBob left", "Ada in Oslo Bob left"),
    ('#Oslo, Ada-Bob "hm"', None),
    ("Ada, Bob", "Ada , Bob"),
]


@pytest.mark.parametrize("name", FAST)
def test_words_without_a_space_in_between_are_separate(name: str, tmp_path: Path) -> None:
    """As in the word splitter, if subwords show it; WordPiece cannot show that ``#Oslo`` has no space."""
    ARCHITECTURES[name](tmp_path)
    tokenizer = load_tokenizer(resolve_model(str(tmp_path)))[0]
    splitter = WordSplitter.default()
    roles = subword_boundaries(tokenizer, splitter)
    assert roles is not None
    wordpiece = bool(getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None))
    for text, words in TOUCHING:
        if wordpiece and words is None:
            continue
        expected = [word.start for word in splitter.split(text)]
        assert words is None or list(splitter.words(text)) == words.split()
        encoded = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
        starts, _ = word_starts(roles, encoded["input_ids"], encoded["attention_mask"])
        offsets = [encoded["offset_mapping"][0, position, 0].item() for position in starts[0].nonzero().flatten()]
        assert [at + text[at].isspace() for at in offsets] == expected, tokenizer.convert_ids_to_tokens(
            encoded["input_ids"][0].tolist()
        )


@pytest.mark.parametrize("name", SLOW[:1])
def test_tokenizers_without_boundary_marks_have_no_boundaries(name: str, tmp_path: Path) -> None:
    ARCHITECTURES[name](tmp_path)
    assert subword_boundaries(load_tokenizer(resolve_model(str(tmp_path)))[0], WordSplitter.default()) is None
    unmarked = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    unmarked.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=unmarked, unk_token="?")
    assert subword_boundaries(wrapped, WordSplitter.default()) is None


def test_the_first_subword_of_a_sequence_starts_a_word() -> None:
    roles = torch.tensor([NO_WORD | CLOSES, 0, OPENS, OPENS | CLOSES, OPENS | HOLDS], dtype=torch.uint8)
    ids = torch.tensor([[0, 1, 1, 2, 1, 0], [0, 0, 2, 1, 1, 0], [3, 1, 4, 3, 1, 2], [0, 0, 0, 0, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]])
    starts, word = word_starts(roles, ids, mask)
    assert starts.int().tolist() == [[0, 1, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0], [1, 1, 1, 0, 1, 1], [0] * 6]
    assert word.int().tolist() == [[0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 0, 0], [1] * 6, [0] * 6]


def test_later_subwords_have_inside_labels() -> None:
    starts = torch.tensor([[0, 1, 0, 0, 1, 0]]).bool()
    word = torch.tensor([[0, 1, 1, 1, 1, 0]]).bool()
    spread = spread_to_subwords(starts, word, torch.tensor([[0.0, 5.0, 1.0], [2.0, 1.0, 3.0]]), [(1, 2)])
    assert spread[0].tolist() == [[0, 0, 0], [0, 5, 1], [0, 1, 5], [0, 1, 5], [2, 1, 3], [0, 0, 0]]


def crf(tiny_bert: Path, **more: object) -> TokenModel:
    shape = {"tokenizer": str(tiny_bert), "embedder": {"dim": 8}, "encoder": {"hidden": 4}, "head": {"kind": "crf"}}
    student = build_student(TypeAdapter(Student).validate_python({**shape, **more}), IOB2, seed=0)
    with torch.no_grad():  # so that the best path is not each word's best label
        student.model.head.weight.mul_(15)
        student.model.head.bias.zero_()
        mean = np.concatenate(student.predict_emissions(LETTERS)).mean(axis=0)
        student.model.head.bias.copy_(-torch.from_numpy(mean))
        student.model.head.transitions.copy_(torch.randn(5, 5, generator=torch.Generator().manual_seed(4)))
    return student


def test_auto_classes_return_the_best_path_for_input_ids(tiny_bert: Path, tmp_path: Path) -> None:
    student = crf(tiny_bert)
    student.save_pretrained(tmp_path)
    net = AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    inputs = student.pad([window for words in LETTERS for window in student.windows(words)])
    with torch.inference_mode():
        logits = net(**inputs.model_inputs).logits
        model_inputs = dict(inputs.model_inputs)
        starts = torch.zeros_like(model_inputs["input_ids"]).flatten()
        starts[inputs.word_positions] = 1
        given = net(**model_inputs, word_starts=starts.view_as(model_inputs["input_ids"])).logits
        decoded = net.decode(**model_inputs, word_starts=starts.view_as(model_inputs["input_ids"]))
    assert logits.shape == (len(LETTERS), model_inputs["input_ids"].shape[1], 5)
    assert torch.equal(logits, given)
    best = logits.flatten(0, 1)[inputs.word_positions].argmax(dim=-1).tolist()
    expected = [tag for tags in student.tag(LETTERS) for tag in tags]
    assert [IOB2.names[label] for label in best] == expected
    assert [IOB2.names[label] for path in decoded for label in path] == expected
    alone = [label for values in student.logits(LETTERS) for label in values.argmax(1).tolist()]
    assert [IOB2.names[label] for label in alone] != expected  # of marginals, the labels would have been other ones
    assert not logits[model_inputs["attention_mask"] == 0].any()


def test_a_pipeline_predicts_the_same_as_predict(tiny_bert: Path, tmp_path: Path) -> None:
    student = crf(tiny_bert)
    student.save_pretrained(tmp_path)
    for strategy in ("first", "simple", "max"):
        tagger = pipeline("token-classification", model=str(tmp_path), aggregation_strategy=strategy, ignore_labels=[])
        for words, tags in zip(LETTERS, student.tag(LETTERS), strict=True):
            groups = [(entity["entity_group"], entity["word"]) for entity in tagger(" ".join(words))]
            joined: list[tuple[str, str]] = []
            for word, tag in zip(words, tags, strict=True):
                kind = tag.removeprefix("B-").removeprefix("I-")
                goes_on = bool(joined) and joined[-1][0] == kind and not tag.startswith("B-")
                joined[-1:] = [(kind, f"{joined[-1][1]} {word}")] if goes_on else [*joined[-1:], (kind, word)]
            assert [kind for kind, _ in groups] == [kind for kind, _ in joined]
            assert [word.replace(" ", "").lower() for _, word in groups] == [
                word.replace(" ", "").lower() for _, word in joined
            ]
    assert tagger("") == []
    assert tagger(" ") == []


def test_labels_passed_to_forward_give_the_crf_loss(tiny_bert: Path) -> None:
    student = crf(tiny_bert)
    net = student.model.eval()
    words = LETTERS[0]
    inputs = student.pad(student.windows(words))
    labels = torch.full_like(inputs.model_inputs["input_ids"], -100)
    gold = torch.arange(len(words)) % 2  # O and B-x in turn
    labels[0, inputs.word_positions] = gold
    with torch.no_grad():
        loss = net(**inputs.model_inputs, labels=labels).loss
        expected = student.output(inputs).nll_loss(gold) / len(words)
        nothing = net(**inputs.model_inputs, labels=torch.full_like(labels, -100)).loss
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert float(nothing) == 0.0


def test_missing_inputs_of_the_auto_classes_are_reported(tmp_path: Path) -> None:
    ARCHITECTURES["xlm"](tmp_path / "xlm")
    student = crf(tmp_path / "xlm")
    student.save_pretrained(tmp_path / "student")
    net = load_token_model(str(tmp_path / "student")).model
    words = LETTERS[0]
    inputs = student.pad(student.windows(words))
    with pytest.raises(ValueError, match=r"does not mark where words start: pass word_starts \[B, T\]"):
        net(**inputs.model_inputs)
    starts = torch.zeros_like(inputs.model_inputs["input_ids"])
    starts[0, inputs.word_positions] = 1
    with torch.inference_mode():
        logits = net(**inputs.model_inputs, word_starts=starts).logits
    best = logits[0, inputs.word_positions].argmax(dim=-1).tolist()
    assert [IOB2.names[label] for label in best] == student.tag([words])[0]
    assert not np.delete(logits[0].numpy(), inputs.word_positions.numpy(), axis=0).any()


def test_the_auto_head_depends_on_the_labels(tiny_bert: Path) -> None:
    def head(labels: Labels, kind: str | None = None) -> bool:
        shape: dict[str, object] = {"tokenizer": str(tiny_bert), "embedder": {"dim": 8}, "encoder": {"hidden": 4}}
        if kind is not None:
            shape["head"] = {"kind": kind}
        logged: list[str] = []
        student = build_student(TypeAdapter(Student).validate_python(shape), labels, seed=0, log=logged.append)
        chained = isinstance(student.model.head, CRFHead)
        logged = [line for line in logged if line.startswith("student.head.kind=auto: ")]
        assert len(logged) == (kind in (None, "auto"))
        assert all(("crf" if chained else "softmax") in line for line in logged)
        assert (student.model.config.pieces is not None) == chained
        return chained

    many = Labels.from_names(["O", *(f"{prefix}-{index}" for index in range(60) for prefix in "BI")], "iob2")
    plain = Labels.from_names(["NOUN", "VERB"], "plain")
    assert head(IOB2)
    assert head(IOB2, "auto")
    assert not head(IOB2, "softmax")
    assert not head(plain)
    assert head(plain, "crf")
    assert not head(many)
    assert head(many, "crf")


def test_subword_boundaries_are_added_to_older_folders(tiny_bert: Path, tmp_path: Path) -> None:
    student = crf(tiny_bert)
    student.save_pretrained(tmp_path / "now")
    roles = student.model.piece_roles.clone()
    student.model.config.pieces = None
    del student.model.piece_roles
    student.save_pretrained(tmp_path / "before")
    config = json.loads((tmp_path / "before/config.json").read_text())
    assert config.pop("pieces") is None
    (tmp_path / "before/config.json").write_text(json.dumps(config))
    again = load_token_model(str(tmp_path / "before"))
    assert torch.equal(again.model.piece_roles, roles)
    with pytest.raises(ValueError, match="has a CRF, whose logits score sequences"):
        TeacherStudentDistill(again)
    assert again.fingerprint() == student.fingerprint() == load_token_model(str(tmp_path / "now")).fingerprint()
    shape = {"init_from": str(tmp_path / "before"), "embedder": {"dim": 8}, "encoder": {"hidden": 4}}
    started = build_student(TypeAdapter(Student).validate_python(shape), IOB2, seed=0)
    started.save_pretrained(tmp_path / "started")
    net = AutoModelForTokenClassification.from_pretrained(tmp_path / "started")
    assert net(torch.tensor([[5, 6]])).logits.shape == (1, 2, 5)


def test_half_precision_and_rows_without_words_are_accepted(tiny_bert: Path) -> None:
    student = crf(tiny_bert)
    net = student.model.to(torch.bfloat16)
    inputs = student.pad([student.windows(words)[0] for words in (LETTERS[0], ())])
    logits = net(**inputs.model_inputs).logits
    assert not logits[1].any()
    assert logits[0].isfinite().all()
    assert not net(torch.zeros(2, 3, dtype=torch.long)).logits.any()


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_auto_number_of_layers_depends_on_the_head(tiny_bert: Path, kind: str) -> None:
    def layers(head: str, **encoder: object) -> tuple[int, bool]:
        shape = {"tokenizer": str(tiny_bert), "embedder": {"dim": 8}, "head": {"kind": head}}
        shape["encoder"] = {"kind": kind, "hidden": 4, **encoder}
        logged: list[str] = []
        student = build_student(TypeAdapter(Student).validate_python(shape), IOB2, seed=0, log=logged.append)
        assert student.model.config.encoder["layers"] == student.model.encoder.net.num_layers
        return student.model.encoder.net.num_layers, any("student.encoder.layers=auto" in line for line in logged)

    assert layers("auto") == layers("crf") == (1, True)
    assert layers("softmax") == (2, True)
    assert layers("crf", layers=3) == (3, False)
    assert layers("softmax", layers=1) == (1, False)
