"""Fulfils the supervisor's requests, one at a time, on the engine's main thread."""

import inspect
import os
import time
import traceback

from . import files
from .api import Canceled, Failure
from .catalogue import Catalogue
from .garment import Garment


class Request(object):
    """One export, as its module sees it.

    bw: the API, whose calls raise when they fail. garment: the Garment. instruction: the export instruction with
    every field of the preset. name: the output's file name. frame, frames: which of how many pictures of a
    turntable (1-based), both None for all at once.
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
        """A path in the output directory to write a file or folder to, until it is whole and published as `name`."""
        folder, base = os.path.split(os.path.join(self.output_dir, name))
        if not os.path.isdir(folder):
            os.makedirs(folder)
        part = os.path.join(folder, files.part_name(base))
        files.remove(part)
        self._parts.append(part)
        return part

    def publish(self, part, name):
        """Give a whole file its final name."""
        self.stage("publish")
        target = os.path.join(self.output_dir, name)
        os.replace(part, target)
        self.published.append(target)

    def wait_until_whole(self, path):
        """Wait until an image, 3D file or other file is written to its end; use with `yield from`."""
        self.stage("write")
        return files.wait_until_whole(path, self.check_canceled)

    def stage(self, name):
        """Say what is being done: open, mutate, prepare, export, write, publish."""
        self._link.send({"id": self._id, "type": "stage", "stage": name})

    def progress(self, percent):
        """Say how much of the export is done."""
        self._link.send({"id": self._id, "type": "progress", "value": percent})

    def status(self, text):
        """Say something about the export to whoever watches."""
        self._link.send({"id": self._id, "type": "status", "text": text})

    def event(self, name, **fields):
        """Put a fact into the job's journal."""
        self._link.send({"id": self._id, "type": "event", "event": dict({"event": name}, **fields)})

    def limited(self, field, asked, used, reason):
        """Say that a field of the instruction could not be followed; once for each field."""
        if field not in self.limited_fields:
            self.limited_fields.add(field)
            self.event("limited", output=self.name, field=field, asked=asked, used=used, reason=reason)

    def check_canceled(self):
        """Raise Canceled if the request was withdrawn; call it between pieces of work."""
        if self._link.canceled == self._id:
            raise Canceled()

    def clean(self):
        """Remove what was not published."""
        for part in self._parts:
            files.remove(part)


class Work(object):
    """The requests of a session."""

    def __init__(self, bw, link, extra_exports):
        self.bw = bw
        self.link = link
        self.catalogue = Catalogue(extra_exports)
        self.garment = Garment(bw, self.catalogue)
        self.ended = False
        self._running = None

    def handle(self, message):
        """Begin a request, or go on with the one that waits for a process."""
        kind = message["request"]
        if kind == "exit":
            self.garment.close()
            self.ended = True
        elif kind == "resume":
            self._go_on(message)
        else:
            self._running = Running(self, message)
            self._go_on(None)

    def _go_on(self, answer):
        if self._running is not None and not self._running.step(answer):
            self._running = None


class Running(object):
    """A request between its first step and its reply."""

    def __init__(self, work, message):
        self.work = work
        self.id = message["id"]
        self.stage = "open"
        self.request = None
        self.steps = self._steps(message)

    def step(self, answer):
        """Go on until the request waits (True) or has its reply (False)."""
        try:
            wish = self._wake(answer)
        except StopIteration as end:
            self._reply(dict(end.value or {}, type="done"))
            return False
        except Canceled:
            self._clean()
            self._reply({"type": "canceled"})
            return False
        except Exception as error:  # noqa: BLE001  # whatever a module raises is this export's failure
            self._clean()
            self._reply(self._failure(error))
            return False
        self._reply(wish)
        return True

    def _wake(self, answer):
        """Let the module go on, or tell it why it cannot."""
        if self.work.link.canceled == self.id and answer is not None:
            return self.steps.throw(Canceled())
        if answer is not None and answer.get("code"):
            return self.steps.throw(Failure("the render process " + answer["ending"]))
        return self.steps.send(answer)

    def _reply(self, message):
        self.work.link.send(dict(message, id=self.id))

    def _clean(self):
        if self.request is not None:
            self.request.clean()

    def _failure(self, error):
        if isinstance(error, Failure):
            return {"type": "failed", "message": error.message, "engine_error": error.engine_error}
        traceback.print_exc()
        return {"type": "failed", "message": "%s: %s" % (type(error).__name__, error), "engine_error": None}

    def _steps(self, message):
        wanted = message["garment"]
        if wanted is None:
            self.work.garment.close()
            return self.work.garment.surroundings()
        export = message.get("export")
        notify = Notices(self.work.link, self.id)
        if export is None:
            self.work.garment.bring_to(wanted, notify)
            return {"name": self.work.garment.name()}
        module = self.work.catalogue.export(export["export_type"])
        self.work.garment.bring_to(wanted, notify)
        self.request = Request(self.work.bw, self.work.garment, message, self.work.link)
        started = time.time()
        self.request.stage("prepare")
        making = module.export(self.request)
        if inspect.isgenerator(making):
            yield from making
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


class Notices(object):
    """What bringing the garment into its wanted state tells the supervisor."""

    def __init__(self, link, request_id):
        self._link = link
        self._id = request_id

    def stage(self, name):
        """Say what is being done."""
        self._link.send({"id": self._id, "type": "stage", "stage": name})

    def event(self, name, **fields):
        """Put a fact into the job's journal."""
        self._link.send({"id": self._id, "type": "event", "event": dict({"event": name}, **fields)})
