"""Score students on text as users have it: python -m scripts.check_raw_text DATA_DIR [RUN...].

Three figures of finished runs (by default all of configs/wnut17 and configs/ud_ewt that are in runs/): what raw text
costs against text that is already split into the gold words, for entities and for parts of speech, and how often the
pipeline of transformers, which has its own word splitter, returns the same as ``predict``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from transformers import TokenClassificationPipeline

from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.conll import read_conll
from nlptrain.data.tag_schemes import tags_to_spans
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict_texts
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import SubwordFeaturizer
from nlptrain.run.run import silence_libraries
from nlptrain.training import score_model

Span = tuple[int, int, str]


def entities_of_columns(path: Path) -> list[tuple[str, set[Span]]]:
    """Return each sentence joined by spaces, with its entities by character."""
    result = []
    for sentence in read_conll(path, ReadContext()):
        starts, start = [], 0
        for word in sentence.words:
            starts.append(start)
            start += len(word) + 1
        gold = {
            (starts[s.start], starts[s.end - 1] + len(sentence.words[s.end - 1]), s.label)
            for s in tags_to_spans(sentence.tags or ())
        }
        result.append((" ".join(sentence.words), gold))
    return result


def words_of_conllu(path: Path) -> list[tuple[str, set[Span], set[Span]]]:
    """Return each sentence's ``# text`` with its words and their UPOS by character; contractions separately."""
    result = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        text = next((line[9:] for line in block.split("\n") if line.startswith("# text = ")), "")
        rows = [line.split("\t") for line in block.split("\n") if line and not line.startswith("#")]
        plain: set[Span] = set()
        split: set[Span] = set()
        at = last = range_end = 0
        for row in rows:
            if "-" in row[0]:
                last = int(row[0].split("-")[1])
                range_end = text.index(row[1], at) + len(row[1])
            elif "." not in row[0]:
                inside = int(row[0]) <= last
                start = text.find(row[1], at, range_end if inside else None)
                end = start + len(row[1])
                (split if inside else plain).add((start, end, row[3]))
                at = range_end if inside and (start < 0 or int(row[0]) == last) else end
        if text:
            result.append((text, plain, split))
    return result


def f1(pairs: Iterable[tuple[set[Span], set[Span]]]) -> float:
    """Return the micro F1 of pairs of gold and predicted spans."""
    right = predicted = gold = 0
    for gold_spans, predicted_spans in pairs:
        right += len(gold_spans & predicted_spans)
        predicted, gold = predicted + len(predicted_spans), gold + len(gold_spans)
    return 2 * right / (predicted + gold)


def entities(data: Path, run: Path, model: TokenModel) -> None:
    """Print what raw text costs in entity F1."""
    path = data / "wnut17/dev.conll"
    split = score_model(model, list(Corpus([str(path)]))).to_json()["f1"]
    rows = entities_of_columns(path)
    predictions = predict_texts(model, (text for text, _ in rows))
    predicted = ({(e["start"], e["end"], e["label"]) for e in prediction["entities"]} for prediction in predictions)
    raw = f1((gold, spans) for (_, gold), spans in zip(rows, predicted, strict=True))
    print(f"{run}: WNUT17 dev F1 {split:.4f} on gold words, {raw:.4f} on raw text: {100 * (raw - split):+.2f} points")


def parts_of_speech(data: Path, run: Path, model: TokenModel) -> None:
    """Print what raw text costs in accuracy: the share of gold words that are predicted with their tag."""
    path = data / "ud_ewt/dev.conllu"
    split = score_model(model, list(Corpus([str(path)]))).to_json()["accuracy"]
    rows = words_of_conllu(path)
    right = [0, 0]
    total = [0, 0]
    for (_, *gold), prediction in zip(rows, predict_texts(model, (row[0] for row in rows)), strict=True):
        ours = {(word["start"], word["end"], word["tag"]) for word in prediction["words"]}
        for kind in (0, 1):
            right[kind] += len(gold[kind] & ours)
            total[kind] += len(gold[kind])
    whole = right[0] / total[0]
    print(
        f"{run}: UD EWT dev accuracy {split:.4f} on gold words, {whole:.4f} on raw text ({total[0]:,} words): "
        f"{100 * (whole - split):+.2f} points; parts of contractions apart: {right[1] / total[1]:.4f} of {total[1]:,}"
    )


def fits_a_pipeline(model: TokenModel) -> bool:
    """Return whether the student reads subwords and, if it has a CRF, knows which of them start a word."""
    return isinstance(model.featurizer, SubwordFeaturizer) and (
        not model.decoder.is_constrained or model.model.config.pieces is not None
    )


def pipeline_agreement(data: Path, run: Path, model: TokenModel, lines: int = 2_000) -> None:
    """Print how often the pipeline gives a word of ``predict`` the same entity type."""
    texts = list(islice(raw_lines(data / "wnut17/raw"), lines))
    # Not from its folder: older folders of students with a CRF do not record which subwords start a word.
    tagger = TokenClassificationPipeline(
        model=model.model, tokenizer=model.tokenizer, aggregation_strategy="first", device="cpu"
    )
    same = total = same_entities = total_entities = 0
    for text, prediction, groups in zip(texts, predict_texts(model, texts), tagger(texts, batch_size=16), strict=True):
        own = [(e["start"], e["end"], e["label"]) for e in prediction["entities"]]
        pipeline: list[Span] = [(int(g["start"]), int(g["end"]), str(g["entity_group"])) for g in groups]
        for word in model.splitter.split(text):
            pair = label_at(own, word.start, word.end), label_at(pipeline, word.start, word.end)
            total += 1
            same += pair[0] == pair[1]
            if pair != ("O", "O"):
                total_entities += 1
                same_entities += pair[0] == pair[1]
    print(
        f"{run}: the pipeline predicts the same as predict for {same / total:.4f} of {total:,} words of "
        f"{len(texts):,} raw lines, and for {same_entities / total_entities:.4f} of the {total_entities:,} that either "
        "predicts as part of an entity"
    )


def label_at(spans: list[Span], start: int, end: int) -> str:
    """Return the label of all characters of a word; ``part`` if only some of them have it."""
    for first, last, label in spans:
        if first <= start and end <= last:
            return label
        if first < end and start < last:
            return "part"
    return "O"


def raw_lines(folder: Path) -> Iterable[str]:
    """Yield the first line of each file, then the second lines, and so on."""
    files = [path.read_text(encoding="utf-8").split("\n") for path in sorted(folder.glob("*.txt"))]
    for index in range(max(map(len, files))):
        for lines in files:
            if index < len(lines) and lines[index].strip():
                yield lines[index]


def finished() -> list[Path]:
    """Return the runs of both corpora that have scores, without the control with a random table."""
    folders = (Path("runs") / corpus for corpus in ("wnut17", "ud_ewt"))
    runs = (path.parent for folder in folders for path in sorted(folder.glob("*/scores.json")))
    return [run for run in runs if run.name != "tagger-random"]


def main(data: Path, runs: Iterable[Path]) -> None:
    """Print the figures of ``runs``."""
    silence_libraries()
    for run in runs:
        command = json.loads((run / "scores.json").read_text(encoding="utf-8"))["command"]
        model = load_token_model(str(run))
        if model.labels.scheme == "plain":
            parts_of_speech(data, run, model)
            continue
        entities(data, run, model)
        if command == "tagger_kd" and fits_a_pipeline(model):
            pipeline_agreement(data, run, model)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(run) for run in sys.argv[2:]] or finished())
