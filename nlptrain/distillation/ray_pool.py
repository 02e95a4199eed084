"""ActorPool: actors of a Ray cluster that share tasks; those that die are replaced, and their tasks repeated."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from nlptrain import __version__
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.errors import message_line

MAX_DEATHS = 5  # of the actors that work on a task, before it is given up
_MAX_FAILED_STARTS = 5  # in a row
_IN_FLIGHT = 2  # tasks of each actor: the second one waits there, so that no actor is idle
_POLL_SECONDS = 1.0  # after which a signal is handled at the latest
_LOG_SECONDS = 20
_MAX_REASON = 200  # characters

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result")


@dataclass
class _Actor(Generic[Task]):
    """An actor with the tasks that it was given and has not finished, the first one first."""

    handle: Any
    tasks: dict[Any, Task] = field(default_factory=dict)


class ActorPool:
    """Actors that share tasks.

    Ray restarts actors by itself, but then for ever or never; here, an actor that dies, with its node or alone, is
    replaced, and its tasks go to others.
    """

    def __init__(
        self,
        create: Callable[[], Any],
        fewest: int,
        most: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        """Create no actor yet.

        Args:
            create: returns the handle of a new actor, which may wait for room in the cluster.
            fewest: actors that must have started before the first task does.
            most: returns how many there may be.
            log: receives a line when an actor has died, or while none has started.
        """
        self._create = create
        self._fewest = fewest
        self._most = most
        self._log = log
        self._starting: dict[Any, _Actor[Any]] = {}
        self._ready: list[_Actor[Any]] = []
        self._has_started = False
        self._failed_starts = 0
        self._logged = time.monotonic()

    @property
    def size(self) -> int:
        """The number of actors that have started."""
        return len(self._ready)

    def run(
        self,
        tasks: Iterable[Task],
        start: Callable[[Any, Task], Any],
        give_up: Callable[[Task, str], Result] | None = None,
    ) -> Iterator[tuple[Task, Result]]:
        """Yield each of ``tasks`` with its result as soon as it is finished.

        Args:
            tasks: are read as they are needed.
            start: starts a task on an actor, and returns the reference of its result.
            give_up: returns the result of a task during which five actors have died, given the reason; None: raise.

        Raises:
            InputError: actors cannot start, or as ``give_up``.
            Exception: what a task has raised.
        """
        import ray

        rest, waiting, deaths = iter(tasks), deque[Task](), Counter[Task]()
        while True:
            self._read_ahead(rest, waiting)
            running = {ref: actor for actor in self._ready for ref in actor.tasks}
            if not running and not waiting:
                return
            self._add_actors(len(running) + len(waiting))
            self._give_tasks(waiting, start)
            running = {ref: actor for actor in self._ready for ref in actor.tasks}
            done, _ = ray.wait([*running, *self._starting], num_returns=1, timeout=_POLL_SECONDS)
            for ref in done:
                if ref in self._starting:
                    self._finish_start(ref)
                    continue
                actor = running[ref]
                if ref not in actor.tasks:
                    continue  # of an actor that has died a moment ago
                try:
                    result = ray.get(ref)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                except ray.exceptions.RayError as error:
                    yield from _finished(actor)  # or a death would be attributed to a task that is done
                    yield from self._replace(actor, message_line(str(error)), waiting, deaths, give_up)
                else:
                    yield actor.tasks.pop(ref), result

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
        wanted = min(self._most(), max(self._fewest, tasks))
        for _ in range(wanted - len(self._ready) - len(self._starting)):
            handle = self._create()
            self._starting[handle.version.remote()] = _Actor(handle)
        is_waiting = not self._ready or (not self._has_started and len(self._ready) < self._fewest)
        if is_waiting and time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            self._log(f"ray: {len(self._ready):,} of {wanted:,} actors have started; the others wait for resources")

    def _finish_start(self, ref: Any) -> None:  # noqa: ANN401
        """Add an actor that has started to those that are ready; one that has died meanwhile is dropped."""
        import ray

        actor = self._starting.pop(ref)
        try:
            version = ray.get(ref)
        except ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                reason = str(error).strip().rsplit("\n", 1)[-1][:_MAX_REASON]
                raise InputError(
                    f"{self._failed_starts} actors could not start; the last reason: {reason}",
                    location=Setting("labeling.engine"),
                    hint="install nlptrain, in the same environment, on all nodes of the cluster",
                ) from error
            return
        if version != __version__:
            raise InputError(
                f"found nlptrain {version} on a node of the cluster",
                location=Setting("labeling.engine"),
                expected=f"{__version__}, as here",
            )
        self._failed_starts = 0
        self._ready.append(actor)

    def _give_tasks(self, waiting: deque[Task], start: Callable[[Any, Task], Any]) -> None:
        """Give tasks to the actors that are ready, first to those that have none."""
        self._has_started = self._has_started or len(self._ready) >= self._fewest
        for level in range(1, _IN_FLIGHT + 1) if self._has_started else ():
            for actor in self._ready:
                # The last tasks go to actors that are idle.
                is_enough = level == 1 or len(waiting) > len(self._ready)
                if waiting and is_enough and len(actor.tasks) < level:
                    task = waiting.popleft()
                    actor.tasks[start(actor.handle, task)] = task

    def _replace(
        self,
        actor: _Actor[Task],
        reason: str,
        waiting: deque[Task],
        deaths: Counter[Task],
        give_up: Callable[[Task, str], Result] | None,
    ) -> Iterator[tuple[Task, Result]]:
        """Drop an actor that has died, and let others do its tasks; yield the result of a task that is given up."""
        import ray

        self._ready.remove(actor)
        ray.kill(actor.handle)
        first, *others = actor.tasks.values()
        actor.tasks = {}
        deaths[first] += 1
        waiting.extendleft(reversed(others))
        short = reason.split("\\n")[0][:_MAX_REASON]
        if deaths[first] < MAX_DEATHS:
            waiting.appendleft(first)
            self._log(f"ray: an actor has died; its tasks are repeated ({short})")
            return
        reason = f"{MAX_DEATHS} actors died while they worked on it"
        if give_up is None:
            raise InputError(f"{reason}; the last one: {short}", location=Setting("labeling.engine"))
        yield first, give_up(first, reason)


def _finished(actor: _Actor[Task]) -> Iterator[tuple[Task, Any]]:
    """Yield those tasks of an actor that has died which it has finished."""
    import ray

    for ref in list(actor.tasks):
        with suppress(ray.exceptions.RayError):
            result = ray.get(ref, timeout=0)
            yield actor.tasks.pop(ref), result
