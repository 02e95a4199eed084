"""Gates: what runs must reach, for CI."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nlptrain.analysis.comparison import Row, teacher_score
from nlptrain.errors import InputError
from nlptrain.suggestions import suggest

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_GATE = re.compile(r"\s*([^\s<>=](?:[^<>=]*[^\s<>=])?)\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*(%?)\s*")
_BEHIND = 0.10  # of a type's F1: who is further behind its teacher is named


@dataclass(frozen=True)
class Gate:
    """A bound for a figure of every student.

    Attributes:
        text: as it was given.
        figure: its name.
        compared: ``>=``, ``<=``, ``>`` or ``<``.
        bound: what it is compared with.
    """

    text: str
    figure: str
    compared: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Gate:
        """The gate that ``text`` writes, as in ``share >= 0.95`` or ``type.person.f1 >= 40 %``.

        Raises:
            InputError: it is none.
        """
        match = _GATE.fullmatch(text)
        try:
            bound = float(match[3]) if match else None
        except ValueError:
            bound = None
        if match is None or bound is None:
            raise InputError(
                f"--require: found {text!r}; a gate is FIGURE OPERATOR NUMBER, as in 'share >= 0.95' "
                f"(operators: {' '.join(_OPERATORS)})"
            )
        return cls(text, match[1], match[2], bound / 100 if match[4] else bound)

    def failures(self, rows: Sequence[Row]) -> list[str]:
        """A sentence for each student among ``rows`` that does not reach it.

        Students are the runs that learned from a teacher or, where none did, all that are no teacher.

        Raises:
            InputError: there is no student, or no figure of this name.
        """
        students = [row for row in rows if row.own_teacher is not None]
        students = students or [row for row in rows if row.command != "transformer_token"]
        if not students:
            raise InputError("--require: there is no student among these runs")
        found = []
        for row in students:
            known = figures(row, rows)
            if self.figure not in known:
                hint = suggest(self.figure, known) or f"; known: {', '.join(known)}"
                raise InputError(f"--require: {row.run} has no figure {self.figure!r}{hint}")
            value = known[self.figure]
            if not _OPERATORS[self.compared](value, self.bound):
                found.append(f"{row.run}: {self.figure} is {value:,.4g}, and {self.text.strip()!r} is required")
        return found


def figures(row: Row, rows: Sequence[Row]) -> dict[str, float]:
    """What can be required of ``row``, by name.

    ``share`` is its score over the teacher's, ``gain`` its score less that of the best run without a teacher, ``speed``
    its words per second over the teacher's; each is there where it can be said.
    """
    scored = row.scores[row.split]
    found = {name: scored[name] for name in (scored["metric"], "precision", "recall") if name in scored}
    found |= {"parameters": row.scores["parameters"], "bytes": row.scores["bytes"], "steps": row.scores["steps"]}
    teacher = teacher_score(rows)
    if teacher:
        found["share"] = row.score / teacher
    controls = [one.score for one in rows if one.command == "tagger" and one is not row]
    if controls:
        found["gain"] = row.score - max(controls)
    if row.words_per_second:
        found["words_per_second"] = row.words_per_second
        base = next((one.words_per_second for one in rows if one.command == "transformer_token"), 0.0)
        found |= {"speed": row.words_per_second / base} if base else {}
    for name, values in scored["types"].items():
        found |= {f"type.{name}.{key}": value for key, value in values.items()}
    return {name: float(value) for name, value in found.items()}


def far_behind(row: Row) -> list[tuple[str, float, float]]:
    """The types of which ``row`` has more than 10 points of F1 less than its teacher: name, its F1, the teacher's."""
    if row.own_teacher is None:
        return []
    own = row.scores["teacher"][row.split]["types"]
    types = row.scores[row.split]["types"]
    return [
        (name, types.get(name, {"f1": 0.0})["f1"], values["f1"])
        for name, values in own.items()
        if values["f1"] - types.get(name, {"f1": 0.0})["f1"] > _BEHIND
    ]
