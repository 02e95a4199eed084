"""How honest confidences are where they were not fitted: python -m scripts.check_calibration GOLD RUN...

The sentences of a gold file, usually dev, are halved by turns. The temperature is fitted on one half and the expected
calibration error taken on the other, then the other way round; what is printed is the mean of both, with the same
without a temperature beside it.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence

from nlptrain.data.corpus import Corpus
from nlptrain.data.labels import convert_scheme
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import detect_schemes
from nlptrain.models import TokenModel, load_token_model
from nlptrain.models.confidence import to_tagged_sentence
from nlptrain.run.run import silence_libraries
from nlptrain.training.calibration import CalibrationErrors, calibration_errors, fit_temperature


def errors(
    model: TokenModel, fitted: Sequence[Sentence], scored: Sequence[Sentence]
) -> tuple[float, CalibrationErrors, CalibrationErrors]:
    """The temperature that fits the first sentences, and the errors on the second ones with it and without."""
    rule, labels = model.decoder, model.labels
    read = [model.predict_emissions([sentence.words for sentence in part]) for part in (fitted, scored)]
    gold = [[sentence.tags or () for sentence in part] for part in (fitted, scored)]
    temperature = fit_temperature(rule, read[0], gold[0], labels)
    with_it, without = (
        calibration_errors(
            gold[1], [to_tagged_sentence(answer, labels) for answer in rule.predict(read[1], t)], labels.scheme
        )
        for t in (temperature, 1.0)
    )
    return temperature, with_it, without


def described(found: Sequence[CalibrationErrors]) -> str:
    """The means of both halves."""
    word = statistics.mean(one.word for one in found)
    entity = [one.entity for one in found if one.entity is not None]
    return f"{word:.4f} by word" + (f", {statistics.mean(entity):.4f} by entity" if entity else "")


def models_with_gold(file: str, runs: Sequence[str]) -> Iterator[tuple[str, TokenModel, list[Sentence]]]:
    """Each run, its model, and the sentences of ``file`` with their tags as the model writes them."""
    sentences = list(Corpus([file]))
    scheme = detect_schemes({"gold": sentences}, "auto")["gold"]
    for run in runs:
        model = load_token_model(run)
        yield run, model, convert_scheme(sentences, scheme, model.labels)


def main() -> None:
    """Print a line for each run."""
    silence_libraries()
    file, *runs = sys.argv[1:]
    for run, model, gold in models_with_gold(file, runs):
        halves = [gold[::2], gold[1::2]]
        found = [errors(model, halves[fitted], halves[1 - fitted]) for fitted in (0, 1)]
        print(
            f"{run}: expected calibration error {described([one[1] for one in found])} "
            f"(temperatures {found[0][0]:.3f} and {found[1][0]:.3f}); {described([one[2] for one in found])} without"
        )


if __name__ == "__main__":
    main()
