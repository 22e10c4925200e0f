"""DXA_ASSET_BUNDLE: a tech pack together with the garment's data (zip)."""

import hashlib
import json
import os

from .. import files, scanning, seams


def export(request):
    """Export the tech pack preset `techpack_name` or `bundle_type`, and add the scan, rulers and materials."""
    instruction, garment = request.instruction, request.garment
    preset = instruction.get("techpack_name") or instruction.get("bundle_type") or "default"
    part, folder = request.part(request.name), request.part(request.name + ".bundle")
    techpack = os.path.join(folder, "techpack")
    os.makedirs(techpack)
    yield from garment.drape.dress(request.check_canceled)
    if instruction.get("set_seam_allowance_symmetrically"):
        seams.check_symmetric(garment)
    request.stage("export")
    request.bw.GarmentTechpackExport(garment.id, preset, techpack)
    request.check_canceled()
    written = files.tree(techpack)
    if not written:
        raise files.Failure("the tech pack %r is empty" % preset)
    for name in written:
        yield from request.wait_until_whole(os.path.join(techpack, *name.split("/")))
    scan = scanning.scan(garment)
    _write(folder, "scan.json", scan)
    _write(folder, "rulers.json", scan["rulers"])
    _write(folder, "materials.json", scan["colorways"])
    _write(folder, "bundle.json", _index(folder, instruction, preset, scan["name"]))
    files.pack(folder, part)
    request.publish(part, request.name)


def _index(folder, instruction, preset, name):
    entries = []
    for relative in sorted(files.tree(folder)):
        path = os.path.join(folder, *relative.split("/"))
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        entries.append({"path": relative, "size_bytes": os.path.getsize(path), "sha256": digest})
    return {
        "format": "openjd-vstitcher-bundle",
        "version": 1,
        "garment": name,
        "bundle_type": instruction.get("bundle_type"),
        "techpack_name": preset,
        "symmetric_seam_allowances": bool(instruction.get("set_seam_allowance_symmetrically")),
        "files": entries,
    }


def _write(folder, name, data):
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
        json.dump(data, file, indent=1, sort_keys=True)
        file.write("\n")
