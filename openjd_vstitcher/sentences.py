"""Describes events for people. Nothing reads these sentences back: programs read the fields of the events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import events
from .events import ActionKind, Event


def sentence(event: Event) -> str:
    """An event in one line."""
    return _of_attempt(event) or _of_output(event) or _of_fact(event) or _of_queue(event) or _of_fields(event)


def action_title(
    kind: ActionKind, *, step: str | None = None, environment: str | None = None, task: Mapping[str, Any] | None = None
) -> str:
    """An action in a few words, such as "enter VStitcher" or "run 03 turntable.zip frames (Frame 7)"."""
    title = f"{kind} {environment or step}"
    return f"{title} ({', '.join(f'{name} {value}' for name, value in task.items())})" if task else title


def size(bytes_: int) -> str:
    """A number of bytes with a unit that suits it."""
    value, unit = float(bytes_), "B"
    for larger in ("KB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """A duration as minutes and seconds, such as `0:07`, or with hours, such as `1:02:03`."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _of_attempt(event: Event) -> str | None:
    match event:
        case events.JobStarted():
            return f"started on {event.worker} with preset {event.preset}"
        case events.JobPlanned():
            return f"planned {_counted(len(event.steps), 'step')}, destination {event.destination}"
        case events.JobEnded():
            return f"ended: {event.status}" + _details(event.status_details)
        case events.SessionStarted():
            return f"{event.session} started"
        case events.SessionEnded():
            return f"{event.session} ended"
        case events.StepStarted():
            return f"{event.step}: started" + (f", {event.tasks} tasks" if event.tasks > 1 else "")
        case events.StepEnded():
            return f"{event.step}: {event.state}"
        case events.ActionStarted(task_number=int()):
            return f"{_title(event, with_task=False)}, {event.task_number} of {event.task_count}"
        case events.ActionStarted():
            return _title(event)
        case events.ActionProgress():
            return f"{event.progress:.0f}%"
        case events.ActionStatus():
            return event.status
        case events.ActionEnded(failure=events.Failure(message=message)):
            return f"{event.state}: {message}"
        case events.ActionEnded():
            return f"{_title(event)}: {event.state} after {event.seconds:.1f} s"
        case events.ActionWarning():
            return f"warning: {event.message}"
        case events.RunEnded():
            return "canceled" if event.canceled else "all steps ended"
    return None


def _of_output(event: Event) -> str | None:
    match event:
        case events.OutputSeen():
            return f"{event.output} appeared"
        case events.OutputSettled():
            return f"{event.output} is complete, {size(event.size_bytes)}"
        case events.OutputUploading():
            again = f" (try {event.attempt_of_upload})" if event.attempt_of_upload > 1 else ""
            return f"uploading {event.output} to {event.uri}{again}"
        case events.OutputProgress():
            whole = f" of {size(event.size_bytes)}" if event.size_bytes is not None else ""
            return f"{event.output}: sent {size(event.sent_bytes)}{whole}"
        case events.OutputStored():
            return f"{event.output} is stored as {event.uri}"
        case events.OutputRegistered():
            return f"{event.output} is registered as an asset"
        case events.OutputUnregistered():
            return f"{event.output} is stored as {event.uri}, without an asset: the platform does not have its type"
        case events.OutputWaiting():
            return f"{event.output}: trying again in {event.wait_s:.0f} s: {event.reason}"
        case events.OutputFailed():
            return f"{event.output} failed: {event.reason}"
        case events.OutputUnexpected():
            return f"{event.output} is not an expected output"
        case events.OutputsUnexpected():
            return f"found {_counted(event.count, 'unexpected file')}"
        case events.OutputsResumed():
            return "continued the delivery of outputs"
        case events.LogsStored():
            return f"stored {_counted(len(event.logs), 'log')}"
        case events.LogWaiting():
            return f"{event.log}: trying again in {event.wait_s:.0f} s: {event.reason}"
        case events.LogFailed():
            return f"{event.log} failed: {event.reason}"
    return None


def _of_fact(event: Event) -> str | None:
    match event:
        case events.EngineReady():
            engine = f"{event.engine} {event.version}".strip()
            took = f" after {event.start_s:.1f} s" if event.start_s else ""
            return f"{engine} is ready{took}" + (f" with {event.garment}" if event.garment else "")
        case events.EngineRestarted():
            return "the engine was restarted"
        case events.GarmentReopened():
            return f"opened {event.path} again"
        case events.ArtworkApplied():
            return f"put {event.file} on {event.material}"
        case events.MutationApplied():
            return f"applied the mutation {event.mutation.get('mutation_type', '')}".strip()
        case events.Unproven():
            return f"{event.change}: not shown to have happened: {event.reason}"
        case events.Unchanged():
            return f"{event.change} found nothing to change"
        case events.Staged():
            return f"staged {event.name}, {size(event.size_bytes)}"
        case events.Limited():
            used = "has no effect" if event.used is None else f"was limited to {event.used}"
            return f"{event.output}: {event.field} {event.asked} {used}" + (
                f" ({event.reason})" if event.reason else ""
            )
        case events.Exported():
            return f"exported {event.output}, {size(event.size_bytes)}, in {event.seconds:.1f} s"
        case events.ScriptSucceeded():
            return f"script {event.script} ended after {event.seconds:.1f} s"
        case events.ScriptFailed():
            return f"script {event.script} failed after {event.seconds:.1f} s: {event.reason}"
        case events.ExportFailed():
            return f"{event.export or 'the engine'} failed in stage {event.stage}: {event.message}"
    return None


def _of_queue(event: Event) -> str | None:
    match event:
        case events.Submitted():
            return f"submitted as {event.status}"
        case events.StatusChanged():
            worker = f" on {event.worker}" if event.to_status == "IN_PROGRESS" and event.worker else ""
            return f"{event.from_status} → {event.to_status}{worker}" + _details(event.status_details)
        case events.CancelRequested():
            return "cancelation requested"
    return None


def _of_fields(event: Event) -> str:
    facts = ", ".join(f"{name}: {value}" for name, value in events.fields_of(event).items() if value is not None)
    return f"{events.name_of(event)} {facts}".strip()


def _title(event: events.ActionStarted | events.ActionEnded, *, with_task: bool = True) -> str:
    task = event.task if with_task else None
    return action_title(event.kind, step=event.step, environment=event.environment, task=task)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _details(text: str | None) -> str:
    return f": {text}" if text else ""
