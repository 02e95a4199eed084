"""What each process of ``test_processes.py`` runs: some steps of plain SGD, whose weights the first one writes down."""

import json
import sys
from pathlib import Path

from safetensors.torch import save_file

from nlptrain.training import steps
from tests.training.test_loop import config, sgd_steps


def main(tiny_bert: str, folder: str) -> None:
    """Train with and without a teacher, in float64; the tables are taken for large ones, and the norm is cut."""
    steps._TALL = 16
    settings = config(batch_sentences=5, clip_norm=0.5, micro_batches=2)
    for name, distill in (("gold", False), ("taught", True)):
        model, losses, run = sgd_steps(Path(tiny_bert), settings, distill=distill, steps=6)
        if run.processes.first:
            tensors = {key: value.detach().clone() for key, value in model.model.named_parameters()}
            save_file(tensors, Path(folder) / f"{name}.safetensors")
            (Path(folder) / f"{name}.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main(*sys.argv[1:])
