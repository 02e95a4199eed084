"""A model card from a finished run: its scores, its data, its size and speed, its limits, and how to load it.

The text is in ``card.md.jinja``. Names of labels, files and models are data: each is escaped where it is inserted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nlptrain import __version__
from nlptrain.analysis.comparison import RunScores, read_run_scores
from nlptrain.config.components import EMBEDDERS
from nlptrain.errors import InputError
from nlptrain.run.checksums import DamagedFile, read_json, verify_files
from nlptrain.urls import is_url, redact

_RARE_SUPPORT = 50  # entities of a type: the F1 of fewer is not reliable
_POOR = 0.5  # precision or recall below which a type is named among the limits
_METHODS = {
    "transformer_token": "A transformer, fine-tuned on gold tags",
    "tagger": "A small tagger, trained on gold tags alone",
    "tagger_kd": "A small tagger, distilled: it learned the logits of a transformer (knowledge distillation)",
    "pseudo_label": "A small tagger, distilled: it learned a transformer's predictions on raw text (pseudo-labels)",
}


@dataclass(frozen=True)
class ModelInfo:
    """Facts about the model that the run does not contain.

    Attributes:
        name: of the model.
        dataset: name of the data set of the scores.
        license: as the Hub writes it, or None.
        language: of the text, codes as the Hub writes them.
        base_model: names on the Hub of the models that it was made from.
    """

    name: str
    dataset: str
    license: str | None = None
    language: Sequence[str] = ()
    base_model: Sequence[str] = ()


def model_card(
    run: str | Path, info: ModelInfo, *, control: str | Path | None = None, speeds: str | Path | None = None
) -> str:
    """Return the card of the model in ``run``, with the Hub's metadata.

    Args:
        run: a finished run, or a folder of several seeds.
        info: facts that only the owner knows.
        control: a finished run of the same student without a teacher.
        speeds: the output of ``nlptrain benchmark`` as JSON.

    Raises:
        InputError: a run has not finished, or a file cannot be read.
    """
    finished = read_run_scores(Path(run))
    split = "test" if all("test" in scores for scores in finished.scores) else "dev"
    control_scores = None if control is None else read_run_scores(Path(control))
    if control_scores is not None and any(split not in scores for scores in control_scores.scores):
        raise InputError(
            f"has no scores on {split}, the split of the scores of {run}",
            location=str(control),
            hint="name a run of the same data",
        )
    speed_figures = None if speeds is None else _read_speeds(Path(speeds))
    return (
        _environment()
        .get_template("card.md.jinja")
        .render(
            info=info,
            metadata=_metadata(finished, split, info).to_yaml(),
            **_model_values(finished, info),
            **_score_values(finished, split, control_scores),
            **_type_values(finished, split),
            **_data_values(finished),
            speeds=speed_figures,
            version=__version__,
        )
    )


def _environment() -> Environment:
    """Return the environment: all inserted text is escaped for Markdown, except with ``code`` or ``safe``."""
    environment = Environment(
        loader=PackageLoader("nlptrain", "deployment"),
        autoescape=False,  # the output is Markdown, which escape_markdown escapes
        finalize=lambda value: escape_markdown(value) if isinstance(value, str) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "code": escape_code,
        "base_name": lambda name: PurePath(name).name,
        "round_support": round,
    }
    return environment


def escape_markdown(text: str) -> str:
    r"""Escape a text that is inserted into a line or a table cell: no HTML, cells, lines, code, links or images.

    Example:
        >>> print(escape_markdown("a|b <script> [x](y)"))
        a\|b &lt;script> \[x](y)
    """
    if isinstance(text, Markup):  # the template marks it as safe
        return text
    line = " ".join(text.splitlines())
    return re.sub(r"[|`\[\\]", lambda match: f"\\{match[0]}", line.replace("&", "&amp;").replace("<", "&lt;"))


def escape_code(text: str) -> Markup:
    """Escape a name that is inserted into a code block, between double quotes or as a word of a command."""
    line = " ".join(text.splitlines()).replace("`", "'")
    return Markup(re.sub(r'["$\\]', lambda match: f"\\{match[0]}", line))  # noqa: S704 - Markdown, not HTML


def _metadata(finished: RunScores, split: str, info: ModelInfo) -> ModelCardData:
    scores = finished.mean(split)[split]
    distillation_tags = ["knowledge-distillation"] if "teacher" in finished.scores[0] else []
    # Agreement with a teacher is no score on gold tags, and has no precision.
    metrics = ["f1", "precision", "recall"] if scores["metric"] == "f1" else [scores["metric"]]
    results = [
        EvalResult(
            task_type="token-classification",
            dataset_type=info.dataset,
            dataset_name=info.dataset,
            dataset_split=split,
            metric_type=metric,
            metric_name=metric,
            metric_value=round(float(scores[metric]), 4),
        )
        for metric in metrics
    ]
    return ModelCardData(
        language=list(info.language) or None,
        license=info.license,
        library_name="nlptrain",
        pipeline_tag="token-classification",
        tags=["token-classification", "nlptrain", *distillation_tags],
        base_model=list(info.base_model) or None,
        metrics=metrics,
        model_name=info.name,
        eval_results=results,
    )


def _model_values(finished: RunScores, info: ModelInfo) -> dict[str, Any]:
    scores = finished.scores[0]
    config = _read_config(finished.folders[0])
    return {
        "scores": {"teacher": None, **scores},
        "method": _METHODS[scores["command"]],
        "labels": [config["id2label"][key] for key in sorted(config["id2label"], key=int)],
        "scheme": config.get("nlptrain_scheme") or "unknown",
        "folder": info.name.rpartition("/")[2],
        "reads_words": _reads_words(config),  # transformers' pipeline cannot
    }


def _reads_words(config: Mapping[str, Any]) -> bool:
    embedder = config.get("embedder")
    return isinstance(embedder, dict) and not EMBEDDERS[str(embedder.get("kind"))].config.has_tokenizer


def _read_config(folder: Path) -> dict[str, Any]:
    """Read the ``config.json`` of the model in the run ``folder``, with its label names."""
    verify_files(folder, "model/config.json")
    path = folder / "model" / "config.json"
    config = read_json(path)
    labels = config.get("id2label") if isinstance(config, dict) else None
    if not isinstance(labels, dict) or not all(key.isdecimal() for key in labels):
        raise DamagedFile(path, "it has no label names", "train the run again with overwrite: true")
    return dict(config)


def _score_values(finished: RunScores, split: str, control: RunScores | None) -> dict[str, Any]:
    split_scores = finished.mean(split)[split]
    metric = split_scores["metric"]
    first = finished.scores[0]
    teacher: dict[str, Any] = first.get("teacher") or {}
    teacher_score = teacher[split][metric] if split in teacher else None
    rows = [_score_row("this model", finished, split)]
    if teacher_score is not None:
        name = f"its teacher ({teacher['parameters']:,} parameters)"
        rows.append({"name": name, "value": f"{teacher_score:.4f}", "seeds": "one"})
    if control is not None:
        rows.append(_score_row("the control: no teacher", control, split))
    return {
        "split": split,
        "metric": metric,
        "split_scores": split_scores,
        "score_rows": rows,
        "share_of_teacher": split_scores[metric] / teacher_score if teacher_score else None,
        "lacks_control": control is None and first["command"] in ("tagger_kd", "pseudo_label"),
        "calibration": first.get("calibration", {}).get(split),
    }


def _score_row(name: str, run: RunScores, split: str) -> dict[str, str]:
    scores, spread = run.mean(split)[split], run.spread(split)
    value = f"{scores[scores['metric']]:.4f}"
    if spread is not None:
        value += f" ({spread[0]:.4f} to {spread[1]:.4f})"
    seeds = f"{len(run.seeds)}: mean, smallest to largest" if run.seeds else "one"
    return {"name": name, "value": value, "seeds": seeds}


def _type_values(finished: RunScores, split: str) -> dict[str, Any]:
    types = sorted(finished.mean(split)[split]["types"].items())
    return {
        "types": types,
        "rare_types": [name for name, row in types if row["support"] < _RARE_SUPPORT],
        "rare_support": _RARE_SUPPORT,
        "poor_types": [name for name, row in types if min(row["precision"], row["recall"]) < _POOR],
    }


def _data_values(finished: RunScores) -> dict[str, Any]:
    scores = finished.scores[0]
    versions = [f"{name} {version}" for name, version in scores["versions"].items() if version != "?"]
    return {
        "inputs": [(_short_name(name), file_hash) for name, file_hash in scores["inputs"].items()],
        "seeds": ", ".join(map(str, finished.seeds or [scores["seed"]])),
        "versions": ", ".join(versions),
    }


def _short_name(name: str) -> str:
    """Return a URL, or a file's name with its folder: the rest of the path belongs to one machine."""
    if is_url(name):
        return redact(name)
    model, colon, file = name.rpartition(":")
    return f"{PurePath(model).name}: {file}" if colon else "/".join(PurePath(name).parts[-2:])


def _read_speeds(path: Path) -> dict[str, Any]:
    try:
        speeds = json.loads(path.read_text(encoding="utf-8"))
        _ = speeds["threads"], [model["words_per_second"] for model in speeds["models"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot be read ({error})", location=str(path), expected="the output of nlptrain benchmark as JSON"
        ) from error
    return dict(speeds)
