"""What the readers of JSON and YAML share: the error that has a place in the text."""

from __future__ import annotations


class BadText(Exception):
    """A text cannot be read as data.

    Parameters
    ----------
    message: what was found and what was expected.
    line, column: the place, counted from 1; 0 if it is the whole text.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


def bad_text_at(text: str, index: int, message: str) -> BadText:
    """The error for a place that is given as an index of the text."""
    return BadText(message, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def shortened(text: str) -> str:
    """A text in quotes, cut for a message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
