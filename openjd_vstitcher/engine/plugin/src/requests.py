"""Handles the supervisor's requests, one at a time, on the engine's main thread."""

import inspect
import os
import time
import traceback

from . import files
from .api import Canceled, Failure
from .catalogue import Catalogue
from .garment import Garment


class Request(object):
    """One export, as passed to its module.

    bw: the API, whose calls raise when they fail. garment: the Garment. instruction: the export instruction with
    all fields of the preset. name: the output's file name. frame, frames: the number (from 1) and
    count of a turntable picture, both None for all pictures.
    """

    def __init__(self, bw, garment, message, link):
        self.bw = bw
        self.garment = garment
        self.instruction = message["export"]
        self.name = self.instruction["output_file_name"]
        self.output_dir = message["output_dir"]
        self.frame = message.get("frame")
        self.frames = message.get("frames")
        self.published = []
        self.limited_fields = set()
        self._id = message["id"]
        self._link = link
        self._parts = []

    def part(self, name):
        """A temporary path in the output directory for a file or folder, to be published as `name` when it is whole."""
        folder, base = os.path.split(os.path.join(self.output_dir, name))
        if not os.path.isdir(folder):
            os.makedirs(folder)
        part = os.path.join(folder, files.part_name(base))
        files.remove(part)
        self._parts.append(part)
        return part

    def publish(self, part, name):
        """Rename a whole file to its final name."""
        self.stage("publish")
        target = os.path.join(self.output_dir, name)
        os.replace(part, target)
        self.published.append(target)

    def wait_until_whole(self, path):
        """Wait until a file is completely written; use with `yield from`."""
        self.stage("write")
        return files.wait_until_whole(path, self.check_canceled)

    def stage(self, name):
        """Report the stage: open, mutate, prepare, export, write, publish."""
        self._link.send({"id": self._id, "type": "stage", "stage": name})

    def progress(self, percent):
        """Report how much of the export is done."""
        self._link.send({"id": self._id, "type": "progress", "value": percent})

    def status(self, text):
        """Send a status text about the export."""
        self._link.send({"id": self._id, "type": "status", "text": text})

    def event(self, name, **fields):
        """Send an event for the job's journal."""
        self._link.send({"id": self._id, "type": "event", "event": dict({"event": name}, **fields)})

    def limited(self, field, asked, used, reason):
        """Report that a field of the instruction could not be followed as requested; once per field."""
        if field not in self.limited_fields:
            self.limited_fields.add(field)
            self.event("limited", output=self.name, field=field, asked=asked, used=used, reason=reason)

    def check_canceled(self):
        """Raise Canceled if the request was canceled; call it between steps."""
        if self._link.canceled == self._id:
            raise Canceled()

    def clean(self):
        """Remove temporary files."""
        for part in self._parts:
            files.remove(part)


class RequestHandler(object):
    """Handles the requests of all sessions of an engine."""

    def __init__(self, bw, link, extra_exports, unproven):
        self.bw = bw
        self.link = link
        self.catalogue = Catalogue(extra_exports)
        self.garment = Garment(bw, self.catalogue, unproven)
        self.ended = False
        self._running = None

    def handle(self, message):
        """Start a request, or resume the one that is waiting."""
        kind = message["request"]
        if kind == "exit":
            self.garment.close()
            self.ended = True
        elif kind == "resume":
            self._resume(message)
        else:
            self._running = RunningRequest(self, message)
            self._resume(None)

    def _resume(self, answer):
        if self._running is not None and not self._running.step(answer):
            self._running = None


class RunningRequest(object):
    """A request that has no reply yet."""

    def __init__(self, handler, message):
        self.handler = handler
        self.id = message["id"]
        self.request = None
        self.steps = self._steps(message)

    def step(self, answer):
        """Continue until the request waits again (True) or has its reply (False)."""
        try:
            message = self._continue(answer)
        except StopIteration as end:
            self._reply(dict(end.value or {}, type="done"))
            return False
        except Canceled:
            self._clean()
            self._reply({"type": "canceled"})
            return False
        except Exception as error:  # noqa: BLE001  # any exception of a module fails this export only
            self._clean()
            self._reply(self._failure(error))
            return False
        self._reply(message)
        return True

    def _continue(self, answer):
        """Continue the export module, or raise in it if it was canceled."""
        if self.handler.link.canceled == self.id and answer is not None:
            return self.steps.throw(Canceled())
        return self.steps.send(answer)

    def _reply(self, message):
        self.handler.link.send(dict(message, id=self.id))

    def _clean(self):
        if self.request is not None:
            self.request.clean()

    def _failure(self, error):
        if isinstance(error, Failure):
            return {"type": "failed", "message": error.message, "engine_error": error.engine_error}
        traceback.print_exc()
        return {"type": "failed", "message": "%s: %s" % (type(error).__name__, error), "engine_error": None}

    def _steps(self, message):
        desired = message["garment"]
        if desired is None:
            self.handler.garment.close()
            return self.handler.garment.application_state()
        export = message.get("export")
        notify = Notifier(self.handler.link, self.id)
        if export is None:
            self.handler.garment.set_state(desired, notify)
            return {"name": self.handler.garment.name()}
        module = self.handler.catalogue.export(export["export_type"])
        self.handler.garment.set_state(desired, notify)
        self.request = Request(self.handler.bw, self.handler.garment, message, self.handler.link)
        started = time.time()
        self.request.stage("prepare")
        steps = module.export(self.request)
        if inspect.isgenerator(steps):
            yield from steps
        self.request.clean()
        return self._result(started)

    def _result(self, started):
        if not self.request.published:
            raise Failure("the export module published no file")
        for path in self.request.published:
            if not os.path.isfile(path) or os.path.getsize(path) == 0:
                raise Failure("%s is empty or missing" % os.path.basename(path))
        size = sum(os.path.getsize(path) for path in self.request.published)
        first = os.path.relpath(self.request.published[0], self.request.output_dir)
        return {"output": first.replace(os.sep, "/"), "size_bytes": size, "seconds": round(time.time() - started, 3)}


class Notifier(object):
    """Reports to the supervisor how the garment is being changed."""

    def __init__(self, link, request_id):
        self._link = link
        self._id = request_id

    def stage(self, name):
        """Report the stage."""
        self._link.send({"id": self._id, "type": "stage", "stage": name})

    def event(self, name, **fields):
        """Send an event for the job's journal."""
        self._link.send({"id": self._id, "type": "event", "event": dict({"event": name}, **fields)})
