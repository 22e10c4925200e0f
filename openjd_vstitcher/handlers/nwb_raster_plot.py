"""The handler `nwb_raster_plot`: the spikes of an NWB file as an interactive page and a picture. Extra `[nwb]`."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, ClassVar

from ..config import load_config
from ..files import part_path
from . import Heartbeat

_PAGE = "raster.figpack.tar.gz"
_PICTURE = "raster.png"
_EXTRA = 'pip install "openjd-vstitcher[nwb]"'
_Unit = tuple[str, Any]
"""The id of a unit, and its spike times in seconds."""


class NwbRasterPlot:
    """Plots the units table of an NWB file: an interactive figpack page as .tar.gz, and a PNG."""

    parameters: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "nwb_file": {"type": "string", "minLength": 1, "description": "Address or path of the NWB file (HDF5)."},
            "title": {"type": "string", "minLength": 1, "maxLength": 200, "default": "Raster plot"},
            "max_units": {
                "type": "integer",
                "minimum": 1,
                "maximum": 10000,
                "default": 1000,
                "description": "Plot no more than the first units of the table.",
            },
        },
        "required": ["nwb_file"],
        "additionalProperties": False,
    }
    inputs = ("nwb_file",)
    outputs: ClassVar[dict[str, str]] = {"*.tar.gz": "DATA", "*.png": "MEDIA_RENDER"}

    def execute(self, input_params: dict[str, Any], heartbeat_callback: Heartbeat) -> dict[str, Any]:
        """Read the units, then write the page and the picture.

        Raises
        ------
        ValueError: the file is not an NWB file, or has no units with spikes.
        RuntimeError: the extra `[nwb]` is not installed.
        """
        try:
            import matplotlib as mpl
            import pynwb  # noqa: F401  # before anything is read
        except ImportError as error:
            raise RuntimeError(f"{error}; {_EXTRA}") from error
        mpl.use("agg")
        file, title = Path(input_params["nwb_file"]), input_params["title"]
        heartbeat_callback(progress_current=0, progress_total=4, console_output=f"reading {file.name}")
        units = _read_units(file, input_params["max_units"])
        start_s = min(float(times.min()) for _, times in units)
        end_s = max(float(times.max()) for _, times in units)
        spikes = sum(len(times) for _, times in units)
        heartbeat_callback(progress_current=1, progress_total=4, console_output=f"{len(units)} units, {spikes} spikes")
        url = _write_page(units, start_s, end_s, title)
        heartbeat_callback(progress_current=3, progress_total=4, console_output=f"wrote {_PAGE}")
        _write_picture(units, start_s, end_s, title)
        return {
            "units": len(units),
            "spikes": spikes,
            "start_time_s": start_s,
            "end_time_s": end_s,
            "page": _PAGE,
            "picture": _PICTURE,
            **({"page_url": url} if url else {}),
        }


def _read_units(file: Path, most: int) -> list[_Unit]:
    """The units of a file that have spikes.

    Raises
    ------
    ValueError: it is not an NWB file, or has none.
    """
    import pynwb

    with contextlib.ExitStack() as stack:
        try:
            reader = stack.enter_context(pynwb.NWBHDF5IO(str(file), "r"))
            table = reader.read().units
        except Exception as error:  # the libraries below raise errors of many kinds about a bad file
            raise ValueError(f"nwb_file: {file.name} is not an NWB file: {error}") from error
        if table is None or "spike_times" not in table.colnames:
            raise ValueError(f"nwb_file: {file.name} has no units table with spike times")
        times = ((str(table.id[row]), table.get_unit_spike_times(row)) for row in range(min(len(table), most)))
        units = [(name, spikes) for name, spikes in times if len(spikes)]
    if not units:
        raise ValueError(f"nwb_file: {file.name} has no spikes")
    return units


def _write_page(units: list[_Unit], start_s: float, end_s: float, title: str) -> str:
    """Write the page, and upload it if a figure server is configured. Returns its URL there, "" if it has none."""
    jobs = load_config().jobs
    if jobs.figure_server:
        os.environ["FIGPACK_API_BASE_URL"] = jobs.figure_server  # read when figpack is imported
    from figpack_spike_sorting.views import RasterPlot, RasterPlotItem

    plots = [RasterPlotItem(unit_id=name, spike_times_sec=times) for name, times in units]
    view = RasterPlot(start_time_sec=start_s, end_time_sec=max(end_s, start_s + 1), plots=plots)
    part = f"{part_path(_PAGE)}.tar.gz"
    view.save(part, title=title)
    os.replace(part, _PAGE)  # noqa: PTH105  (names in the current directory)
    if not jobs.figure_server:
        return ""
    if jobs.figure_server_key_file is None:
        raise RuntimeError("jobs.figure_server_key_file: expected the file with the API key of jobs.figure_server")
    os.environ["FIGPACK_API_KEY"] = jobs.figure_server_key_file.read_text(encoding="utf-8").strip()
    try:
        return str(view.show(title=title, upload=True, open_in_browser=False, inline=False, wait_for_input=False))
    finally:
        del os.environ["FIGPACK_API_KEY"]


def _write_picture(units: list[_Unit], start_s: float, end_s: float, title: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, min(2 + 0.15 * len(units), 40)), layout="constrained")
    axes = figure.subplots()
    axes.eventplot([times for _, times in units], colors="black", linelengths=0.8, linewidths=0.5)
    axes.set(title=title, xlabel="time (s)", ylabel="unit", xlim=(start_s, max(end_s, start_s + 1)))
    if len(units) <= 40:
        axes.set_yticks(range(len(units)), [name for name, _ in units])
    figure.savefig(_PICTURE, dpi=120)
