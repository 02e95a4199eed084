"""Small models of every kind with random weights, and texts that are difficult to tokenize."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import TypeAdapter

from nlptrain.config.student import Student
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student
from nlptrain.models.heads import CRFHead
from tests.helpers.corpora import LABEL_NAMES, make_sentences

LABELS = Labels.from_names(LABEL_NAMES, "iob2")
PLAIN_LABELS = Labels.from_names(["DET", "NOUN", "VERB"], "plain")
SENTENCES = [Sentence(words, tags) for words, tags in make_sentences(40, 11)]
SIZES: dict[str, dict[str, object]] = {
    "subword": {"dim": 16},
    "pooled": {"dim": 16},
    "word": {"dim": 16, "char_filters": 8, "char_dim": 6, "shape_dim": 3, "min_count": 1, "init": "random"},
    "lstm": {"hidden": 12, "layers": 2},
    "gru": {"hidden": 12, "layers": 1},
    "idcnn": {"filters": 24, "dilations": [1, 2], "blocks": 2},
    "softmax": {},
    "crf": {},
}

# Texts with words without subwords, of one letter or of many letters, several scripts, combining marks and emoji.
DIFFICULT_TEXTS = [
    "",
    "   ",
    "Ada",
    "\ufe0f",
    "Ada \ufe0f lives",
    "A. Smith met B. Jones of the U.S. in St. Ives. C.",
    "A. 5 and A.",
    "Ada\x00Smith A.\x00 Paris A. \x01 x",
    " Ada  lives\tin\u00a0Oslo\u2028today ",
    "\U0001f642\U0001f469\u200d\U0001f4bb @ada #oslo https://t.co/aB3?x=1, x.com!",
    "\u05e9\u05dc\u05d5\u05dd \u05d1\u05e8\u05dc\u05d9\u05df \u0645\u0631\u062d\u0628\u0627 \u5317\u4eac\u3072\u3089",
    "don't can't won't I'm y'all",
    "[SEP] [UNK] ##a",
    "x" * 300,
    " ".join(["Ada Smith lives in Paris ."] * 40),
]


def student_config(
    tiny_bert: Path, parts: dict[str, str], *, sizes: dict[str, dict[str, object]] = SIZES, **more: object
) -> Student:
    """Return the configuration of a small student.

    Args:
        tiny_bert: the model with the student's tokenizer.
        parts: the kinds of embedder, encoder and head.
        sizes: the options of each kind.
        more: other keys of ``student``.
    """
    values: dict[str, object] = {part: {"kind": kind, **sizes[kind]} for part, kind in parts.items()}
    if parts["embedder"] != "word":
        values["tokenizer"] = str(tiny_bert)
    return TypeAdapter(Student).validate_python({**values, "dropout": 0.0, **more})


def small_model(tiny_bert: Path, kinds: str, labels: Labels = LABELS) -> TokenModel:
    """Return a model with random weights.

    Args:
        tiny_bert: the model with its tokenizer.
        kinds: ``teacher``, or the kinds of embedder, encoder and head, e.g. ``pooled-lstm-crf``.
        labels: the labels of the model.
    """
    if kinds == "teacher":
        model: TokenModel = TransformerTokenClassifier.from_pretrained(str(tiny_bert), labels, seed=1)
    else:
        parts = dict(zip(("embedder", "encoder", "head"), kinds.split("-"), strict=True))
        config = student_config(tiny_bert, parts, max_subwords=64)
        model = build_student(config, labels, seed=1, text=lambda: SENTENCES)
    torch.manual_seed(2)
    with torch.no_grad():
        head = model.model.head if kinds != "teacher" else model.model.classifier
        head.weight.normal_(std=1.5)  # so that no label wins everywhere
        if isinstance(head, CRFHead):
            head.transitions.normal_()
            head.start.normal_()
            head.end.normal_()
    model.model.eval()
    model.temperature = 1.3
    return model
