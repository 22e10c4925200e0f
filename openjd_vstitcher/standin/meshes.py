"""Loads triangle meshes, in cm with z up, and finds points on their surface. Needs numpy and trimesh."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """Triangles of one part.

    Parameters
    ----------
    vertices, normals: n x 3; cm, z up, the front faces -y.
    faces: m x 3.
    uv: n x 2, position on the pattern sheet in cm, None if unknown.
    material: the material stored in the file, with the keys of `MaterialGet`. Shapes of a `.bw` have their own.
    """

    name: str
    vertices: Array
    normals: Array
    faces: npt.NDArray[np.int64]
    uv: Array | None = None
    material: dict[str, Any] = field(default_factory=dict)


def load_meshes(content: bytes, file_type: str = "glb") -> list[Mesh]:
    """Load the meshes of a glTF or OBJ file, one for each node.

    A model larger than 10 units is assumed to be in cm, otherwise in metres. In both cases y is up.

    Raises
    ------
    ValueError: the file cannot be read or contains no usable mesh.
    """
    return list(_load(content, file_type))


@lru_cache(maxsize=4)
def _load(content: bytes, file_type: str) -> tuple[Mesh, ...]:
    import trimesh

    try:
        scene = trimesh.load_scene(io.BytesIO(content), file_type=file_type, process=False)
        found = [
            _mesh(node, scene.geometry[geometry], matrix)
            for node, matrix, geometry in _nodes(scene)
            if isinstance(scene.geometry[geometry], trimesh.Trimesh)
        ]
    except Exception as error:  # the loaders may raise anything
        raise ValueError(f"cannot be read as {file_type}: {error}") from error
    if not found or not all(np.isfinite(mesh.vertices).all() for mesh in found):
        raise ValueError(f"the {file_type} file contains no usable mesh")
    size = max(float(np.ptp(np.vstack([m.vertices for m in found]), axis=0).max()), 1e-9)
    factor = 1.0 if size > 10 else 100.0
    return tuple(Mesh(m.name, m.vertices * factor, m.normals, m.faces, m.uv, m.material) for m in found if len(m.faces))


def _nodes(scene: Any) -> list[tuple[str, Any, str]]:
    """Name, transform and geometry of each node, in the order of the geometries in the file."""
    order = {name: number for number, name in enumerate(scene.geometry)}
    nodes = [(str(node), *scene.graph[node]) for node in scene.graph.nodes_geometry]
    return sorted(nodes, key=lambda node: (order[node[2]], node[0]))


def _mesh(name: str, geometry: Any, matrix: Any) -> Mesh:
    rotation = np.asarray(matrix)[:3, :3]
    vertices = np.asarray(geometry.vertices, dtype=float) @ rotation.T + np.asarray(matrix)[:3, 3]
    normals = np.asarray(geometry.vertex_normals, dtype=float) @ np.linalg.pinv(rotation)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    uv = getattr(geometry.visual, "uv", None)
    sheet = None
    if uv is not None and len(uv) == len(vertices):
        sheet = np.column_stack([uv[:, 0], 1.0 - uv[:, 1]]) * 100.0
    faces = np.asarray(geometry.faces, dtype=np.int64)
    return Mesh(name, z_up(vertices), z_up(normals), faces, sheet, _look(geometry))


def z_up(vectors: Array) -> Array:
    """Convert from y up to z up: (x, y, z) becomes (x, -z, y)."""
    return np.column_stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]])


def y_up(vectors: Array) -> Array:
    """Convert from z up to y up, the inverse of `z_up`."""
    return np.column_stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]])


def _look(geometry: Any) -> dict[str, Any]:
    material = getattr(geometry.visual, "material", None)
    color = getattr(material, "main_color", None)
    if color is None:
        color = (180, 180, 180, 255)
    return {
        "name": str(getattr(material, "name", None) or "material"),
        "type": "fabric",
        "color": "#{:02x}{:02x}{:02x}".format(*(int(c) for c in color[:3])),
        "roughness": float(getattr(material, "roughnessFactor", None) or 0.85),
        "metallic": float(getattr(material, "metallicFactor", None) or 0.0),
    }


def bounds(meshes: list[Mesh]) -> tuple[Array, Array]:
    """The minimum and maximum corner, cm."""
    points = np.vstack([mesh.vertices for mesh in meshes])
    return points.min(axis=0), points.max(axis=0)


class Surface:
    """Finds points of a mesh by their position on the pattern sheet."""

    def __init__(self, mesh: Mesh) -> None:
        if mesh.uv is None:
            raise ValueError(f"the mesh {mesh.name} has no positions on the pattern sheet")
        self._mesh = mesh
        self._corners = mesh.uv[mesh.faces]
        a, b, c = self._corners[:, 0], self._corners[:, 1], self._corners[:, 2]
        self._ab, self._ac, self._a = b - a, c - a, a
        self._determinant = self._ab[:, 0] * self._ac[:, 1] - self._ab[:, 1] * self._ac[:, 0]

    def at(self, x: float, y: float) -> tuple[Array, Array]:
        """The point (cm) and unit normal at a position on the sheet (cm), or at the nearest position on the piece."""
        d = np.array([x, y]) - self._a
        with np.errstate(divide="ignore", invalid="ignore"):
            v = (d[:, 0] * self._ac[:, 1] - d[:, 1] * self._ac[:, 0]) / self._determinant
            w = (self._ab[:, 0] * d[:, 1] - self._ab[:, 1] * d[:, 0]) / self._determinant
        inside = np.minimum(np.minimum(v, w), 1 - v - w)
        face = int(np.argmax(np.where(np.isfinite(inside), inside, -np.inf)))
        weights = np.clip(np.array([1 - v[face] - w[face], v[face], w[face]]), 0.0, 1.0)
        weights /= weights.sum()
        corners = self._mesh.faces[face]
        normal = weights @ self._mesh.normals[corners]
        return weights @ self._mesh.vertices[corners], normal / np.linalg.norm(normal)

    def frame(self, x: float, y: float) -> tuple[Array, Array, Array, Array]:
        """The point, and unit vectors along the sheet's x and y axes and outwards."""
        point, normal = self.at(x, y)
        right = self.at(x + 0.4, y)[0] - self.at(x - 0.4, y)[0]
        right -= normal * (right @ normal)
        right /= np.linalg.norm(right)
        return point, right, np.cross(normal, right), normal
