"""Prints the folders of the package in layers, from who imports whom: `make graph`. Fails if there is a circle.

A layer imports only from layers below it. Imports inside functions count, imports under TYPE_CHECKING do not.
"""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter

import grimp

PACKAGE = "openjd_vstitcher"


def siblings(graph: grimp.ImportGraph, folder: str) -> dict[str, set[str]]:
    """The modules and folders in a folder, each with those of its siblings that it imports from."""
    children = sorted(graph.find_children(folder))
    return {
        child.rpartition(".")[2]: {
            other.rpartition(".")[2]
            for other in children
            if other != child and graph.direct_import_exists(importer=child, imported=other, as_packages=True)
        }
        for child in children
    }


def layers(imports: dict[str, set[str]]) -> list[list[str]]:
    """The nodes in layers, the lowest first.

    Raises
    ------
    CycleError: there is a circle; its second argument lists it.
    """
    sorter = TopologicalSorter(imports)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found.append(ready)
        sorter.done(*ready)
    return found


def folders(graph: grimp.ImportGraph) -> list[str]:
    """Every folder with more than one module, the package itself first."""
    return sorted(module for module in graph.modules if len(graph.find_children(module)) > 1)


def modules(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Every module with the modules that it imports."""
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def build() -> grimp.ImportGraph:
    """The import graph of the package."""
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True)


def main() -> int:
    """Print every folder's layers; the exit code is 1 if there is a circle anywhere."""
    graph = build()
    circles = 0
    for folder in folders(graph):
        print(folder.replace(".", "/") + "/")
        circles += not _printed(siblings(graph, folder))
    try:
        layers(modules(graph))
    except CycleError as error:
        circles += 1
        print(_circle(error))
    print(f"{circles} circles" if circles else "no circles")
    return 1 if circles else 0


def _printed(imports: dict[str, set[str]]) -> bool:
    """Print the layers, the highest first, or the circle; True if there is no circle."""
    try:
        found = layers(imports)
    except CycleError as error:
        print("    " + _circle(error))
        return False
    for layer in reversed(found):
        print("    " + "  ".join(layer))
    return True


def _circle(error: CycleError) -> str:
    """The circle of an error, each name before the one that it imports."""
    return "CIRCLE: " + " -> ".join(reversed(error.args[1]))


if __name__ == "__main__":
    sys.exit(main())
