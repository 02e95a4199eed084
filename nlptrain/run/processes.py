"""The processes of one run, as ``torchrun`` starts them: what they tell each other, and which of them writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from nlptrain.errors import InputError, Interrupted

Value = TypeVar("Value")
# The first one may label text, or score dev, for hours while the others wait; one that died is torchrun's to notice.
COLLECTIVE_TIMEOUT = timedelta(days=7)
START_TIMEOUT = timedelta(minutes=5)  # for all to start
_LAUNCHED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def launched_world_size() -> int:
    """How many processes a launcher has started, this one among them; 1 without a launcher.

    Raises:
        InputError: the environment variables of a launcher are there in part, or make no sense.
    """
    world = os.environ.get("WORLD_SIZE") or "1"
    if not world.isdecimal() or world == "0":
        raise InputError(f"WORLD_SIZE: found {world!r}; must be the number of processes, or not there")
    missing = [name for name in _LAUNCHED if not os.environ.get(name)]
    if int(world) > 1 and missing:
        raise InputError(
            f"WORLD_SIZE is {world}, and {', '.join(missing)} not there: no launcher has started this process; use "
            "torchrun --nproc_per_node N -m nlptrain ..., or unset WORLD_SIZE"
        )
    return int(world)


class Processes:
    """Several processes that train one model, each on its share of every step; or this one alone.

    The first of them holds the folder, speaks, scores and saves. All read the same files.

    Attributes:
        rank: of this process, from 0.
        world_size: the number of processes.
    """

    def __init__(self, rank: int = 0, world_size: int = 1) -> None:
        """``torch.distributed`` is set up already if there are several."""
        self.rank = rank
        self.world_size = world_size
        self._talk: Any = None
        self._sums: Any = None
        if world_size > 1:  # what is no tensor goes over gloo, whatever the gradients take
            self._talk = self._sums = distributed.new_group(backend="gloo", timeout=COLLECTIVE_TIMEOUT)
            if distributed.get_backend() != "gloo":
                self._sums = distributed.new_group(timeout=COLLECTIVE_TIMEOUT)

    @property
    def is_rank_zero(self) -> bool:
        """Whether this one speaks and writes."""
        return self.rank == 0

    def barrier(self) -> None:
        """Go on once all are here."""
        if self.world_size > 1:
            distributed.barrier(self._talk)

    def broadcast_from_rank0(self, answer: Callable[[], Value]) -> Value:
        """What ``answer`` gives the first process, in all of them; the others do not call it.

        Raises:
            InputError: in the others, whatever ``answer`` raised in the first.
        """
        if self.world_size == 1:
            return answer()
        told: list[Any] = [None, None]
        if self.is_rank_zero:
            try:
                told = [answer(), None]
            except (Exception, Interrupted) as error:
                told = [None, str(error) or type(error).__name__]
                with suppress(RuntimeError):  # one of them is gone: what happened here is still what matters
                    distributed.broadcast_object_list(told, group=self._talk)
                raise
        distributed.broadcast_object_list(told, group=self._talk)
        value, fault = told
        if fault is not None:
            raise InputError(*fault.split("\n"))
        return value  # type: ignore[no-any-return]

    @contextmanager
    def rank_zero_only(self, context: AbstractContextManager[object]) -> Iterator[None]:
        """The inside of ``context``, which the first process alone enters, for all of them."""
        with ExitStack() as stack:

            def enter() -> None:
                stack.enter_context(context)

            self.broadcast_from_rank0(enter)
            yield

    @contextmanager
    def all_threads(self) -> Iterator[None]:
        """For the first process: the threads of all processes of its machine, which wait for it."""
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
        """Give ``tensors`` the values that they have in the first process."""
        if self.world_size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0, group=self._sums)

    def all_reduce_any(self, masks: Sequence[Tensor]) -> list[Tensor]:
        """For each of ``masks``, of truth values, where it is true in any process."""
        if self.world_size == 1 or not masks:
            return list(masks)
        flat = torch.cat(list(masks)).to(torch.uint8)
        distributed.all_reduce(flat, distributed.ReduceOp.MAX, group=self._sums)
        return list(torch.split(flat.bool(), [len(mask) for mask in masks]))

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Make each of ``tensors``, of one type and on one device, the sum over all processes: one message in all."""
        if self.world_size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat, group=self._sums)
        place = 0
        for tensor in tensors:
            tensor.copy_(flat[place : place + tensor.numel()].view_as(tensor))
            place += tensor.numel()
