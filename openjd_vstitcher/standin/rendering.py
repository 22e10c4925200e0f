"""Renders parts with mitsuba, softly lit and with straight alpha. Knows nothing of garments and files."""

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
_SAMPLES_PER_PASS = 4
_EDGE_SAMPLES = 6
"""For the first hit only, which is cheap; they smooth the edges."""


@dataclass(frozen=True)
class Camera:
    """A camera; cm, z up. `fov` is the vertical field of view in degrees."""

    position: Vector
    target: Vector
    up: Vector = (0.0, 0.0, 1.0)
    fov: float = DEFAULT_FOV


@dataclass(frozen=True)
class Quality:
    """Render quality: samples per pixel, and maximum number of light bounces."""

    samples: int
    depth: int


@dataclass(frozen=True)
class Light:
    """Exposure in stops, and rotation of the lamps around the garment in degrees."""

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
    """Render a picture: height x width x 4, sRGB with straight alpha. The same arguments give the same bytes.

    Parameters
    ----------
    size: width and height in px.
    progress: called with the completed fraction, 0 to 1.
    """
    mi = _mitsuba()
    window = _window(parts, camera, size)

    def rendered(shapes: dict[str, Any], samples: int, integrator: dict[str, Any], number: int = 0) -> Film:
        scene = mi.load_dict({"type": "scene", **shapes})
        sensor = _sensor(camera, size, window, samples)
        image = mi.render(scene, sensor=sensor, spp=samples, seed=_SEED + number, integrator=mi.load_dict(integrator))
        return np.array(image, dtype=np.float32)

    lit = {**_lamps(parts, camera, light), **_shapes(parts, _surface)}
    passes = max(1, quality.samples // _SAMPLES_PER_PASS) if progress else 1
    film = np.zeros((window.height, window.width, 4), dtype=np.float32)
    for number in range(passes):
        film += rendered(lit, -(-quality.samples // passes), _light_transport(quality), number) / passes
        if progress:
            progress((number + 1) / (passes + 1))
    first_hit = {"type": "path", "max_depth": 1}
    lined = [replace(part, mesh=_lined(part.mesh)) if part.kind == "piece" else part for part in parts]
    albedo = rendered(_shapes(lined, _color_emitter), _EDGE_SAMPLES, first_hit)
    normal = rendered(_shapes(lined, _normal_emitter), _EDGE_SAMPLES // 3, first_hit)
    picture = np.zeros((size[1], size[0], 4), dtype=np.uint8)
    picture[window.rows, window.columns] = _tone_mapped(denoise(film, albedo, normal), light.exposure)
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
    """The region of the picture that is not empty, px."""

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
    """The region that the parts cover; the whole picture if one is behind the camera."""
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
    """The camera's up direction, or another one if the camera looks along it."""
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
    """The meshes of parts, each with the BSDF or emitter that `look` returns."""
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
    """Add a second, reversed layer close behind the cloth, because emitters are one-sided."""
    count = len(mesh.vertices)
    return Mesh(
        mesh.name,
        np.vstack([mesh.vertices, mesh.vertices - mesh.normals * _LINING_CM]),
        np.vstack([mesh.normals, -mesh.normals]),
        np.vstack([mesh.faces, mesh.faces[:, ::-1] + count]),
        None if mesh.uv is None else np.vstack([mesh.uv, mesh.uv]),
    )


def _color_emitter(part: Part) -> dict[str, Any]:
    return {"type": "area", "radiance": _color(part)}


def _normal_emitter(part: Part) -> dict[str, Any]:
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
    """Convert `#rrggbb` to linear RGB."""
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def _lamps(parts: Sequence[Part], camera: Camera, light: Light) -> dict[str, Any]:
    """A large soft box over the camera's left shoulder, a weaker one behind on the right, and uniform ambient light."""
    mi = _mitsuba()
    low = np.min([p.mesh.vertices.min(axis=0) for p in parts], axis=0)
    high = np.max([p.mesh.vertices.max(axis=0) for p in parts], axis=0)
    center, reach = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    view = np.array(camera.position) - center
    facing = math.atan2(view[1], view[0]) + math.radians(light.rotation_angle)

    def lamp(angle: float, height: float, distance: float, half: float, radiance: Vector) -> dict[str, Any]:
        azimuth = facing + math.radians(angle)
        position = center + reach * np.array([distance * math.cos(azimuth), distance * math.sin(azimuth), height])
        frame = mi.ScalarTransform4f().look_at(origin=position.tolist(), target=center.tolist(), up=[0, 0, 1])
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


def _tone_mapped(film: Film, exposure: float) -> Image:
    """Convert linear premultiplied values to sRGB with straight alpha."""
    alpha = np.clip(film[..., 3:4], 0.0, 1.0)
    linear = film[..., :3] / np.maximum(film[..., 3:4], 1e-4) * 2.0**exposure
    soft = np.where(linear > 0.8, 0.8 + 0.2 * np.tanh((linear - 0.8) / 0.2), linear)
    encoded = np.where(soft <= 0.0031308, soft * 12.92, 1.055 * np.clip(soft, 1e-9, None) ** (1 / 2.4) - 0.055)
    encoded = np.where(alpha > 1 / 512, encoded, 0.0)
    picture: Image = (np.concatenate([encoded, alpha], axis=2).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return picture
