"""The tasks of a step: how many there are, and each in turn, in chunks where the step asks for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from openjd.model import IntRangeExpr, StepParameterSpace, StepParameterSpaceIterator, TaskParameterSet

from .. import clock

_MANY_TASKS = 10
"""After this many tasks their average time is trusted. The numbers are those of the reference runner of OpenJD."""
_OLD_SHARE = 0.75


def task_count(
    space: StepParameterSpace | None, tasks: Sequence[TaskParameterSet] | None, maximum: int | None = None
) -> int:
    """The number of tasks of a step. Chunks of a fixed size count as one, adaptive chunks as the tasks in them.

    Parameters
    ----------
    tasks: the chosen tasks; None for all.
    maximum: how many run at most; None for all.
    """
    found = StepParameterSpaceIterator(space=space)
    if tasks is not None:
        count = len(tasks)
    elif found.chunks_adaptive:
        count = len(StepParameterSpaceIterator(space=space, chunks_task_count_override=1))
    else:
        count = len(found)
    return count if maximum is None else min(count, maximum)


def run_in_turn(
    space: StepParameterSpace | None,
    tasks: Sequence[TaskParameterSet] | None = None,
    maximum: int | None = None,
    *,
    now_s: Callable[[], float] = clock.now_s,
) -> Iterator[tuple[int, TaskParameterSet]]:
    """Each task or chunk of tasks, with the number of its first task from 1.

    The time until the next one is asked for is how long it took to run. The size of adaptive chunks follows from it.
    """
    found = StepParameterSpaceIterator(space=space)
    if tasks is not None or not found.chunks_adaptive:
        yield from itertools.islice(enumerate(found if tasks is None else tasks, 1), maximum)
        return
    chunk = str(found.chunks_parameter_name)
    done = _Done()
    target_s = _target_s(space, chunk)
    for task in itertools.islice(found, maximum):
        began_s = now_s()
        yield done.tasks + 1, task
        done = done.and_more(len(IntRangeExpr.from_str(str(task[chunk].value))), now_s() - began_s)
        found.chunks_default_task_count = done.chunk_size(int(found.chunks_default_task_count or 1), target_s)


@dataclass(frozen=True)
class _Done:
    """The tasks that ran, and their time."""

    tasks: int = 0
    seconds: float = 0.0

    def and_more(self, tasks: int, seconds: float) -> _Done:
        return _Done(self.tasks + tasks, self.seconds + seconds)

    def chunk_size(self, current: int, target_s: float) -> int:
        """How many tasks take about the target time. It grows slowly while few tasks have run."""
        if self.seconds <= 0:
            return current
        size = target_s * self.tasks / self.seconds
        if self.tasks < _MANY_TASKS and size > current:
            size = _OLD_SHARE * current + (1 - _OLD_SHARE) * size
        return max(int(size), 1)


def _target_s(space: StepParameterSpace | None, chunk: str) -> float:
    chunks = space.taskParameterDefinitions[chunk].chunks if space is not None else None
    assert chunks is not None
    return float(str(chunks.targetRuntimeSeconds))
