"""Job handlers: work written in Python that runs as a job. `docs/handlers.md` shows how to write one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Handler", "Heartbeat"]


class Heartbeat(Protocol):
    """What a handler calls to report how far it is."""

    def __call__(
        self,
        *,
        progress_current: float | None = None,
        progress_total: float | None = None,
        console_output: str | None = None,
    ) -> None:
        """Report progress, or text, or both.

        Parameters
        ----------
        progress_current, progress_total: the work that is done, and all of it, in any unit; without a total, percent.
        console_output: text for the job's log. Its last line becomes the job's status message.
        """


class Handler(Protocol):
    """A kind of work. A new instance executes each job, in a process of its own.

    A class may also have these attributes:

    - `timeout_s`: how long a job may take, in seconds; 3600 without it.
    - `inputs`: the names of the parameters that are addresses of input files. `execute` gets their local paths.
    - `outputs`: asset types by patterns of file names, such as `{"*.png": "MEDIA_RENDER"}`; an empty mapping if it
      writes no files. Without it, every file is an output, and the configuration decides on its type.

    Attributes
    ----------
    parameters: the JSON Schema (draft 2020-12) of `input_params`; it describes an object.
    """

    parameters: Mapping[str, Any]

    def execute(self, input_params: dict[str, Any], heartbeat_callback: Heartbeat) -> dict[str, Any]:
        """Do the work in the current directory: the files that it leaves there are the outputs of the job.

        Parameters
        ----------
        input_params: valid by the schema, with its defaults filled in.

        Returns
        -------
        The result of the job, as JSON data. `console_output` in it is printed and taken out.

        Raises
        ------
        ValueError: the parameters cannot be used.
        """
