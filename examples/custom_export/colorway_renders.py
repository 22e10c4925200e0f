"""COLORWAY_RENDERS: one picture for each colorway of the garment (zip). An example of a custom export type."""

import os

from . import files, pictures


def export(request):
    """Render the colorways that `colorways` names, or all of them."""
    bw, garment = request.bw, request.garment
    wanted = request.instruction.get("colorways")
    chosen = [(i, name) for i, name in garment.colorways() if wanted is None or name in wanted]
    if not chosen:
        raise files.Failure("the garment has none of the colorways %s" % ", ".join(wanted or []))
    part, folder = request.part(request.name), request.part(request.name + ".pictures")
    os.makedirs(folder)
    before = bw.ColorwayCurrentGet(garment.id)
    for number, (colorway, name) in enumerate(chosen):
        request.status("colorway %s" % name)
        garment.set_colorway(colorway)
        path = os.path.join(folder, "%02d %s.png" % (number + 1, files.safe_name(name)))
        yield from pictures.render(request, [(pictures.camera(request), path)])
        request.progress(100.0 * (number + 1) / len(chosen))
    garment.set_colorway(before)
    files.pack(folder, part)
    request.publish(part, request.name)
