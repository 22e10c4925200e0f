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
    """A group of shapes; `kind` is `pieces` or `trim`."""

    id: int
    name: str
    kind: str
    shapes: list[int]


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
    """A colorway; `materials` has all materials of the garment by id, as `MaterialGet` returns them."""

    id: int
    name: str
    materials: dict[int, dict[str, Any]]


@dataclass
class Snapshot:
    id: str
    name: str
    colorway: int
    size: int
    created_date: str = ""


@dataclass
class Garment:
    """A garment that is open in the program.

    Parameters
    ----------
    model: a GLB or OBJ file with the meshes that shapes refer to; metres, y up, front facing +z.
    avatar: a GLB file of the avatar, in the same space.
    dressed: True if the garment is on the avatar, as renders require.
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

    def shape(self, shape_id: int) -> Shape:
        """KeyError if there is none."""
        for shape in self.shapes:
            if shape.id == shape_id:
                return shape
        raise KeyError(shape_id)

    def pieces(self) -> list[Shape]:
        return [shape for shape in self.shapes if shape.trim is None]

    def trims(self) -> Iterator[tuple[Shape, Trim]]:
        for shape in self.shapes:
            if shape.trim is not None:
                yield shape, shape.trim

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
        """A material in the current colorway, {} if there is none."""
        return self.colorway(self.current_colorway).materials.get(material_id, {})

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

    def unlink(self, shape: Shape) -> None:
        """Remove every symmetry of this shape."""
        shape.parent = None
        shape.fold = None
        for child in self.children(shape):
            child.parent = None

    def document(self) -> dict[str, Any]:
        """The part of the garment that a file stores as JSON."""
        data = asdict(self)
        for key in ("id", "path", "model", "avatar", "preview", "dressed", "modified"):
            del data[key]
        for colorway in data["colorways"]:
            colorway["materials"] = [{"id": i, **m} for i, m in colorway["materials"].items()]
        return data


def from_document(data: dict[str, Any]) -> Garment:
    """Build a garment from a `Garment.document()`; KeyError, TypeError or ValueError if that is invalid."""

    def point(p: Any) -> Point:
        return float(p[0]), float(p[1])

    def line(d: dict[str, Any]) -> Line:
        return Line(**{**d, "points": [point(p) for p in d["points"]]})

    def shape(d: dict[str, Any]) -> Shape:
        trim = d.get("trim")
        return Shape(
            **{
                **d,
                "origin": point(d.get("origin", (0, 0))),
                "grainline": [point(p) for p in d.get("grainline", [])],
                "edges": [line(e) for e in d.get("edges", [])],
                "internal_lines": [line(e) for e in d.get("internal_lines", [])],
                "fold": [point(p) for p in d["fold"]] if d.get("fold") else None,
                "trim": Trim(**{**trim, "center": point(trim["center"])}) if trim else None,
            }
        )

    def colorway(d: dict[str, Any]) -> Colorway:
        materials = {int(m["id"]): {k: v for k, v in m.items() if k != "id"} for m in d["materials"]}
        return Colorway(int(d["id"]), str(d["name"]), materials)

    rulers = [Ruler(r["id"], r["name"], [RulerElement(**e) for e in r["elements"]]) for r in data.get("rulers", [])]
    garment = Garment(
        **{
            **data,
            "shapes": [shape(d) for d in data["shapes"]],
            "colorways": [colorway(d) for d in data["colorways"]],
            "stitches": [
                Stitch(s["id"], s["name"], StitchEnd(**s["a"]), StitchEnd(**s["b"])) for s in data.get("stitches", [])
            ],
            "clusters": [Cluster(**d) for d in data.get("clusters", [])],
            "sizes": [Size(d["id"], d["name"], point(d["scale"])) for d in data.get("sizes", [])],
            "rulers": rulers,
            "snapshots": [Snapshot(**d) for d in data.get("snapshots", [])],
        }
    )
    garment.colorway(garment.current_colorway)
    return garment
