"""TURNTABLE: pictures from all around (zip), or a single frame of them."""

import json
import os

from .. import files, pictures

SNAPSHOTS = 24


def export(request):
    """Render `number_of_snapshots` pictures; the first has the camera of the instruction, by default the front view."""
    if request.frame is not None:
        return _frame(request, request.frame, request.frames or _count(request))
    return _all(request, _count(request))


def _count(request):
    return int(request.instruction.get("number_of_snapshots") or SNAPSHOTS)


def _cameras(request, count):
    first = json.dumps(pictures.camera(request))
    return json.loads(request.bw.EnvironmentTurntableCameraPositionsGet(first, count))


def _frame(request, frame, count):
    if not 1 <= frame <= count:
        raise files.Failure("there is no frame %d of %d" % (frame, count))
    name = os.path.join(request.name + ".frames", "%04d.png" % frame)
    part = request.part(name)
    yield from pictures.render(request, [(_cameras(request, count)[frame - 1], part)])
    request.publish(part, name)


def _all(request, count):
    part, folder = request.part(request.name), request.part(request.name + ".frames")
    os.makedirs(folder)
    captures = []
    for number, camera in enumerate(_cameras(request, count), 1):
        captures.append((camera, os.path.join(folder, "%04d.png" % number)))
    yield from pictures.render(request, captures)
    request.stage("write")
    files.pack(folder, part)
    request.publish(part, request.name)
