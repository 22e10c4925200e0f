"""Calls about avatars. The stand-in always shows the garment's own."""

from __future__ import annotations

import json
from pathlib import Path

from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from ..world import POSES, TEMPLATES, Avatar
from .lookup import json_object

_IMPORTS = (".fbx", ".obj", ".ava")


def _avatar(host: Host, avatar: str) -> Avatar:
    if avatar not in host.world.avatars:
        raise ApiError(Code.NOT_FOUND, f"no avatar {avatar!r}")
    return host.world.avatars[avatar]


@call
def avatar_templates(host: Host) -> list[str]:
    return list(TEMPLATES)


@call
def avatar_create(host: Host, template: str, name: str) -> str:
    """Create a parametric avatar from a template."""
    if template not in TEMPLATES or not name:
        raise ApiError(Code.INVALID_ARGUMENT, f"no template {template!r}, or no name")
    avatar = f"{template}_{name}"
    host.world.avatars[avatar] = Avatar()
    return avatar


@call
def avatar_delete(host: Host, avatar: str) -> None:
    """Delete an avatar other than the current one."""
    _avatar(host, avatar)
    if avatar == host.world.avatar:
        raise ApiError(Code.IN_USE, "the current avatar cannot be deleted")
    del host.world.avatars[avatar]


@call
def avatar_ids(host: Host, parametric: bool) -> list[str]:
    """The parametric avatars, or the imported ones."""
    return [name for name, avatar in host.world.avatars.items() if avatar.parametric == bool(parametric)]


@call
def avatar_current_get(host: Host) -> str:
    return host.world.avatar


@call
def avatar_current_set(host: Host, avatar: str) -> None:
    _avatar(host, avatar)
    host.world.avatar = avatar


@call
def avatar_import(host: Host, path: str) -> str:
    """Add an avatar from a file; the stand-in does not read it."""
    if not Path(path).is_file() or Path(path).suffix.lower() not in _IMPORTS:
        raise ApiError(Code.CANNOT_READ, f"{path}: not one of {', '.join(_IMPORTS)}")
    host.world.avatars[Path(path).stem] = Avatar(parametric=False)
    return Path(path).stem


@call
def avatar_import_vsa(host: Host, path: str) -> list[str]:
    """Add the avatars of a `.vsa` file; the stand-in adds one with the file's name."""
    if not Path(path).is_file():
        raise ApiError(Code.CANNOT_READ, f"{path}: no such file")
    host.world.avatars[Path(path).stem] = Avatar()
    return [Path(path).stem]


@call
def avatar_current_pose_ids(host: Host) -> list[str]:
    return list(POSES)


@call
def avatar_pose_current_get(host: Host) -> str:
    return _avatar(host, host.world.avatar).pose


@call
def avatar_pose_current_set(host: Host, pose: str, redress: bool, resimulate: bool) -> None:
    """Change the pose, and simulate the open garment on it if asked to."""
    if pose not in POSES:
        raise ApiError(Code.NOT_FOUND, f"no pose {pose!r}")
    _avatar(host, host.world.avatar).pose = pose
    if (redress or resimulate) and host.current:
        host.start_drape(host.garment(host.current))


@call
def avatar_properties_get(host: Host, avatar: str) -> str:
    """JSON with `type`, `name` and others."""
    kind = "parametric" if _avatar(host, avatar).parametric else "imported"
    return json.dumps({"type": kind, "name": avatar, "body_resolution": "normal", "friction": "human"})


@call
def avatar_measurements_get(host: Host) -> str:
    """The current avatar's measurements as JSON, cm."""
    return json.dumps(_avatar(host, host.world.avatar).measurements)


@call
def avatar_measurements_update(host: Host, measurements: str) -> None:
    """Change the current avatar's measurements."""
    _avatar(host, host.world.avatar).measurements.update(json_object(measurements, "the measurements"))
