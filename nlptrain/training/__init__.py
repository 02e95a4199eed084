"""Training: the objective protocol, the loop, evaluation, optimizer and state."""

from nlptrain.training.evaluation import Scores, score, score_model
from nlptrain.training.examples import Examples
from nlptrain.training.loop import Fit, fit
from nlptrain.training.objective import Loss, Objective, SupervisedObjective, Targets
from nlptrain.training.steps import Step, train_steps

__all__ = [
    "Examples",
    "Fit",
    "SupervisedObjective",
    "Loss",
    "Objective",
    "Scores",
    "Step",
    "Targets",
    "score_model",
    "fit",
    "score",
    "train_steps",
]
