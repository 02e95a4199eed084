"""Score models on text without the usual case: python -m scripts.check_case GOLD RUN...

A student of an uncased teacher sees upper case, which its teacher does not. A gold file, usually dev, is scored as it
is, in lower case, in capitals, and with a capital in front of each word.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from nlptrain.run.run import silence_libraries
from nlptrain.training.evaluation import score_model
from scripts.check_calibration import models_with_gold

SPELLINGS: dict[str, Callable[[str], str]] = {
    "unchanged": str,
    "lower": str.lower,
    "UPPER": str.upper,
    "Initial": str.capitalize,
}


def main() -> None:
    """Print a line for each run."""
    silence_libraries()
    file, *runs = sys.argv[1:]
    for run, model, gold in models_with_gold(file, runs):
        results = []
        for name, respell in SPELLINGS.items():
            text = [replace(sentence, words=tuple(map(respell, sentence.words))) for sentence in gold]
            results.append(f"{name} {100 * score_model(model, text).value:.2f}")
        print(f"{run}: {', '.join(results)}")


if __name__ == "__main__":
    main()
