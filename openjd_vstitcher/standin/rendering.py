"""Draws parts with mitsuba: a soft-lit picture with straight alpha. Knows no garment and no files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .denoise import Film, denoise
from .meshes import Mesh
from .parts import Part

Image = npt.NDArray[np.uint8]
Vector = tuple[float, float, float]

DEFAULT_FOV = 15.0
_SEED = 7
_NEAR_CM = 0.5
_LINING_CM = 0.02
_SAMPLES_OF_A_PASS = 4
_EDGE_SAMPLES = 6
"""Of the first hit only, which costs little: they make the edges smooth."""


@dataclass(frozen=True)
class Camera:
    """Where a picture is taken from; cm, z up; the field of view is vertical, in degrees."""

    position: Vector
    target: Vector
    up: Vector = (0.0, 0.0, 1.0)
    fov: float = DEFAULT_FOV


@dataclass(frozen=True)
class Quality:
    """How long a picture may take: samples for each pixel, and bounces of light."""

    samples: int
    depth: int


@dataclass(frozen=True)
class Light:
    """Exposure in stops, and the turn of the lamps about the garment in degrees."""

    exposure: float = 0.0
    rotation_angle: float = 0.0


def draw(
    parts: Sequence[Part],
    camera: Camera,
    size: tuple[int, int],
    quality: Quality,
    light: Light,
    progress: Callable[[float], None] | None = None,
) -> Image:
    """One picture, height x width x 4, sRGB with straight alpha. The same arguments give the same bytes.

    Parameters
    ----------
    size: width and height in px.
    progress: called with the part that is done, 0 to 1.
    """
    mi = _mitsuba()
    window = _window(parts, camera, size)

    def rendered(shapes: dict[str, Any], samples: int, integrator: dict[str, Any], number: int = 0) -> Film:
        scene = mi.load_dict({"type": "scene", **shapes})
        sensor = _sensor(camera, size, window, samples)
        taken = mi.render(scene, sensor=sensor, spp=samples, seed=_SEED + number, integrator=mi.load_dict(integrator))
        return np.array(taken, dtype=np.float32)

    lit = {**_lamps(parts, camera, light), **_shapes(parts, _surface)}
    passes = max(1, quality.samples // _SAMPLES_OF_A_PASS) if progress else 1
    film = np.zeros((window.height, window.width, 4), dtype=np.float32)
    for number in range(passes):
        film += rendered(lit, -(-quality.samples // passes), _light_transport(quality), number) / passes
        if progress:
            progress((number + 1) / (passes + 1))
    first_hit = {"type": "path", "max_depth": 1}
    lined = [replace(part, mesh=_lined(part.mesh)) if part.kind == "piece" else part for part in parts]
    albedo = rendered(_shapes(lined, _glowing_color), _EDGE_SAMPLES, first_hit)
    normal = rendered(_shapes(lined, _glowing_normal), _EDGE_SAMPLES // 3, first_hit)
    picture = np.zeros((size[1], size[0], 4), dtype=np.uint8)
    picture[window.rows, window.columns] = _developed(denoise(film, albedo, normal), light.exposure)
    if progress:
        progress(1.0)
    return picture


def _light_transport(quality: Quality) -> dict[str, Any]:
    if quality.depth > 2:
        return {"type": "path", "max_depth": quality.depth, "rr_depth": 64, "hide_emitters": True}
    return {"type": "direct", "emitter_samples": 2, "bsdf_samples": 1, "hide_emitters": True}


@lru_cache(maxsize=1)
def _mitsuba() -> Any:
    import mitsuba as mi

    mi.set_variant("scalar_rgb")
    mi.set_log_level(mi.LogLevel.Error)
    return mi


@dataclass(frozen=True)
class _Window:
    """The part of the picture that is not empty, px."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)


def _window(parts: Sequence[Part], camera: Camera, size: tuple[int, int]) -> _Window:
    """Where the parts are on the picture; all of it when one is behind the camera."""
    forward = np.array(camera.target) - np.array(camera.position)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, _upright(camera))
    right /= np.linalg.norm(right)
    points = np.vstack([part.mesh.vertices for part in parts]) - np.array(camera.position)
    depth = points @ forward
    if depth.min() < _NEAR_CM:
        return _Window(0, 0, *size)
    scale = size[1] / 2 / math.tan(math.radians(camera.fov) / 2)
    x = size[0] / 2 + points @ right / depth * scale
    y = size[1] / 2 - points @ np.cross(right, forward) / depth * scale
    left, right_end = (int(np.clip(v, 0, size[0] - 1)) for v in (x.min() - 2, x.max() + 3))
    top, bottom = (int(np.clip(v, 0, size[1] - 1)) for v in (y.min() - 2, y.max() + 3))
    return _Window(left, top, right_end - left + 1, bottom - top + 1)


def _upright(camera: Camera) -> Any:
    """The camera's up direction, another one when it looks along that."""
    up = np.array(camera.up, dtype=float)
    view = np.array(camera.target, dtype=float) - np.array(camera.position, dtype=float)
    if np.linalg.norm(np.cross(up, view)) < 1e-6 * np.linalg.norm(view):
        return np.array([0.0, 1.0, 0.0])
    return up


def _sensor(camera: Camera, size: tuple[int, int], window: _Window, samples: int) -> Any:
    mi = _mitsuba()
    return mi.load_dict(
        {
            "type": "perspective",
            "to_world": mi.ScalarTransform4f().look_at(
                origin=list(camera.position), target=list(camera.target), up=_upright(camera).tolist()
            ),
            "fov": camera.fov,
            "fov_axis": "y",
            "near_clip": _NEAR_CM,
            "far_clip": 100_000.0,
            "film": {
                "type": "hdrfilm",
                "width": size[0],
                "height": size[1],
                "crop_offset_x": window.left,
                "crop_offset_y": window.top,
                "crop_width": window.width,
                "crop_height": window.height,
                "pixel_format": "rgba",
                "component_format": "float32",
                "rfilter": {"type": "box"},
            },
            "sampler": {"type": "multijitter", "sample_count": samples},
        }
    )


def _shapes(parts: Sequence[Part], look: Callable[[Part], dict[str, Any]]) -> dict[str, Any]:
    """The meshes of parts, each with the BSDF or emitter that `look` gives it."""
    mi = _mitsuba()
    shapes = {}
    for number, part in enumerate(parts):
        mesh = part.mesh
        properties = mi.Properties()
        properties["look"] = mi.load_dict(look(part))
        shape = mi.Mesh(
            part.name,
            vertex_count=len(mesh.vertices),
            face_count=len(mesh.faces),
            has_vertex_normals=True,
            has_vertex_texcoords=mesh.uv is not None,
            props=properties,
        )
        shape.add_attribute("vertex_guide", 3, (mesh.normals * 0.5 + 0.5).astype(np.float32).ravel())
        values = mi.traverse(shape)
        values["vertex_positions"] = mesh.vertices.astype(np.float32).ravel()
        values["vertex_normals"] = mesh.normals.astype(np.float32).ravel()
        values["faces"] = mesh.faces.astype(np.uint32).ravel()
        if mesh.uv is not None:
            values["vertex_texcoords"] = (mesh.uv * (1, -1) + (0, 1)).astype(np.float32).ravel()
        values.update()
        shapes[f"part{number}"] = shape
    return shapes


def _lined(mesh: Mesh) -> Mesh:
    """Cloth with an inside of its own, close behind it: an emitter glows to one side only."""
    count = len(mesh.vertices)
    return Mesh(
        mesh.name,
        np.vstack([mesh.vertices, mesh.vertices - mesh.normals * _LINING_CM]),
        np.vstack([mesh.normals, -mesh.normals]),
        np.vstack([mesh.faces, mesh.faces[:, ::-1] + count]),
        None if mesh.uv is None else np.vstack([mesh.uv, mesh.uv]),
    )


def _glowing_color(part: Part) -> dict[str, Any]:
    return {"type": "area", "radiance": _color(part)}


def _glowing_normal(part: Part) -> dict[str, Any]:
    return {"type": "area", "radiance": {"type": "mesh_attribute", "name": "vertex_guide"}}


def _surface(part: Part) -> dict[str, Any]:
    material = part.material
    cloth = part.kind in ("piece", "label")
    surface: dict[str, Any] = {
        "type": "principled",
        "base_color": _color(part),
        "roughness": float(np.clip(material.get("roughness", 0.85), 0.05, 1.0)),
        "metallic": float(np.clip(material.get("metallic", 0.0), 0.0, 1.0)),
        "specular": 0.25 if cloth else 0.5,
    }
    if cloth:
        surface |= {"sheen": 0.6, "sheen_tint": 0.6}
    return {"type": "twosided", "surface": surface}


def _color(part: Part) -> dict[str, Any]:
    if part.picture is None:
        return {"type": "rgb", "value": linear_color(str(part.material.get("color", "#b4b4b4")))}
    return {"type": "bitmap", "bitmap": _mitsuba().Bitmap(np.array(part.picture)), "wrap_mode": "clamp"}


def linear_color(color: str) -> list[float]:
    """The linear values of `#rrggbb`."""
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def _lamps(parts: Sequence[Part], camera: Camera, light: Light) -> dict[str, Any]:
    """A large soft box over the camera's left shoulder, a weaker one from the right behind, and an even surround."""
    mi = _mitsuba()
    low = np.min([p.mesh.vertices.min(axis=0) for p in parts], axis=0)
    high = np.max([p.mesh.vertices.max(axis=0) for p in parts], axis=0)
    center, reach = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    view = np.array(camera.position) - center
    facing = math.atan2(view[1], view[0]) + math.radians(light.rotation_angle)

    def lamp(turn: float, height: float, distance: float, half: float, radiance: Vector) -> dict[str, Any]:
        angle = facing + math.radians(turn)
        place = center + reach * np.array([distance * math.cos(angle), distance * math.sin(angle), height])
        frame = mi.ScalarTransform4f().look_at(origin=place.tolist(), target=center.tolist(), up=[0, 0, 1])
        return {
            "type": "rectangle",
            "to_world": frame @ mi.ScalarTransform4f().scale([half * reach, half * reach, 1]),
            "emitter": {"type": "area", "radiance": {"type": "rgb", "value": list(radiance)}},
        }

    return {
        "surround": {"type": "constant", "radiance": {"type": "rgb", "value": [0.34, 0.35, 0.37]}},
        "key": lamp(-55, 1.5, 2.4, 0.75, (11.0, 10.7, 10.2)),
        "rim": lamp(75, 0.9, 2.8, 0.8, (2.6, 2.7, 2.9)),
    }


def _developed(film: Film, exposure: float) -> Image:
    """Linear premultiplied values as sRGB with straight alpha."""
    alpha = np.clip(film[..., 3:4], 0.0, 1.0)
    linear = film[..., :3] / np.maximum(film[..., 3:4], 1e-4) * 2.0**exposure
    soft = np.where(linear > 0.8, 0.8 + 0.2 * np.tanh((linear - 0.8) / 0.2), linear)
    encoded = np.where(soft <= 0.0031308, soft * 12.92, 1.055 * np.clip(soft, 1e-9, None) ** (1 / 2.4) - 0.055)
    encoded = np.where(alpha > 1 / 512, encoded, 0.0)
    picture: Image = (np.concatenate([encoded, alpha], axis=2).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return picture
