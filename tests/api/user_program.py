"""A program of a user, which mypy checks with --strict: every public function, and the types of its results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import nlptrain
from nlptrain import (
    COMMANDS,
    AugmentConfig,
    Comparison,
    Corpus,
    DataConfig,
    Entity,
    Evaluation,
    InputError,
    LabelBatch,
    Labels,
    Loss,
    ModelScores,
    Objective,
    Run,
    Sentence,
    Speed,
    SplitScores,
    StudentConfig,
    TaggedText,
    TaggedWord,
    Targets,
    TokenModel,
    TrainConfig,
    TransformerTokenClassifier,
    WordOutput,
    WordSplitter,
    load_config,
)
from nlptrain_runtime import TagBatch


class Gold:
    """An objective of one's own: the gold tags alone."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the negative log-likelihood."""
        return Loss({"gold": words.nll_loss(targets.gold)})


def train() -> TokenModel:
    """Train with maps, configurations, files and an objective."""
    data = DataConfig(train="train.conll", unlabeled=["a.txt", "b.txt"])
    nlptrain.train_transformer(model="bert-base-cased", data={"train": Path("train.conll")}, output_dir=Path("teacher"))
    nlptrain.train_tagger("tagger.yaml", student=StudentConfig(), seeds=[1, 2], precision="bf16")
    nlptrain.pseudo_label(teacher=Path("teacher"), data=data, objective={"targets": "soft"}, output_dir="student")
    objective: Objective = Gold()
    return nlptrain.distill(
        teacher="teacher",
        data=data,
        student={"encoder": {"kind": "gru"}},
        objective=objective,
        train=TrainConfig(steps=100),
        augment=AugmentConfig(),
        output_dir="student",
        overwrite=True,
        workers=2,
        progress=True,
    )


def use(model: TokenModel) -> Iterator[str]:
    """Predict, measure, save and publish."""
    assert_type(model.predict("Ada lives in London."), TaggedText)
    assert_type(model.predict(["Ada lives in London."], min_confidence={"person": 0.5}), list[TaggedText])
    entity: Entity = model.predict("Ada").entities[0]
    word: TaggedWord = model.predict("Ada").words[0]
    yield f"{entity.label} {entity.start + 1} {entity.confidence:.2f} {word.tag} {word.end}"
    scores: ModelScores = model.scores
    dev: SplitScores = scores.dev
    yield f"{dev.metric} {dev.value:.4f} {scores.parameters:,}"
    moved: TokenModel = model.to("cpu")
    moved.save_pretrained("folder")
    yield moved.push_to_hub("owner/name", private=True)
    assert_type(nlptrain.load("folder"), TokenModel)
    assert_type(TokenModel.from_pretrained(Path("folder")), TokenModel)
    assert_type(TransformerTokenClassifier.from_pretrained("teacher"), TransformerTokenClassifier)
    yield from nlptrain.predict(model, ["a.txt", Path("b.txt")], output_format="conll")


def label_batches(batch: dict[str, list[str]]) -> dict[str, list[str]]:
    """Add predictions to a batch; the type is that of the batch."""
    tagged = TagBatch(Path("exported"), text="body", threads=2, min_confidence=0.5)(batch)
    assert_type(tagged, dict[str, list[str]])
    return LabelBatch("teacher", tokens="tokens", min_confidence={"person": 0.5}, precision="bf16")(tagged)


def measure(model: TokenModel) -> None:
    """Evaluate, compare, export."""
    evaluation: Evaluation = nlptrain.evaluate(model, "test.conll", data={"scheme": "iob2"})
    evaluation.scores.value.as_integer_ratio()
    comparison: Comparison = nlptrain.compare(["teacher", Path("student")], require=["share >= 0.95"], bootstrap=1000)
    comparison.failures.sort()
    exported: Path = nlptrain.export("student", "exported", precision=["fp32", "int8"])
    speeds: list[Speed] = nlptrain.benchmark([exported, "student"], text="raw.txt")
    speeds[0].words_per_second.as_integer_ratio()


def read() -> list[Sentence]:
    """Read a configuration and gold files."""
    try:
        config = load_config(COMMANDS["tagger"], "tagger.yaml", ["train.steps=5"]).config
    except InputError as error:
        raise SystemExit(str(error)) from error
    labels = Labels.from_names(["O", "B-person", "I-person"])
    words = WordSplitter.default().words(f"{Run(None, device='cpu').device} {labels.names} {config.output_dir}")
    return [*Corpus(Path("train.conll")), Sentence(tuple(words))]
