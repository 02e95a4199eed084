"""Requirements on the metrics of compared runs, for CI."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nlptrain.analysis.comparison import Row, teacher_score
from nlptrain.errors import InputError, Setting, suggestion

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_REQUIREMENT = re.compile(r"\s*([^\s<>=](?:[^<>=]*[^\s<>=])?)\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*(%?)\s*")
_SETTING = Setting("require")
_MAX_LOSS = 0.10  # F1 that a type may be below the teacher's without a note


@dataclass(frozen=True)
class Requirement:
    """A bound for a metric of every student.

    Attributes:
        text: as given.
        metric: name of the metric, one of ``metrics``.
        comparison: ``>=``, ``<=``, ``>`` or ``<``.
        bound: right side of the comparison.
    """

    text: str
    metric: str
    comparison: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Parse a requirement such as ``share >= 0.95`` or ``type.person.f1 >= 40 %``.

        Raises:
            InputError: ``text`` is not a requirement.
        """
        match = _REQUIREMENT.fullmatch(text)
        try:
            bound = float(match[3]) if match else None
        except ValueError:
            bound = None
        if match is None or bound is None:
            expected = f"METRIC OPERATOR NUMBER, as in 'share >= 0.95' (operators: {' '.join(_OPERATORS)})"
            raise InputError(f"found {text!r}", location=_SETTING, expected=expected)
        return cls(text, match[1], match[2], bound / 100 if match[4] else bound)

    def failures(self, rows: Sequence[Row]) -> list[str]:
        """Return a message for each student among ``rows`` that does not meet the requirement.

        Students are the runs with a teacher or, if there is none, all runs that are not teachers.

        Raises:
            InputError: there is no student, or no metric of this name.
        """
        students = [row for row in rows if row.own_teacher is not None]
        students = students or [row for row in rows if row.command != "transformer_token"]
        if not students:
            raise InputError("no student among these runs", location=_SETTING)
        failures = []
        for row in students:
            known = metrics(row, rows)
            if self.metric not in known:
                hint = suggestion(self.metric, known) or f"known: {', '.join(known)}"
                raise InputError(f"{row.run} has no metric {self.metric!r}", location=_SETTING, hint=hint)
            value = known[self.metric]
            if not _OPERATORS[self.comparison](value, self.bound):
                failures.append(f"{row.run}: {self.metric} is {value:,.4g}, required is {self.text.strip()!r}")
        return failures


def metrics(row: Row, rows: Sequence[Row]) -> dict[str, float]:
    """Return the metrics of ``row`` that can be required, by name.

    ``share`` is its score divided by the teacher's, ``gain`` its score minus that of the best run without a teacher,
    ``speed`` its words per second divided by the teacher's; each only if ``rows`` hold what it is relative to.
    """
    scored = row.scores[row.split]
    values = {name: scored[name] for name in (scored["metric"], "precision", "recall") if name in scored}
    values |= {name: row.scores[name] for name in ("parameters", "bytes", "steps")}
    teacher = teacher_score(rows)
    if teacher:
        values["share"] = row.score / teacher
    controls = [other.score for other in rows if other.command == "tagger" and other is not row]
    if controls:
        values["gain"] = row.score - max(controls)
    if row.words_per_second:
        values["words_per_second"] = row.words_per_second
        base = next((other.words_per_second for other in rows if other.command == "transformer_token"), 0.0)
        values |= {"speed": row.words_per_second / base} if base else {}
    for label, type_scores in scored["types"].items():
        values |= {f"type.{label}.{name}": value for name, value in type_scores.items()}
    return {name: float(value) for name, value in values.items()}


def weak_types(row: Row) -> list[tuple[str, float, float]]:
    """Return the types whose F1 is more than 10 points below the teacher's, as (type, F1, the teacher's F1)."""
    if row.own_teacher is None:
        return []
    teacher_types = row.scores["teacher"][row.split]["types"]
    types = row.scores[row.split]["types"]
    pairs = ((name, types.get(name, {"f1": 0.0})["f1"], values["f1"]) for name, values in teacher_types.items())
    return [(name, f1, teacher_f1) for name, f1, teacher_f1 in pairs if teacher_f1 - f1 > _MAX_LOSS]
