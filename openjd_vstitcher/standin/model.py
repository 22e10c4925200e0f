"""Data model of an open garment: pieces, seams, sizes, colours, trims, meshes. No file access, no rendering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from . import geometry
from .geometry import Point


@dataclass
class Line:
    """An edge of an outline, or an internal line; in cm on the pattern sheet.

    Parameters
    ----------
    kind: `line`, `polyline` or `bezier`.
    seam_allowance: in cm; 0 for internal lines.
    material: the material sewn on this edge, None if there is none.
    """

    id: int
    name: str
    kind: str
    points: list[Point]
    seam_allowance: float = 0.0
    material: int | None = None

    def polyline(self) -> list[Point]:
        return geometry.flatten(self.kind, self.points)

    def length(self, origin: Point = (0.0, 0.0), factors: Point = (1.0, 1.0)) -> float:
        """Length in cm after grading by these factors about the origin."""
        return geometry.length(geometry.flatten(self.kind, geometry.scale(self.points, origin, factors)))


@dataclass
class Trim:
    """A trim placed on a shape.

    Parameters
    ----------
    kind: `button` or `label`.
    on: the shape it sits on.
    center: position on the pattern sheet, cm.
    width_cm, height_cm: size; the width of a button is its diameter.
    rotation: degrees, counter-clockwise.
    """

    kind: str
    on: int
    center: Point
    width_cm: float
    height_cm: float
    rotation: float = 0.0


@dataclass
class Shape:
    """A pattern piece, or the shape of a trim.

    Parameters
    ----------
    mesh: name of its mesh, "" if it has none.
    parent: the shape that this one mirrors.
    fold: the fold line, if both halves are one piece.
    """

    id: int
    name: str
    material: int
    origin: Point = (0.0, 0.0)
    grainline: list[Point] = field(default_factory=list)
    edges: list[Line] = field(default_factory=list)
    internal_lines: list[Line] = field(default_factory=list)
    mesh: str = ""
    parent: int | None = None
    fold: list[Point] | None = None
    trim: Trim | None = None

    def edge(self, edge_id: int) -> Line:
        """The edge or internal line with this id; KeyError if there is none."""
        for line in (*self.edges, *self.internal_lines):
            if line.id == edge_id:
                return line
        raise KeyError(edge_id)

    def outline(self) -> list[Point]:
        """The closed sewing line; the first point is not repeated at the end."""
        return [point for edge in self.edges for point in edge.polyline()[:-1]]

    def center(self) -> Point:
        """The centre of the outline's bounds; the origin if there are no edges."""
        if not self.edges:
            return self.origin
        low_x, low_y, high_x, high_y = geometry.bounds(self.outline())
        return (low_x + high_x) / 2, (low_y + high_y) / 2

    def cut_line(self) -> list[Point]:
        """The closed cut line: the sewing line offset by the seam allowances."""
        return geometry.offset_outline([(edge.polyline(), edge.seam_allowance) for edge in self.edges])


@dataclass
class StitchEnd:
    """One side of a stitch; `start` and `end` in percent of the edge."""

    shape: int
    edge: int
    reversed: bool = False
    start: float = 0.0
    end: float = 100.0


@dataclass
class Stitch:
    id: int
    name: str
    a: StitchEnd
    b: StitchEnd


@dataclass
class Cluster:
    """A place on the avatar, and the shapes that hang there, with their offsets in cm."""

    id: int
    name: str
    shapes: list[int]
    offsets: dict[int, Point] = field(default_factory=dict)


@dataclass
class Size:
    """A size of the grading; `scale` applies about the origin of each piece."""

    id: int
    name: str
    scale: Point = (1.0, 1.0)


@dataclass
class RulerElement:
    """A part of a ruler: an edge, or an internal line if `edge` is -1."""

    shape: int
    edge: int
    internal_line: int = -1

    @property
    def line(self) -> int:
        return self.internal_line if self.edge == -1 else self.edge


@dataclass
class Ruler:
    id: int
    name: str
    elements: list[RulerElement]


@dataclass
class Colorway:
    """A colorway.

    Parameters
    ----------
    materials: all materials of the garment by id; `materials.py` describes them.
    removed: the trims that are not shown in this colorway.
    """

    id: int
    name: str
    materials: dict[int, dict[str, Any]]
    removed: list[int] = field(default_factory=list)


@dataclass
class Snapshot:
    """A drape of the garment.

    Parameters
    ----------
    name: "" for one without a name.
    created_date: in UTC, as in ISO 8601.
    automatic: made by the last simulation, and replaced by the next.
    broken: its information cannot be read.
    """

    id: str
    name: str
    colorway: int
    size: int
    created_date: str = ""
    automatic: bool = False
    broken: bool = False


@dataclass
class Garment:
    """A garment that is open in the program.

    Parameters
    ----------
    model: a GLB or OBJ file with the meshes that shapes refer to; metres, y up, front facing +z.
    avatar: a GLB file of the avatar, in the same space.
    info: custom fields, as `GarmentInfoSetEx` stored them.
    plugin_data: what plugins stored for shapes and templates.
    dressed: True if the garment is on the avatar, as renders require.
    drapes: the number of simulations so far.
    """

    name: str
    shapes: list[Shape]
    colorways: list[Colorway]
    stitches: list[Stitch] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    rulers: list[Ruler] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    info: dict[str, str] = field(default_factory=dict)
    plugin_data: dict[str, Any] = field(default_factory=dict)
    base_size: int = 1
    current_size: int = 1
    current_colorway: int = 1
    id: str = ""
    path: str = ""
    model: bytes = b""
    model_type: str = "glb"
    avatar: bytes = b""
    preview: bytes = b""
    dressed: bool = False
    modified: bool = False
    drapes: int = 0

    def shape(self, shape_id: int) -> Shape:
        """KeyError if there is none."""
        for shape in self.shapes:
            if shape.id == shape_id:
                return shape
        raise KeyError(shape_id)

    def pieces(self) -> list[Shape]:
        return [shape for shape in self.shapes if shape.trim is None]

    def trims(self) -> Iterator[tuple[Shape, Trim]]:
        """The trims that the current colorway shows."""
        removed = self.colorway(self.current_colorway).removed
        for shape in self.shapes:
            if shape.trim is not None and shape.id not in removed:
                yield shape, shape.trim

    def drape(self) -> None:
        """Put the garment on the avatar, and make the automatic snapshot anew."""
        self.dressed = True
        self.drapes += 1
        self.snapshots = [snapshot for snapshot in self.snapshots if not snapshot.automatic]
        number = f"automatic-{self.drapes}"
        date = f"2024-01-02T00:{self.drapes // 60 % 60:02}:{self.drapes % 60:02}Z"
        self.snapshots.append(Snapshot(number, "", self.current_colorway, self.current_size, date, automatic=True))

    def children(self, shape: Shape) -> list[Shape]:
        """The shapes that mirror this one."""
        return [other for other in self.shapes if other.parent == shape.id]

    def colorway(self, colorway_id: int) -> Colorway:
        """KeyError if there is none."""
        for colorway in self.colorways:
            if colorway.id == colorway_id:
                return colorway
        raise KeyError(colorway_id)

    def material(self, material_id: int) -> dict[str, Any]:
        """What a material looks like in the current colorway: the first item of a group; {} if there is none."""
        materials = self.colorway(self.current_colorway).materials
        material = materials.get(material_id, {})
        items = [materials[item] for item in material.get("items", []) if item in materials]
        return items[0] if items else material

    def used_materials(self, colorway: Colorway) -> set[int]:
        """The materials of shapes, of trims that a colorway shows, of edges, and the items of groups among these."""
        used = {shape.material for shape in self.shapes if shape.id not in colorway.removed}
        used |= {edge.material for shape in self.shapes for edge in shape.edges if edge.material is not None}
        return used | {item for i in used for item in colorway.materials.get(i, {}).get("items", [])}

    def size(self, size_id: int) -> Size:
        """KeyError if there is none."""
        for size in self.sizes:
            if size.id == size_id:
                return size
        raise KeyError(size_id)

    def ruler_length(self, ruler: Ruler, size: Size) -> float:
        """Length of a ruler in a size, cm. Elements whose line was deleted are ignored."""
        total = 0.0
        for element in ruler.elements:
            try:
                shape = self.shape(element.shape)
                total += shape.edge(element.line).length(shape.origin, size.scale)
            except KeyError:
                continue
        return total

    def remove_shape(self, shape: Shape) -> None:
        """Remove a shape, its mirrored shapes, and the stitches, ruler elements, cluster entries and trims on them."""
        removed = {shape.id}
        while True:
            more = {
                s.id
                for s in self.shapes
                if s.id not in removed and (s.parent in removed or (s.trim is not None and s.trim.on in removed))
            }
            if not more:
                break
            removed |= more
        self.shapes = [s for s in self.shapes if s.id not in removed]
        self.stitches = [s for s in self.stitches if s.a.shape not in removed and s.b.shape not in removed]
        for ruler in self.rulers:
            ruler.elements = [e for e in ruler.elements if e.shape not in removed]
        self.rulers = [ruler for ruler in self.rulers if ruler.elements]
        for cluster in self.clusters:
            cluster.shapes = [s for s in cluster.shapes if s not in removed]
        self.clusters = [cluster for cluster in self.clusters if cluster.shapes]
        for colorway in self.colorways:
            for material in colorway.materials.values():
                placements = material.get("placements", [])
                material["placements"] = [place for place in placements if place["shape"] not in removed]

    def unlink(self, shape: Shape) -> None:
        """Remove every symmetry of this shape."""
        shape.parent = None
        shape.fold = None
        for child in self.children(shape):
            child.parent = None

    def document(self) -> dict[str, Any]:
        """The part of the garment that a file stores as JSON."""
        data = asdict(self)
        for key in ("id", "path", "model", "avatar", "preview", "dressed", "modified", "drapes"):
            del data[key]
        for colorway in data["colorways"]:
            colorway["materials"] = [{"id": i, **m} for i, m in colorway["materials"].items()]
        return data
