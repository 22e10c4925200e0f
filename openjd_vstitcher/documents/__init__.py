"""Documents as plain JSON data within limits: files in JSON and YAML, and data from anywhere. Knows no schema."""

from .data import MAX_BYTES, MAX_DEPTH, MAX_VALUES, data_problems
from .places import offset_in, with_places
from .reading import read_document

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "data_problems", "offset_in", "read_document", "with_places"]
