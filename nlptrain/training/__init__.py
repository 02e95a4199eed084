"""Training: the objective protocol, the loop, evaluation, optimizer and state."""

from nlptrain.training.evaluation import Scores, evaluate, score
from nlptrain.training.examples import Examples
from nlptrain.training.loop import Fit, Step, fit, train_steps
from nlptrain.training.objective import GoldObjective, Loss, Objective, Targets

__all__ = [
    "Examples",
    "Fit",
    "GoldObjective",
    "Loss",
    "Objective",
    "Scores",
    "Step",
    "Targets",
    "evaluate",
    "fit",
    "score",
    "train_steps",
]
