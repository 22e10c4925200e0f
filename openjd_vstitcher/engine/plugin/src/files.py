"""Files that engines write: temporary names, waiting until they are whole, and reproducible zips."""

import os
import shutil
import struct
import time
import zipfile

from .api import Failure

PNG = b"\x89PNG\r\n\x1a\n"
STALLED_S = 10.0
POLL_S = 0.1


def part_name(name):
    """The temporary name of a file: hidden, with the same extension, because engines choose the format by it."""
    return "." + name + ".part" + os.path.splitext(name)[1]


def safe_name(name):
    """A name with characters that file systems do not allow replaced."""
    return "".join("_" if character in '<>:"/\\|?*' or character < " " else character for character in name)


def remove(path):
    """Remove a file or folder if it exists."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def png_size(path):
    """Width and height of a PNG in pixels.

    Raises Failure if the file is not a PNG.
    """
    with open(path, "rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:8] != PNG or head[12:16] != b"IHDR":
        raise Failure("not a PNG file: %s" % os.path.basename(path))
    return struct.unpack(">II", head[16:24])


def is_whole(path):
    """True if a file is completely written, False if not, None if only a stable size can tell (not PNG or glb)."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size == 0:
        return False
    extension = os.path.splitext(path)[1].lower()
    if extension not in (".png", ".glb"):
        return None
    with open(path, "rb") as file:
        head = file.read(12)
        if extension == ".glb":
            return len(head) == 12 and struct.unpack("<I", head[8:12])[0] == size
        file.seek(max(size - 12, 0))
        return head[:8] == PNG and file.read(12)[4:8] == b"IEND"


def wait_until_whole(path, check_canceled):
    """Wait for a file that the engine may still be writing; a generator that yields requests to be resumed later.

    Raises Failure if the file stops growing for some seconds without being whole.
    """
    size, since = -1, time.time()
    while True:
        whole = is_whole(path)
        if whole:
            return
        now = os.path.getsize(path) if os.path.isfile(path) else -1
        if now != size:
            size, since = now, time.time()
        elif whole is None and time.time() - since >= 3 * POLL_S:
            return
        elif time.time() - since >= STALLED_S:
            raise Failure(
                "the engine wrote no file" if size < 0 else "the engine left an incomplete file of %d bytes" % size
            )
        check_canceled()
        yield {"type": "wait", "seconds": POLL_S}


def pack(folder, path):
    """Zip a folder with sorted names and fixed dates, so that equal content gives equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(tree(folder)):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, wherever this runs, so that the bytes are the same
            with open(os.path.join(folder, *name.split("/")), "rb") as file, archive.open(entry, "w") as packed:
                shutil.copyfileobj(file, packed)


def tree(folder):
    """The files below a folder, as relative paths with slashes."""
    found = []
    for base, _folders, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(base, name), folder).replace(os.sep, "/") for name in names]
    return found
