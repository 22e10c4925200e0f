"""SCAN: all data of the garment that the API provides (json)."""

import json

from .. import scanning


def export(request):
    """Write the scan."""
    request.stage("export")
    found = scanning.scan(request.garment)
    request.stage("write")
    part = request.part(request.name)
    with open(part, "w", encoding="utf-8", newline="\n") as file:
        json.dump(found, file, indent=1, sort_keys=True)
        file.write("\n")
    request.publish(part, request.name)
