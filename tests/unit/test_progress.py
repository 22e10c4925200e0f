"""How far a run is, told from its events at given times."""

from __future__ import annotations

import pytest

from openjd_vstitcher import events
from openjd_vstitcher.progress import RunProgress, StepProgress


def started(step: str, tasks: int = 1) -> events.StepStarted:
    return events.StepStarted(step=step, tasks=tasks)


def task(step: str, seconds: float) -> events.ActionEnded:
    return events.ActionEnded(kind="run", step=step, state="success", exit_code=0, seconds=seconds)


def ended(step: str, state: events.StepState = "succeeded") -> events.StepEnded:
    return events.StepEnded(step=step, state=state)


def test_a_task_weighs_what_its_step_took_before_and_the_rest_as_much_as_the_mean() -> None:
    run = RunProgress([StepProgress("frames", 4), StepProgress("render")])
    run.on_event(started("frames", 4), 0.0)
    for end_s in (10.0, 20.0):
        run.on_event(task("frames", 10.0), end_s)
    assert run.percent(20.0) == pytest.approx(40.0)
    assert run.left_s(20.0) == pytest.approx(30.0)
    run.on_event(task("frames", 10.0), 30.0)
    run.on_event(task("frames", 10.0), 40.0)
    run.on_event(ended("frames"), 40.0)
    run.on_event(started("render"), 40.0)
    assert run.percent(40.0) == pytest.approx(80.0)
    run.on_event(events.ActionProgress(progress=25.0), 70.0)
    assert run.left_s(70.0) == pytest.approx(90.0), "a quarter took 30 s"
    assert run.percent(70.0) == pytest.approx(80.0), "it never goes down"


def test_nothing_is_known_of_the_time_before_something_took_some() -> None:
    run = RunProgress([StepProgress("a"), StepProgress("b")])
    run.on_event(started("a"), 0.0)
    assert (run.percent(5.0), run.left_s(5.0), run.percent_of_step(5.0)) == (0.0, None, None)


def test_a_task_without_progress_is_guessed_from_its_kind_and_never_called_done() -> None:
    run = RunProgress([StepProgress("a", kind="picture"), StepProgress("b", kind="picture"), StepProgress("c")])
    run.on_event(started("a"), 0.0)
    run.on_event(task("a", 10.0), 10.0)
    run.on_event(ended("a"), 10.0)
    run.on_event(started("b"), 10.0)
    assert run.percent_of_step(15.0) == pytest.approx(50.0)
    assert run.percent_of_step(1000.0) == pytest.approx(95.0)
    run.on_event(ended("b", "failed"), 20.0)
    run.on_event(started("c"), 20.0)
    assert run.percent_of_step(25.0) is None, "another kind"


def test_steps_that_will_not_run_are_not_waited_for() -> None:
    run = RunProgress([StepProgress("a"), StepProgress("b"), StepProgress("c")])
    run.on_event(started("a"), 0.0)
    run.on_event(task("a", 4.0), 4.0)
    run.on_event(ended("a"), 4.0)
    assert run.left_s(4.0) == pytest.approx(8.0)
    run.on_event(ended("b", "skipped"), 4.0)
    assert run.left_s(4.0) == pytest.approx(4.0)
    run.on_event(events.RunEnded(steps={}, canceled=False), 9.0)
    assert (run.percent(9.0), run.left_s(9.0)) == (100.0, 0.0)


def test_a_queued_jobs_steps_and_tasks_come_from_its_plan() -> None:
    run = RunProgress()
    plan = events.JobPlanned(
        template_sha256="", steps=["frames", "pack"], tasks=[24, 1], parameters={}, destination=None
    )
    run.on_event(plan, 0.0)
    run.on_event(started("frames", 24), 0.0)
    for end_s in (1.0, 2.0, 3.0, 4.0, 5.0):
        run.on_event(task("frames", 1.0), end_s)
    assert run.percent(5.0) == pytest.approx(20.0)
