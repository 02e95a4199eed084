"""The processes of a run that ``torchrun`` has started: their ranks, broadcasts and all-reduces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from nlptrain.errors import InputError, Interrupted, Problem

Value = TypeVar("Value")
# Rank 0 may label text or score dev for hours while the others wait; torchrun notices a process that died.
COLLECTIVE_TIMEOUT = timedelta(days=7)
START_TIMEOUT = timedelta(minutes=5)  # until all processes have started
_LAUNCHED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def launched_world_size() -> int:
    """Return the number of processes that a launcher has started; 1 without a launcher.

    Raises:
        InputError: the launcher's environment variables are incomplete or invalid.
    """
    world = os.environ.get("WORLD_SIZE") or "1"
    if not world.isdecimal() or world == "0":
        raise InputError(
            f"found {world!r}", location="WORLD_SIZE", expected="the number of processes", hint="unset the variable"
        )
    missing = [name for name in _LAUNCHED if not os.environ.get(name)]
    if int(world) > 1 and missing:
        raise InputError(
            f"found {world}, but {', '.join(missing)} not set: no launcher has started this process",
            location="WORLD_SIZE",
            hint="use torchrun --nproc_per_node N -m nlptrain ..., or unset WORLD_SIZE",
        )
    return int(world)


class Processes:
    """The processes that train one model, each on its share of every step; or this one alone.

    Rank 0 locks the output folder, logs, scores and saves. All processes read the same files.

    Attributes:
        rank: of this process, from 0.
        world_size: the number of processes.
    """

    def __init__(self, rank: int = 0, world_size: int = 1) -> None:
        """Create process groups if ``world_size`` is above 1; ``torch.distributed`` is initialized already."""
        self.rank = rank
        self.world_size = world_size
        self._objects: Any = None
        self._tensors: Any = None
        if world_size > 1:  # objects go over gloo, whatever backend the gradients use
            self._objects = self._tensors = distributed.new_group(backend="gloo", timeout=COLLECTIVE_TIMEOUT)
            if distributed.get_backend() != "gloo":
                self._tensors = distributed.new_group(timeout=COLLECTIVE_TIMEOUT)

    @property
    def is_rank_zero(self) -> bool:
        """Return whether this process logs and writes."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.world_size > 1:
            distributed.barrier(self._objects)

    def broadcast_from_rank0(self, function: Callable[[], Value]) -> Value:
        """Call ``function`` on rank 0 and broadcast its result, or its error.

        Raises:
            InputError: on the other ranks, if ``function`` raised an exception on rank 0.
        """
        if self.world_size == 1:
            return function()
        message: list[Any] = [None, None]
        if self.is_rank_zero:
            try:
                message = [function(), None]
            except (Exception, Interrupted) as error:
                text = str(error) or type(error).__name__
                message = [None, error.problems if isinstance(error, InputError) else (Problem(text),)]
                with suppress(RuntimeError):  # a process is gone; the first error is the one to report
                    distributed.broadcast_object_list(message, group=self._objects)
                raise
        distributed.broadcast_object_list(message, group=self._objects)
        value, problems = message
        if problems is not None:
            raise InputError(*problems)
        return value  # type: ignore[no-any-return]

    @contextmanager
    def rank_zero_only(self, context: AbstractContextManager[object]) -> Iterator[None]:
        """Enter ``context`` on rank 0 only; an error there is raised on all ranks."""
        with ExitStack() as stack:

            def enter() -> None:
                stack.enter_context(context)

            self.broadcast_from_rank0(enter)
            yield

    @contextmanager
    def all_threads(self) -> Iterator[None]:
        """Let rank 0 use the threads of all processes of its machine, which wait for it."""
        if self.world_size == 1 or not self.is_rank_zero:
            yield
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(threads * int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Copy the values of ``tensors`` from rank 0 to all ranks."""
        if self.world_size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0, group=self._tensors)

    def all_reduce_any(self, masks: Sequence[Tensor]) -> list[Tensor]:
        """Return for each of ``masks`` (bool) where it is true on any rank."""
        if self.world_size == 1 or not masks:
            return list(masks)
        flat = torch.cat(list(masks)).to(torch.uint8)
        distributed.all_reduce(flat, distributed.ReduceOp.MAX, group=self._tensors)
        return list(torch.split(flat.bool(), [len(mask) for mask in masks]))

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Replace each of ``tensors``, of one type and device, by its sum over all ranks, in one message."""
        if self.world_size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat, group=self._tensors)
        offset = 0
        for tensor in tensors:
            tensor.copy_(flat[offset : offset + tensor.numel()].view_as(tensor))
            offset += tensor.numel()
