"""VSTITCHER_FILE: the garment in its present state, as a file of VStitcher (bw)."""


def export(request):
    """Save the garment to a new file. The engine goes on with that file, so it is closed before it is published."""
    part = request.part(request.name)
    yield from request.garment.drape.dress(request.check_canceled)
    request.stage("export")
    request.bw.GarmentSaveAs(request.garment.id, part)
    request.garment.moved()
    yield from request.wait_until_whole(part)
    request.garment.close()
    request.publish(part, request.name)
