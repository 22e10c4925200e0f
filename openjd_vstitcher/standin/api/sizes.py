"""Calls about the sizes of the grading."""

from __future__ import annotations

from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from ..model import Size
from .lookup import find


@call
def size_current_get(host: Host, garment: str) -> int:
    return host.garment(garment).current_size


@call
def size_current_set(host: Host, garment: str, size: int) -> None:
    opened = host.garment(garment)
    opened.current_size = find(opened.size, "size", size).id


@call
def size_base_get(host: Host, garment: str) -> int:
    return host.garment(garment).base_size


@call
def size_add(host: Host, garment: str, name: str, after: int) -> int:
    """Add a size after another one (-1: first), with the same grading."""
    opened = host.garment(garment)
    place = 0 if after == -1 else opened.sizes.index(find(opened.size, "size", after)) + 1
    like = opened.sizes[max(place - 1, 0)]
    size = Size(max(s.id for s in opened.sizes) + 1, name, like.scale)
    opened.sizes.insert(place, size)
    host.modified(opened)
    return size.id


@call
def size_delete(host: Host, garment: str, size: int) -> None:
    """Delete a size other than the base size and the current one."""
    opened = host.garment(garment)
    target = find(opened.size, "size", size)
    if size in (opened.base_size, opened.current_size):
        raise ApiError(Code.IN_USE, "the base size and the current size cannot be deleted")
    opened.sizes.remove(target)
    host.modified(opened)


@call
def size_name_get(host: Host, garment: str, size: int) -> str:
    return find(host.garment(garment).size, "size", size).name


@call
def size_name_set(host: Host, garment: str, size: int, name: str) -> None:
    opened = host.garment(garment)
    find(opened.size, "size", size).name = name
    host.modified(opened)
