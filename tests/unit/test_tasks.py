"""The tasks of a step in turn: all, some, and in chunks whose size follows their time."""

from __future__ import annotations

from typing import Any

import pytest
from openjd.model import Step, create_job, decode_job_template

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.session.selection import Selection, chosen_tasks
from openjd_vstitcher.session.tasks import run_in_turn, task_count


def step_over(definition: dict[str, Any]) -> Step:
    """A step with one task parameter N."""
    data = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "n",
        "extensions": ["TASK_CHUNKING"],
        "steps": [
            {
                "name": "s",
                "parameterSpace": {"taskParameterDefinitions": [{"name": "N", **definition}]},
                "script": {"actions": {"onRun": {"command": "true"}}},
            }
        ],
    }
    template = decode_job_template(template=data, supported_extensions=["TASK_CHUNKING"])
    return create_job(job_template=template, job_parameter_values={}).steps[0]


def chunked(size: int, target_s: int) -> Step:
    chunks = {"defaultTaskCount": size, "targetRuntimeSeconds": target_s, "rangeConstraint": "CONTIGUOUS"}
    return step_over({"type": "CHUNK[INT]", "range": "1-30", "chunks": chunks})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ran(step: Step, seconds_per_task: float, **options: Any) -> list[tuple[int, str]]:
    clock = Clock()
    found = []
    for number, task in run_in_turn(step.parameterSpace, now_s=clock, **options):
        first, _, last = str(task["N"].value).partition("-")
        clock.now += seconds_per_task * (int(last or first) - int(first) + 1)
        found.append((number, str(task["N"].value)))
    return found


def test_chunks_of_a_fixed_size_count_as_tasks() -> None:
    step = chunked(10, 0)
    assert task_count(step.parameterSpace, None) == 3
    assert ran(step, 1.0) == [(1, "1-10"), (2, "11-20"), (3, "21-30")]


def test_adaptive_chunks_grow_slowly_and_then_take_the_target_time() -> None:
    step = chunked(2, 10)
    assert task_count(step.parameterSpace, None) == 30
    assert ran(step, 1.0) == [(1, "1-2"), (3, "3-6"), (7, "7-11"), (12, "12-21"), (22, "22-30")]


def test_adaptive_chunks_shrink_at_once_and_keep_their_size_without_a_measured_time() -> None:
    assert [chunk for _, chunk in ran(chunked(10, 5), 5.0)][:3] == ["1-10", "11-11", "12-12"]
    assert [chunk for _, chunk in ran(chunked(10, 5), 0.0)] == ["1-10", "11-20", "21-30"]


def test_no_more_tasks_than_asked_for() -> None:
    step = step_over({"type": "INT", "range": "5-9"})
    assert task_count(step.parameterSpace, None, 2) == 2
    assert ran(step, 1.0, maximum=2) == [(1, "5"), (2, "6")]
    assert len(ran(chunked(2, 10), 1.0, maximum=1)) == 1


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"N": "4"}, "step 's' has no such task (task 1): "),
        ({"M": "5"}, "found values of M; expected N"),
        ({}, "found values of no parameter; expected N"),
    ],
)
def test_a_task_that_does_not_exist_is_refused(task: dict[str, str], message: str) -> None:
    step = step_over({"type": "INT", "range": "5-9"})
    with pytest.raises(InvalidInput) as refused:
        chosen_tasks(Selection(tasks=(task,)), step, "t.yaml")
    assert message in str(refused.value)


def test_chosen_tasks_run_in_the_order_given() -> None:
    step = step_over({"type": "INT", "range": "5-9"})
    tasks, most = chosen_tasks(Selection(tasks=({"N": "9"}, {"N": "5"})), step, "t.yaml")
    assert [number_and_value[1] for number_and_value in ran(step, 1.0, tasks=tasks)] == ["9", "5"]
    assert (task_count(step.parameterSpace, tasks), most) == (2, None)
