"""Defaults of a student's command that go with the kinds of its parts and with what teaches it."""

from __future__ import annotations

from typing import Any

# What kinds of students want otherwise: a transformer smaller steps; a student of words more unknown ones, for most
# words that it will meet have no row.
_TRANSFORMERS = {"learning_rate": 3e-4, "clip_norm": 1.0, "unk_dropout": 0.0}
_WORDS = {"unk_dropout": 0.15}
# A teacher's probabilities on much text do not run out as gold tags do: less need be dropped, and steps may be larger.
# Its best labels alone are another matter: there the demo's student lost 1.8 points of dev F1 by it.
_TAUGHT, _TAUGHT_STUDENT = {"learning_rate": 5e-3}, {"dropout": 0.1}
_PARTS, _RECURRENT = (("embedder", "subword"), ("encoder", "lstm"), ("head", "auto")), ("lstm", "gru")
# One layer is enough where a teacher's probabilities on much text teach. Of gold tags alone it learns less than two do
# (2.8 points of F1 on WNUT17), and of sentences made out of the train ones (1.4 on dev).
_LAYERS_OF_LITTLE = 2


def with_defaults(values: dict[str, Any], *, distilled: bool) -> dict[str, Any]:
    """The values of a student's command with such defaults where they leave a key open.

    Args:
        values: as they stand in the files, not checked yet.
        distilled: a teacher's probabilities teach.
    """
    student, train = values.get("student", {}), values.get("train", {})
    if not isinstance(student, dict) or not isinstance(train, dict):
        return values
    if student.get("kind", "tagger") == "transformer":
        return {**values, "train": {**_TRANSFORMERS, **train}}
    embedder, encoder, head = (_kind(student.get(part), default) for part, default in _PARTS)
    if head == "auto" and (train.get("label_pipeline_words") or _kind(values.get("objective"), None, "loss") == "mse"):
        student = {**student, "head": {"kind": "softmax"}}
    taught = encoder in _RECURRENT and embedder != "word" and distilled
    if encoder in _RECURRENT and not (taught and _has_raw_text(values)) and not student.get("init_from"):
        student = _with_layers(student)
    if taught:
        student, train = {**_TAUGHT_STUDENT, **student}, {**_TAUGHT, **train}
    if embedder == "word":
        train = {**_WORDS, **train}
    return {**values, **({"student": student} if student else {}), "train": train}


def _has_raw_text(values: dict[str, Any]) -> bool:
    data = values.get("data")
    return isinstance(data, dict) and data.get("unlabeled") is not None


def _with_layers(student: dict[str, Any]) -> dict[str, Any]:
    encoder = student.get("encoder", {})
    if not isinstance(encoder, dict) or encoder.get("layers", "auto") != "auto":
        return student
    return {**student, "encoder": {**encoder, "layers": _LAYERS_OF_LITTLE}}


def _kind(part: object, default: str | None, key: str = "kind") -> object:
    return part.get(key, default) if isinstance(part, dict) else default
