"""Converts a garment to drawable parts: pieces, trims and the avatar as meshes with materials."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import meshes
from .codes import ApiError, Code
from .meshes import Array, Mesh, Surface
from .model import Garment, Shape, Trim
from .textures import PX_PER_CM, Picture, label_picture, piece_picture

_AVATAR: dict[str, Any] = {"name": "Avatar", "color": "#c9c6c1", "roughness": 0.55, "metallic": 0.0, "type": "avatar"}
_BUTTON_PROFILE = (
    (0.0, 0.10),
    (0.52, 0.11),
    (0.60, 0.16),
    (0.74, 0.26),
    (0.88, 0.27),
    (0.97, 0.20),
    (1.0, 0.08),
    (0.98, -0.06),
)
"""The profile of a button: distance from the axis and height, in radii."""
_THREAD = "#b8ad98"
_ROUND = 48
_LABEL_LIFT_CM = 0.07


@dataclass(frozen=True)
class Part:
    """One thing to draw.

    Parameters
    ----------
    kind: `piece`, `trim`, `label` or `avatar`.
    mesh: its `uv` is 0 to 1 over the picture, or in cm on the sheet if there is no picture.
    picture: shown instead of the material's colour; height x width x 3, sRGB.
    """

    name: str
    kind: str
    mesh: Mesh
    material: dict[str, Any]
    picture: Picture | None = None


def garment_parts(garment: Garment, *, include_avatar: bool = False, px_per_cm: float = PX_PER_CM) -> list[Part]:
    """The parts of a garment in its current colorway: pieces first, the avatar last.

    Parameters
    ----------
    px_per_cm: the resolution of the pictures of pieces.
    """
    loaded = _pieces(garment)
    parts = [
        _piece(garment, shape, loaded[shape.mesh], px_per_cm) for shape in garment.pieces() if shape.mesh in loaded
    ]
    drawn = {shape.id: loaded[shape.mesh] for shape in garment.pieces() if shape.mesh in loaded}
    surfaces = {key: Surface(mesh) for key, mesh in drawn.items() if mesh.uv is not None}
    for shape, trim in garment.trims():
        if trim.on in surfaces:
            parts += _trim_parts(garment, shape, trim, surfaces[trim.on])
    if include_avatar and garment.avatar:
        parts += [Part(m.name, "avatar", m, _AVATAR) for m in meshes.load_meshes(garment.avatar)]
    return parts


def _pieces(garment: Garment) -> dict[str, Mesh]:
    if not garment.model:
        return {}
    try:
        return {mesh.name: mesh for mesh in meshes.load_meshes(garment.model, garment.model_type)}
    except ValueError as error:
        raise ApiError(Code.RENDER_FAILED, f"the garment's meshes: {error}") from error


def _piece(garment: Garment, shape: Shape, mesh: Mesh, px_per_cm: float) -> Part:
    textured = piece_picture(garment, shape, mesh.uv, px_per_cm) if mesh.uv is not None else None
    if textured is None:
        return Part(shape.name, "piece", mesh, garment.material(shape.material))
    picture, uv = textured
    return Part(shape.name, "piece", replace(mesh, uv=uv), garment.material(shape.material), picture)


def garment_bounds(garment: Garment) -> tuple[Array, Array]:
    """The minimum and maximum corner of the pieces, cm, z up; a cube of 1 m if there are no meshes."""
    loaded = _pieces(garment)
    drawn = [loaded[shape.mesh] for shape in garment.pieces() if shape.mesh in loaded]
    if not drawn:
        return np.array([-50.0, -50.0, 0.0]), np.array([50.0, 50.0, 100.0])
    return meshes.bounds(drawn)


def garment_center(garment: Garment) -> tuple[float, float, float]:
    """The centre of the pieces, cm. An x within 2 cm of the body's axis becomes 0."""
    low, high = garment_bounds(garment)
    x, y, z = ((low + high) / 2).tolist()
    return (0.0 if abs(x) < 2 else round(x, 2)), round(y, 2), round(z, 2)


def _trim_parts(garment: Garment, shape: Shape, trim: Trim, surface: Surface) -> list[Part]:
    material = garment.material(shape.material)
    if trim.kind == "label":
        face = label_picture(garment, trim, material)
        return [Part(shape.name, "label", _label(shape.name, trim, surface), material, face)]
    body, thread = _button(shape.name, trim, surface)
    thread_material = {**material, "name": "Thread", "color": _THREAD, "roughness": 0.9}
    return [Part(shape.name, "trim", body, material), Part(f"{shape.name} thread", "trim", thread, thread_material)]


def _button(name: str, trim: Trim, surface: Surface) -> tuple[Mesh, Mesh]:
    """A round button with a rim, and the crossed thread that holds it."""
    frame = surface.frame(*trim.center)
    radius = trim.width_cm / 2
    angles = np.arange(_ROUND) * (2 * math.pi / _ROUND)
    rings = [
        np.column_stack([r * np.cos(angles), r * np.sin(angles), np.full(_ROUND, h)]) for r, h in _BUTTON_PROFILE[1:]
    ]
    local = np.vstack([[[0.0, 0.0, _BUTTON_PROFILE[0][1]]], *rings]) * radius
    faces = [(0, 1 + i, 1 + (i + 1) % _ROUND) for i in range(_ROUND)]
    for ring in range(len(rings) - 1):
        a, b = 1 + ring * _ROUND, 1 + (ring + 1) * _ROUND
        for i in range(_ROUND):
            j = (i + 1) % _ROUND
            faces += [(a + i, b + i, b + j), (a + i, b + j, a + j)]
    body = _smooth(name, _placed(local, frame), np.array(faces))
    stitches: list[tuple[float, float, float]] = []
    triangles: list[tuple[int, int, int]] = []
    for turn in (45.0, 135.0):
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        base = len(stitches)
        for along in np.linspace(-0.36, 0.36, 9):
            height = 0.13 + 0.09 * math.cos(along / 0.36 * math.pi / 2)
            for across in (-0.07, 0.0, 0.07):
                bulge = 0.0 if across else 0.04
                stitches.append((along * c - across * s, along * s + across * c, height + bulge))
        for i in range(8):
            for k in range(2):
                p = base + i * 3 + k
                triangles += [(p, p + 3, p + 4), (p, p + 4, p + 1)]
    thread = _smooth(f"{name} thread", _placed(np.array(stitches) * radius, frame), np.array(triangles))
    return body, thread


def _label(name: str, trim: Trim, surface: Surface) -> Mesh:
    """A rectangle that follows the surface of the cloth."""
    columns, rows = 22, 12
    turn = math.radians(trim.rotation)
    points, normals, uv = [], [], []
    for v in np.linspace(0, 1, rows):
        for u in np.linspace(0, 1, columns):
            x, y = (u - 0.5) * trim.width_cm, (v - 0.5) * trim.height_cm
            point, normal = surface.at(
                trim.center[0] + x * math.cos(turn) - y * math.sin(turn),
                trim.center[1] + x * math.sin(turn) + y * math.cos(turn),
            )
            edge = min(u, 1 - u, v, 1 - v) == 0
            points.append(point + normal * (0.0 if edge else _LABEL_LIFT_CM))
            normals.append(normal)
            uv.append((u, v))
    faces = []
    for row in range(rows - 1):
        for column in range(columns - 1):
            p = row * columns + column
            faces += [(p, p + 1, p + columns + 1), (p, p + columns + 1, p + columns)]
    return Mesh(name, np.array(points), np.array(normals), np.array(faces), np.array(uv))


def _placed(local: Array, frame: tuple[Array, Array, Array, Array]) -> Array:
    point, right, up, out = frame
    placed: Array = point + local[:, :1] * right + local[:, 1:2] * up + local[:, 2:] * out
    return placed


def _smooth(name: str, vertices: Array, faces: Any) -> Mesh:
    """A mesh with vertex normals averaged over the adjacent faces."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], flat)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Mesh(name, vertices, normals, np.asarray(faces, dtype=np.int64))
