"""Cross-validate the temperature of confidences: python -m scripts.check_calibration GOLD RUN...

The temperature is fitted on every second sentence of a gold file, usually dev, and the expected calibration error (ECE)
computed on the others, then the other way round. Prints the mean of both, and the same without a temperature.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence

from nlptrain.data.corpus import Corpus
from nlptrain.data.gold_files import common_scheme
from nlptrain.data.labels import convert_scheme
from nlptrain.data.sentence import Sentence
from nlptrain.models import TokenModel, load_token_model
from nlptrain.models.prediction import to_tagged_sentence
from nlptrain.run.run import silence_libraries
from nlptrain.training.calibration import CalibrationErrors, calibration_errors, fit_temperature


def errors(
    model: TokenModel, fitted: Sequence[Sentence], scored: Sequence[Sentence]
) -> tuple[float, CalibrationErrors, CalibrationErrors]:
    """Fit the temperature on the first sentences; return it and the errors on the second ones, with it and without."""
    decoder, labels = model.decoder, model.labels
    emissions = [model.predict_emissions([sentence.words for sentence in part]) for part in (fitted, scored)]
    gold = [[sentence.tags or () for sentence in part] for part in (fitted, scored)]
    temperature = fit_temperature(decoder, emissions[0], gold[0], labels)
    with_it, without = (
        calibration_errors(
            gold[1],
            [to_tagged_sentence(prediction, labels) for prediction in decoder.predict(emissions[1], t)],
            labels.scheme,
        )
        for t in (temperature, 1.0)
    )
    return temperature, with_it, without


def describe(halves: Sequence[CalibrationErrors]) -> str:
    """Format the means of both halves."""
    words = statistics.mean(half.word for half in halves)
    entities = [half.entity for half in halves if half.entity is not None]
    return f"words {words:.4f}" + (f", entities {statistics.mean(entities):.4f}" if entities else "")


def models_with_gold(file: str, runs: Sequence[str]) -> Iterator[tuple[str, TokenModel, list[Sentence]]]:
    """Yield each run, its model, and the sentences of ``file`` with tags in the scheme of the model."""
    corpus = Corpus([file])
    sentences = corpus.read()
    scheme = common_scheme(corpus.readings) or "iob2"
    for run in runs:
        model = load_token_model(run)
        yield run, model, convert_scheme(sentences, "plain" if scheme == "plain" else "iob2", model.labels)


def main() -> None:
    """Print a line for each run."""
    silence_libraries()
    file, *runs = sys.argv[1:]
    for run, model, gold in models_with_gold(file, runs):
        halves = [gold[::2], gold[1::2]]
        temperatures, with_temperature, without = zip(
            *(errors(model, halves[fitted], halves[1 - fitted]) for fitted in (0, 1)), strict=True
        )
        print(
            f"{run}: ECE {describe(with_temperature)} (temperatures {temperatures[0]:.3f} and {temperatures[1]:.3f}); "
            f"without temperature: {describe(without)}"
        )


if __name__ == "__main__":
    main()
