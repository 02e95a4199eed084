"""What says which of a training's weights are the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlptrain.config.objective import BestBy
from nlptrain.data.sentence import Sentence
from nlptrain.models.token_model import TokenModel
from nlptrain.training.divergence import Logits, divergence
from nlptrain.training.evaluation import evaluate_tags
from nlptrain.training.reporter import Reporter
from nlptrain.training.state import TrainState


@dataclass(frozen=True)
class Judge:
    """Looks at dev: by its score or, of a distilled student, by how far it is from its teacher there.

    The divergence counts every word. On WNUT17's dev, chosen on one half and scored on the other, it came to 0.6 points
    more F1 than the F1 itself did (two runs of 29 scorings, 500 halves each); on its test set, of other kinds of text,
    to 0.6 points less (the same two runs). So it is for those who ask for it.

    Attributes:
        model: what is trained.
        dev: what it is scored on.
        metric: another name for the score; None: its own.
        teacher: the teacher's logits of each dev sentence, [words, C]; None: there is no teacher.
        best_by: what chooses.
    """

    model: TokenModel
    dev: Sequence[Sentence]
    metric: str | None
    teacher: Sequence[Logits] | None
    best_by: BestBy

    def look(self, state: TrainState, reporter: Reporter) -> dict[str, float]:
        """Keep the averaged weights if they are the best so far; what metrics.jsonl says of them."""
        state.average.swap()
        with reporter.run.processes.waited_for():
            answers = self.model.answers([sentence.words for sentence in self.dev])
        labels = self.model.labels
        tags = [[labels.names[index] for index in answer.best] for answer in answers]
        scores = evaluate_tags(self.dev, tags, labels.scheme, metric=self.metric)
        found = {f"dev_{scores.metric}": scores.value}
        merit = scores.value
        if self.teacher is not None:
            found["dev_divergence"] = divergence(self.teacher, [answer.logits for answer in answers])
            merit = -found["dev_divergence"] if self.best_by == "divergence" else merit
        # Of equals the later: a small dev set soon stands still, at 0 or at 1, while training still teaches.
        best = merit >= state.progress.best_merit
        if best:
            state.keep_best(scores.value, merit)
        state.average.swap()
        reporter.scored(state.progress.step, scores.metric, scores.value, best=best)
        return found
