"""What a model's score is where case does not help: python -m scripts.check_case GOLD RUN...

A student of an uncased teacher reads upper case, which its teacher does not. A gold file, usually dev, is scored as it
stands, in lower case, in capitals, and with a capital in front of each word.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from nlptrain.run.run import silence_libraries
from nlptrain.training.evaluation import evaluate
from scripts.check_calibration import models_with_gold

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "lower": str.lower,
    "UPPER": str.upper,
    "Initial": str.capitalize,
}


def main() -> None:
    """Print a line for each run."""
    silence_libraries()
    file, *runs = sys.argv[1:]
    for run, model, gold in models_with_gold(file, runs):
        found = []
        for name, spelled in SPELLINGS.items():
            text = [replace(one, words=tuple(spelled(word) for word in one.words)) for one in gold]
            found.append(f"{name} {100 * evaluate(model, text).value:.2f}")
        print(f"{run}: {', '.join(found)}")


if __name__ == "__main__":
    main()
