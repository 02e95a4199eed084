"""ActorPool: actors of a Ray cluster that share tasks; those that die are replaced, and their tasks repeated."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from nlptrain.distillation.failed_sentences import BrokenTeacherError
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.errors import message_line

MAX_DEATHS = 5  # of the actors that work on a task, before it is given up
_MAX_REPEATS = 5  # of a task whose result could not be stored
_MAX_FAILED_STARTS = 5  # before any actor was ready
_IN_FLIGHT = 2  # tasks of each actor: the second one waits there, so that no actor is idle
_POLL_SECONDS = 1.0  # after which a signal is handled at the latest
_LOG_SECONDS = 20
_HUNG_SECONDS = 3600.0  # without an end, or twenty times the longest task, after which an actor is replaced
_MAX_DELAY = 600.0  # seconds between the starts of actors that fail
_MAX_REASON = 200  # characters

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result")


class StorageError(Exception):
    """A file could not be read or written by an actor; its argument is the error, and the task is repeated."""


@dataclass(eq=False)
class _Actor(Generic[Task]):
    """An actor with the tasks that it was given and has not finished, the first one first, and when each was given."""

    handle: Any
    tasks: dict[Any, tuple[Task, float]] = field(default_factory=dict)


class ActorPool:
    """Actors that share tasks.

    Ray restarts actors by itself, but then for ever or never; here, an actor that dies, with its node or alone, is
    replaced, and its tasks go to others. An actor has to pass a check before it gets a task, so that a machine which
    cannot work is not taken for a task that cannot be done.
    """

    def __init__(
        self, create: Callable[[], Any], fewest: int, most: Callable[[], int], log: Callable[[str], None]
    ) -> None:
        """Create no actor yet.

        Args:
            create: returns the handle of a new actor, which may wait for room in the cluster.
            fewest: actors that must be ready before the first task is given.
            most: returns how many there may be.
            log: receives a line when an actor has died, or while nothing is finished.
        """
        self._create = create
        self._fewest = fewest
        self._most = most
        self._log = log
        self._check: Callable[[Any], Any]  # set by ``run``
        self._starting: dict[Any, _Actor[Any]] = {}
        self._ready: list[_Actor[Any]] = []
        self._has_started = self._has_worked = False
        self._failed_starts = 0
        self._repeats: Counter[Hashable] = Counter()
        self._next_start = self._logged = time.monotonic()
        self._longest = 0.0

    @property
    def size(self) -> int:
        """The number of actors that are ready."""
        return len(self._ready)

    def run(
        self,
        tasks: Iterable[Task],
        start: Callable[[Any, Task], Any],
        check: Callable[[Any], Any],
        split: Callable[[Task, int], Sequence[Task] | None] | None = None,
    ) -> Iterator[tuple[Task, Result]]:
        """Yield each of ``tasks`` with its result as soon as it is finished.

        Args:
            tasks: are read as they are needed.
            start: starts a task on an actor, and returns the reference of its result.
            check: starts the check of an actor, and returns its reference.
            split: returns the tasks that replace one during which this number of actors have died, or None if it is
                to be repeated; None: a task is repeated four times.

        Raises:
            InputError: actors cannot start, five have died during a task, the cluster has ended, or as ``split``.
            Exception: what a task has raised.
        """
        import ray

        self._check = check
        self._check_idle()
        rest, waiting, deaths = iter(tasks), deque[Task](), Counter[Task]()
        self._repeats.clear()
        while True:
            self._read_ahead(rest, waiting)
            if not waiting and not any(actor.tasks for actor in self._ready):
                return
            self._add_actors(len(waiting) + sum(len(actor.tasks) for actor in self._ready))
            self._give_tasks(waiting, start)
            running = {ref: actor for actor in self._ready for ref in actor.tasks}
            refs = [*running, *self._starting]
            if not refs:  # the next actor is not started yet
                time.sleep(_POLL_SECONDS)
            done = ray.wait(refs, num_returns=1, timeout=_POLL_SECONDS)[0] if refs else []
            for ref in done:
                if ref in self._starting:
                    self._finish_start(ref)
                    continue
                yield from self._finish(running[ref], ref, waiting, deaths, split)
            if not done:
                self._watch(len(running))

    def close(self) -> None:
        """End all actors."""
        import ray

        for actor in [*self._starting.values(), *self._ready]:
            ray.kill(actor.handle)
        self._starting, self._ready, self._has_started = {}, [], False

    def _read_ahead(self, rest: Iterator[Task], waiting: deque[Task]) -> None:
        """Read as many tasks as all actors may be given."""
        count = (_IN_FLIGHT + 1) * self._most()
        for task in rest if len(waiting) < count else ():
            waiting.append(task)
            if len(waiting) >= count:
                return

    def _add_actors(self, tasks: int) -> None:
        """Create actors for this number of tasks."""
        wanted = min(self._most(), max(self._fewest, tasks)) - len(self._ready) - len(self._starting)
        for _ in range(wanted if time.monotonic() >= self._next_start else 0):
            actor: _Actor[Any] = _Actor(self._create())
            self._starting[self._check(actor.handle)] = actor

    def _check_idle(self) -> None:
        """Check actors without a task again: nothing else shows that one of them has died."""
        for actor in [actor for actor in self._ready if not actor.tasks]:
            self._ready.remove(actor)
            self._starting[self._check(actor.handle)] = actor

    def _finish_start(self, ref: Any) -> None:  # noqa: ANN401
        """Add an actor that has passed its check to those that are ready.

        Raises:
            InputError: it has not, and no other one has; later, it is dropped, and the next one starts after a while.
        """
        import ray

        actor = self._starting.pop(ref)
        try:
            ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            if not self._has_worked and not self._ready and isinstance(error.cause, InputError):
                raise error.cause from None
            self._drop(actor, error.cause)
        except ray.exceptions.RayError as error:
            self._drop(actor, error)
        else:
            self._failed_starts = 0
            self._ready.append(actor)

    def _drop(self, actor: _Actor[Any], error: BaseException) -> None:
        """End an actor that cannot work."""
        import ray

        ray.kill(actor.handle)
        lines = str(error).strip().split("\n")
        reason = message_line(next((line for line in reversed(lines) if line.strip()), "unknown"))[:_MAX_REASON]
        self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS and not self._has_worked and not self._ready:
            raise InputError(
                f"{self._failed_starts} actors could not start; the last reason: {reason}",
                location=Setting("labeling.engine"),
                hint="install nlptrain, in the same environment, on all nodes of the cluster",
            )
        delay = min(_MAX_DELAY, 2.0**self._failed_starts) if self._failed_starts > 1 else 0.0
        self._next_start = time.monotonic() + delay
        self._log(f"ray: an actor cannot work ({reason}); the next one starts in {delay:.0f} s")

    def _give_tasks(self, waiting: deque[Task], start: Callable[[Any, Task], Any]) -> None:
        """Give tasks to the actors that are ready, first to those that have none."""
        self._has_started = self._has_started or len(self._ready) >= self._fewest
        for level in range(1, _IN_FLIGHT + 1) if self._has_started else ():
            for actor in self._ready:
                # The last tasks go to actors that are idle.
                is_enough = level == 1 or len(waiting) > len(self._ready)
                if waiting and is_enough and len(actor.tasks) < level:
                    task = waiting.popleft()
                    actor.tasks[start(actor.handle, task)] = task, time.monotonic()

    def _finish(
        self,
        actor: _Actor[Task],
        ref: Any,  # noqa: ANN401
        waiting: deque[Task],
        deaths: Counter[Task],
        split: Callable[[Task, int], Sequence[Task] | None] | None,
    ) -> Iterator[tuple[Task, Result]]:
        """Yield the result of a task, or have it repeated if its actor has died or could not store it."""
        import ray

        task, given = actor.tasks[ref]
        try:
            result = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, StorageError) and self._repeats[task] < _MAX_REPEATS:
                self._repeats[task] += 1
                del actor.tasks[ref]
                waiting.append(task)
                self._log(f"ray: a block is repeated ({message_line(str(cause))[:_MAX_REASON]})")
            elif isinstance(cause, ray.exceptions.RayError | BrokenTeacherError):
                self._replace(actor, message_line(str(cause)), waiting, deaths, split)
            else:
                raise cause.args[0] if isinstance(cause, StorageError) else cause from None
        except ray.exceptions.RayError as error:
            yield from _finished(actor)  # or a death would be attributed to a task that is done
            self._replace(actor, message_line(str(error)), waiting, deaths, split)
        else:
            del actor.tasks[ref]
            self._has_worked = True
            self._logged = time.monotonic()
            self._longest = max(self._longest, self._logged - given)
            yield task, result

    def _replace(
        self,
        actor: _Actor[Task],
        reason: str,
        waiting: deque[Task],
        deaths: Counter[Task],
        split: Callable[[Task, int], Sequence[Task] | None] | None,
    ) -> None:
        """Drop an actor that has died, and let others do its tasks, or the parts of the one that it worked on."""
        import ray

        self._ready.remove(actor)
        ray.kill(actor.handle)
        self._check_idle()  # perhaps they have died with their node
        first, *others = [task for task, _ in actor.tasks.values()]
        deaths[first] += 1
        waiting.extendleft(reversed(others))
        short = reason.split("\\n")[0][:_MAX_REASON]
        if split is None and deaths[first] >= MAX_DEATHS:
            raise InputError(
                f"{MAX_DEATHS} actors died while they worked on the same text; the last one: {short}",
                location=Setting("labeling.engine"),
            )
        parts = None if split is None else split(first, deaths[first])
        waiting.extend([first] if parts is None else parts)
        consequence = "its tasks are repeated" if parts is None else "its block is labeled in parts"
        if parts is not None and not parts:
            consequence = "its sentence counts as failed"
        self._log(f"ray: an actor has died; {consequence} ({short})")

    def _watch(self, running: int) -> None:
        """Log that nothing is finished, and end an actor that has worked on a task for too long.

        Raises:
            InputError: no node of the cluster is left.
        """
        import ray

        now = time.monotonic()
        limit = max(_HUNG_SECONDS, 20 * self._longest)
        for actor in self._ready:
            if any(now - given > limit for _, given in actor.tasks.values()):
                ray.kill(actor.handle)  # its tasks end with an error, and are repeated
        if now - self._logged < _LOG_SECONDS:
            return
        self._logged = now
        if not any(node["Alive"] for node in ray.nodes()):
            raise InputError(
                "the cluster has ended", location=Setting("labeling.address"), hint="give the same command again"
            )
        if running:
            oldest = max(now - given for actor in self._ready for _, given in actor.tasks.values())
            self._log(f"ray: {self.size:,} actors at work, the oldest block for {timedelta(seconds=round(oldest))}")
        else:
            count = len(self._starting)
            self._log(f"ray: {self.size:,} actors ready, {count:,} are starting or wait for resources")


def _finished(actor: _Actor[Task]) -> Iterator[tuple[Task, Any]]:
    """Yield those tasks of an actor that has died which it has finished."""
    import ray

    for ref in list(actor.tasks):
        with suppress(ray.exceptions.RayError):
            result = ray.get(ref, timeout=0)
            yield actor.tasks.pop(ref)[0], result
