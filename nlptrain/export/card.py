"""A model card from a finished run: its scores, its data, its size and speed, its limits, and how to load it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from nlptrain import __version__
from nlptrain.analysis.run_scores import RunScores, read_run_scores
from nlptrain.errors import InputError
from nlptrain.run.checksums import DamagedFile, read_json, verify_files

_FEW = 50  # entities of a type: its F1 says little
_POOR = 0.5  # below this share of the entities found or right, a type is named among the limits
_METHODS = {
    "transformer_token": "a transformer, fine-tuned on gold tags",
    "tagger": "a small tagger, trained on gold tags alone",
    "tagger_kd": "a small tagger, distilled: it learned the logits of a transformer (knowledge distillation)",
    "pseudo_label": "a small tagger, distilled: it learned what a transformer answered on raw text (pseudo labels)",
}


_PIPELINE = """```python
import nlptrain.models  # tells transformers what it is
from transformers import pipeline

tagger = pipeline("token-classification", model="{folder}", aggregation_strategy="first")
```
"""
_WORDS = """```python
from nlptrain import load_token_model

print(load_token_model("{folder}").tag([["Ada", "Lovelace", "lived", "in", "London", "."]]))
```
"""


@dataclass(frozen=True)
class Named:
    """What a run does not say of its model.

    Attributes:
        name: of the model.
        dataset: of the data set that it is scored on.
        licence: the Hub's word for it, or None.
        language: of the text, codes as the Hub writes them.
        base_model: names on the Hub of what it was made from.
    """

    name: str
    dataset: str
    licence: str | None = None
    language: Sequence[str] = ()
    base_model: Sequence[str] = ()


def model_card(
    run: str | Path, named: Named, *, control: str | Path | None = None, speeds: str | Path | None = None
) -> str:
    """The card of the model in ``run``, with the Hub's metadata in front.

    Args:
        run: a finished run, or a folder of several seeds.
        named: what only its owner knows.
        control: a finished run of such a net without a teacher.
        speeds: what ``nlptrain benchmark --json`` printed.

    Raises:
        InputError: a run has not finished, or a file cannot be read.
    """
    found = read_run_scores(Path(run))
    split = "test" if all("test" in scores for scores in found.scores) else "dev"
    beside = None if control is None else read_run_scores(Path(control))
    if beside is not None and any(split not in scores for scores in beside.scores):
        raise InputError(f"{control}: has no scores on {split}, on which {run} is scored; name a run of the same data")
    parts = [
        f"---\n{_metadata(found, split, named).to_yaml()}\n---\n",
        f"# {named.name}\n",
        _what(found, named),
        _scores(found, split, beside, named),
        _types(found, split),
        _data(found),
        _size(found, None if speeds is None else _read_speeds(Path(speeds))),
        _limits(found, split),
        _loading(found, named),
        f"Made by nlptrain {__version__} from the run itself (`nlptrain card`).\n",
    ]
    return "\n".join(parts)


def _metadata(found: RunScores, split: str, named: Named) -> ModelCardData:
    scored = found.mean(split)[split]
    taught = ["knowledge-distillation"] if "teacher" in found.scores[0] else []
    # Agreement with a teacher is no score on gold, and has no precision.
    metric = ["f1", "precision", "recall"] if scored["metric"] == "f1" else [scored["metric"]]
    results = [
        EvalResult(
            task_type="token-classification",
            dataset_type=named.dataset,
            dataset_name=named.dataset,
            dataset_split=split,
            metric_type=kind,
            metric_name=kind,
            metric_value=round(float(scored[kind]), 4),
        )
        for kind in metric
    ]
    return ModelCardData(
        language=list(named.language) or None,
        license=named.licence,
        library_name="nlptrain",
        pipeline_tag="token-classification",
        tags=["token-classification", "nlptrain", *taught],
        base_model=list(named.base_model) or None,
        metrics=metric,
        model_name=named.name,
        eval_results=results,
    )


def _what(found: RunScores, named: Named) -> str:
    scores = found.scores[0]
    config = _read_config(found.folders[0])
    labels = [config["id2label"][key] for key in sorted(config["id2label"], key=int)]
    scheme = config.get("nlptrain_scheme") or "not said"
    return (
        f"{_METHODS[scores['command']][0].upper()}{_METHODS[scores['command']][1:]}. It tags words: "
        f"{len(labels)} labels ({', '.join(labels)}; scheme: {scheme}), {scores['parameters']:,} parameters, "
        f"trained for {scores['steps']:,} steps.\n"
    )


def _read_config(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of the model in the run ``folder``, with the names of its labels."""
    verify_files(folder, "model/config.json")
    path = folder / "model" / "config.json"
    config = read_json(path)
    labels = config.get("id2label") if isinstance(config, dict) else None
    if not isinstance(labels, dict) or not all(key.isdecimal() for key in labels):
        raise DamagedFile(path, "it does not name the labels", "train the run again with --overwrite")
    return dict(config)


def _scores(found: RunScores, split: str, control: RunScores | None, named: Named) -> str:
    scored = found.mean(split)[split]
    metric = scored["metric"]
    teacher = found.scores[0].get("teacher")
    rows = [("this model", _value(found, split), found.seeds)]
    if teacher and split in teacher:
        rows.append((f"its teacher ({teacher['parameters']:,} parameters)", f"{teacher[split][metric]:.4f}", None))
    if control is not None:
        rows.append(("the control: no teacher", _value(control, split), control.seeds))
    lines = [f"## Scores\n\n{metric} on {named.dataset}, {split}: {scored['sentences']:,} sentences,"]
    lines[0] += f" {scored['words']:,} words.\n"
    lines += [f"| | {metric} | seeds |", "| --- | ---: | --- |"]
    for name, value, seeds in rows:
        shown = f"{len(seeds)}: mean, smallest to largest" if seeds else "one"
        lines.append(f"| {name} | {value} | {shown} |")
    if teacher and split in teacher and teacher[split][metric]:
        lines.append(f"\n{scored[metric] / teacher[split][metric]:.1%} of its teacher's.")
    if control is None and found.scores[0]["command"] in ("tagger_kd", "pseudo_label"):
        lines.append("\nWhat the teacher adds is not known: no control was given (such a net without it, `--control`).")
    errors = found.scores[0].get("calibration", {}).get(split)
    if errors:
        by_entity = "" if errors["entity"] is None else f", {errors['entity']:.3f} by entity"
        lines.append(f"\nExpected calibration error: {errors['word']:.3f} by word{by_entity}.")
    return "\n".join(lines) + "\n"


def _value(found: RunScores, split: str) -> str:
    scored = found.mean(split)[split]
    value, spread = scored[scored["metric"]], found.spread(split)
    return f"{value:.4f}" if spread is None else f"{value:.4f} ({spread[0]:.4f} to {spread[1]:.4f})"


def _types(found: RunScores, split: str) -> str:
    types = found.mean(split)[split]["types"]
    lines = ["| type | precision | recall | f1 | in the gold |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, row in sorted(types.items()):
        lines.append(
            f"| {name} | {row['precision']:.4f} | {row['recall']:.4f} | {row['f1']:.4f} | {round(row['support']):,} |"
        )
    return "\n".join(lines) + "\n"


def _data(found: RunScores) -> str:
    scores = found.scores[0]
    lines = ["## Data\n", "| file | SHA-256 |", "| --- | --- |"]
    lines += [f"| {_short(name)} | `{digest[:16]}` |" for name, digest in scores["inputs"].items()]
    seeds = ", ".join(map(str, found.seeds)) if found.seeds else str(scores["seed"])
    versions = ", ".join(f"{name} {version}" for name, version in scores["versions"].items() if version != "?")
    lines.append(f"\nSeed {seeds}; {versions}. The model is that of seed {scores['seed']}.")
    return "\n".join(lines) + "\n"


def _short(name: str) -> str:
    """A file's name with the folder that it stands in: the rest is one machine's."""
    model, colon, file = name.rpartition(":")
    return f"{PurePath(model).name}: {file}" if colon else "/".join(PurePath(name).parts[-2:])


def _read_speeds(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        _ = found["threads"], [one["words_per_second"] for one in found["models"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not what nlptrain benchmark --json prints ({error})") from error
    return dict(found)


def _size(found: RunScores, speeds: dict[str, Any] | None) -> str:
    scores = found.scores[0]
    lines = [f"## Size and speed\n\n{scores['parameters']:,} parameters, {scores['bytes'] / 1e6:.1f} MB."]
    if speeds is None:
        lines.append("\nIts speed was not measured (`nlptrain benchmark --json`, `--speed`).")
        return "\n".join(lines) + "\n"
    lines += [
        f"\nRaw text to entities, {speeds['threads']} thread(s), in turns, medians of {speeds['rounds']} rounds:\n",
        "| model | in | words/s | 20 words, ms | cold start, s | MB |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for one in speeds["models"]:
        lines.append(
            f"| {PurePath(one['name']).name} | {one['runtime']} {one['precision']} | {one['words_per_second']:,.0f} "
            f"| {one['p50']:.2f} | {one['cold_start']:.2f} | {one['size'] / 1e6:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _limits(found: RunScores, split: str) -> str:
    types = found.mean(split)[split]["types"]
    few = [name for name, row in types.items() if row["support"] < _FEW]
    poor = [name for name, row in types.items() if min(row["precision"], row["recall"]) < _POOR]
    lines = ["## Limits\n", "- It is scored on text of one kind (above); on other text nobody has measured it."]
    if few:
        lines.append(f"- Types whose figures say little, with fewer than {_FEW} examples in that text: {_listed(few)}.")
    if poor:
        lines.append(f"- Types of which half or more are missed, or wrong where it answers them: {_listed(poor)}.")
    lines.append("- A confidence is the probability of a tag as far as dev showed it, and no promise.")
    if "teacher" in found.scores[0]:
        lines.append("- Where its teacher is wrong, it has learned to be wrong.")
    return "\n".join(lines) + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _loading(found: RunScores, named: Named) -> str:
    folder = named.name.rpartition("/")[2]
    config = _read_config(found.folders[0])
    reads_words = (config.get("embedder") or {}).get("kind") == "word"  # which no pipeline of transformers does
    return f"""## How to load it

```sh
echo "Ada Lovelace lived in London." | nlptrain predict {folder}
```

{_WORDS.format(folder=folder) if reads_words else _PIPELINE.format(folder=folder)}
Without torch, from what `nlptrain export {folder} exported --precision int8` writes:

```python
from nlptrain_runtime import Tagger

print(Tagger("exported").predict(["Ada Lovelace lived in London."]))
```

```python
import spacy

nlp = spacy.blank("en")
nlp.add_pipe("nlptrain", config={{"model": "exported"}})
```
"""
