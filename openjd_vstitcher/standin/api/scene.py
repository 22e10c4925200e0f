"""Calls about the environment and its lights."""

from __future__ import annotations

import json

from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from .lookup import json_object

_ENVIRONMENTS = ["Studio", "Showroom"]


@call
def environment_set(host: Host, name: str) -> None:
    """Choose an environment. An unknown name has no effect and gives no error."""
    if name in _ENVIRONMENTS:
        host.environment = name


@call
def environment_get(host: Host) -> str:
    return host.environment


@call
def environments(host: Host) -> list[str]:
    return list(_ENVIRONMENTS)


@call
def environment_lights(host: Host) -> list[str]:
    """The names of all lights, which are file names."""
    return list(host.lights)


@call
def environment_light_current_get(host: Host) -> str:
    return host.light


@call
def environment_light_current_set(host: Host, name: str) -> None:
    """Choose a light. An unknown name has no effect and gives no error."""
    if name in host.lights:
        host.light = name


def _light(host: Host, name: str) -> dict[str, float]:
    if name not in host.lights:
        raise ApiError(Code.NOT_FOUND, f"no light {name!r}")
    return host.lights[name]


@call
def environment_light_info_get(host: Host, name: str) -> str:
    """JSON with `exposure` (stops) and `rotation_angle` (degrees)."""
    return json.dumps(_light(host, name))


@call
def environment_light_info_set(host: Host, name: str, info: str) -> None:
    """Set a light's `exposure` (stops) and `rotation_angle` (degrees)."""
    light = _light(host, name)
    changed = json_object(info, "the light")
    try:
        values: dict[str, float] = {
            key: float(changed[key]) for key in ("exposure", "rotation_angle") if key in changed
        }
    except (TypeError, ValueError):
        raise ApiError(Code.INVALID_ARGUMENT, "exposure and rotation_angle must be numbers") from None
    light.update(values)
