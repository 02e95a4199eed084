"""What was repaired or skipped while files were read, by cause, with the first locations of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from nlptrain.errors import InputError, Problem, Setting, Text

Action = Literal["repaired", "skipped"]
_EXAMPLES = 3  # locations of a cause that are logged
_MAX_PROBLEMS = 200  # that an error lists
_FREE = 100  # skipped sentences that are never too many


@dataclass
class Cause:
    """One kind of fault.

    Attributes:
        action: what was done about it.
        text: the kind, without values of a single case, e.g. ``empty word with tag O, left out``.
        count: the number of cases.
        problems: the first cases: three, 200 if the report is strict, or all if it keeps all.
    """

    action: Action
    text: str
    count: int = 0
    problems: list[Problem] = field(default_factory=list)

    def cases(self, name_of: Callable[[str], str] = str) -> list[str]:
        """Return the location and the fault of each problem; ``name_of`` as for ``Problem.render``."""
        return [problem.render(name_of).removesuffix(": ") for problem in self.problems]

    def describe(self) -> str:
        """Return the cause in one line, for the log.

        Example:
            >>> Cause("repaired", "empty word with tag O, left out", 2, [Problem("", "a.conll:3")]).describe()
            'repaired: empty word with tag O, left out: 2 (a.conll:3, ...)'
        """
        examples = self.cases()[:_EXAMPLES]
        more = ["..."] if self.count > len(examples) else []
        return f"{self.action}: {self.text}: {self.count:,} ({', '.join([*examples, *more])})"


class ReadReport:
    """Collects the faults of the files of a split, or of several.

    Readers report what they repair and what they skip, and go on. If the report is strict, ``check`` raises with all
    faults at once.

    Attributes:
        sentences: the number of sentences that were read, without those that were skipped.
        notes: what a reader decided, e.g. the columns of a file; logged once each.
        omitted: the number of texts that are left out, or used in part, because the annotators decided so, by reason.
        unreadable: the problems of files that cannot be read at all, if reading goes on with the next file.
        mentions: of files with spans, how each was found in the text: ``exact``, ``trimmed``, ``case``, ``fuzzy``,
            ``lost``, ...

    Example:
        >>> report = ReadReport()
        >>> report.repaired("empty word with tag O, left out", "a.conll:3")
        >>> report.skipped("line without a tag", "a.conll:9", "found 1 column ('and')", expected="a word and a tag")
        >>> report.to_json()["skipped"]
        {'line without a tag': 1}
    """

    def __init__(self, *, is_strict: bool = False, max_faulty: float = 0.02, keeps_all: bool = False) -> None:
        """Create an empty report.

        Args:
            is_strict: refuse any fault.
            max_faulty: the share of sentences that may be skipped, from 0 to 1, if they are more than a hundred.
            keeps_all: keep every case, not the first ones alone.
        """
        self.is_strict = is_strict
        self.max_faulty = max_faulty
        self.sentences = 0
        self.notes: dict[str, None] = {}
        self.omitted: Counter[str] = Counter()
        self.unreadable: list[Problem] = []
        self.mentions: Counter[str] = Counter()
        self._keeps_all = keeps_all
        self._causes: dict[tuple[Action, str], Cause] = {}

    @property
    def causes(self) -> list[Cause]:
        """The causes in the order in which they first occurred."""
        return list(self._causes.values())

    def repaired(self, cause: str, location: str, detail: Text = "", *, expected: Text = "", count: int = 1) -> None:
        """Count a repair; a sentence may have several."""
        self._add("repaired", cause, Problem(detail, location, expected), count)

    def skipped(self, cause: str, location: str, detail: Text = "", *, expected: Text = "", hint: Text = "") -> None:
        """Count a skipped sentence."""
        self._add("skipped", cause, Problem(detail, location, expected, hint), 1)

    def skip(self, cause: str, error: InputError) -> None:
        """Count a sentence that is skipped because of ``error``."""
        self._add("skipped", cause, error.problems[0], 1)

    def add(self, other: ReadReport) -> None:
        """Add what ``other``, the report of another part of the files, has collected."""
        self.sentences += other.sentences
        self.notes |= other.notes
        self.omitted += other.omitted
        self.unreadable += other.unreadable
        self.mentions += other.mentions
        for cause in other.causes:
            own = self._causes.setdefault((cause.action, cause.text), Cause(cause.action, cause.text))
            own.count += cause.count
            limit = None if self._keeps_all else _MAX_PROBLEMS if self.is_strict else _EXAMPLES
            own.problems = [*own.problems, *cause.problems][:limit]

    def note(self, text: str) -> None:
        """Record a decision about a file."""
        self.notes[text] = None

    def log(self, log: Callable[[str], None]) -> None:
        """Log the notes, a line per cause unless ``check`` raises all, and how spans were found in their texts."""
        for text in self.notes:
            log(text)
        for reason, count in self.omitted.items():
            log(f"omitted: {count:,} text{'s' * (count > 1)} {reason}")
        for cause in [] if self.is_strict else self.causes:
            log(cause.describe())
        if set(self.mentions) - {"exact"}:
            log(describe_mentions(self.mentions))

    def check(self) -> None:
        """Raise if a file cannot be read, if a strict report has a fault, or if too many sentences were skipped.

        Raises:
            InputError: with the faults.
        """
        if self.unreadable or (self.is_strict and self.causes):
            raise InputError(*self.unreadable, *self._problems(self.causes if self.is_strict else []))
        skipped = [cause for cause in self.causes if cause.action == "skipped"]
        count = sum(cause.count for cause in skipped)
        if count > _FREE and count > self.max_faulty * (self.sentences + count):
            share = count / (self.sentences + count)
            limit = f"{self.max_faulty * 100:g}% may be (", Setting("data.max_faulty"), ")"
            raise InputError(
                *self._problems(skipped, _EXAMPLES),
                (
                    f"skipped {count:,} of {self.sentences + count:,} sentences ({share:.1%}), and at most ",
                    *limit,
                    "; check the format, the columns and the scheme of the files",
                ),
            )

    def to_json(self) -> dict[str, Any]:
        """Return the counts for ``scores.json``; without entries where there are none."""
        values: dict[str, Any] = {"sentences": self.sentences}
        for action in ("repaired", "skipped"):
            counts = {cause.text: cause.count for cause in self.causes if cause.action == action}
            if counts:
                values[action] = counts
        counters = {"omitted": self.omitted, "mentions": self.mentions}
        return values | {name: dict(counter) for name, counter in counters.items() if counter}

    def _add(self, action: Action, text: str, problem: Problem, count: int) -> None:
        cause = self._causes.setdefault((action, text), Cause(action, text))
        cause.count += count
        keeps = self._keeps_all or len(cause.problems) < (_MAX_PROBLEMS if self.is_strict else _EXAMPLES)
        if keeps:
            cause.problems.append(problem)

    def _problems(self, causes: list[Cause], limit: int = _MAX_PROBLEMS) -> list[Problem | Text]:
        """Return the first cases of ``causes``, each with its cause, and the number of the others."""
        problems: list[Problem | Text] = []
        for cause in causes:
            for problem in cause.problems[: max(1, limit - len(problems))]:
                text = (cause.text, ": ", *_parts(problem.found)) if problem.found else cause.text
                problems.append(Problem(text, problem.location, problem.expected, problem.hint))
        more = sum(cause.count for cause in causes) - len(problems)
        return [*problems, f"(+{more:,} more)"] if more > 0 else problems


def describe_mentions(mentions: Counter[str]) -> str:
    """Describe how spans were found in their texts, for the log.

    Example:
        >>> describe_mentions(Counter(exact=90, case=9, lost=1))
        'mentions: 100 (exact 90.0 %, case 9.0 %, lost 1.0 %)'
    """
    total = sum(mentions.values())
    shares = ", ".join(f"{kind} {count / total:.1%}".replace("%", " %") for kind, count in mentions.items())
    return f"mentions: {total:,} ({shares})"


def _parts(text: Text) -> tuple[str | Setting, ...]:
    return text if isinstance(text, tuple) else (text,)
