"""Fills a session's working directory with the job's inputs and `job.json`, and empties it again."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .. import action_output
from ..config import Config, load_config
from ..errors import InvalidInput, OpenjdVsError, Problem, StorageError
from ..files import write_json
from ..names import safe_name, same_file_key
from ..storage.address import is_https, local_path
from ..storage.inputs.artworks import material_of
from ..storage.inputs.cache import Cache
from ..storage.inputs.download import Fetched, fetch
from ..storage.inputs.limits import Allowance
from ..storage.inputs.manifest import InputEntry, Manifest, read_manifest
from .running import read_embedded, run_action

_INPUTS = "inputs"
_JOB = "job.json"
_PARALLEL = 4
_FOLDERS = {
    "garment": "garment",
    "artwork": "artwork",
    "artwork_bundle": "artwork_bundle",
    "artwork_replacement": "artwork_replacements",
    "input": "files",
}

OnStaged = Callable[[InputEntry, Fetched], None]
"""Called with each input that has arrived, from any thread and from several at once."""


def run_stage(into: Path, *, garment: str, manifest: str, job_id: str, output_dir: str, job_data: str) -> int:
    """`openjd-vs stage`: stage with the configuration of this machine and report each input. Returns the exit code.

    Parameters
    ----------
    garment, manifest: as a template gives them; each may be empty.
    job_data: a JSON file with more for `job.json`, or "".
    """

    def bring() -> None:
        described = read_embedded(job_data, "job data") if job_data else {}
        output = str(Path(output_dir).absolute()) if output_dir else ""
        stage(
            into,
            garment=garment,
            manifest=read_manifest(Path(manifest)) if manifest else Manifest(),
            job={"id": job_id, **described, "local_job_output_path": output},
            config=load_config(),
            on_staged=_tell,
        )

    return run_action("staging failed", bring)


def run_teardown(into: Path) -> int:
    """`openjd-vs teardown`: tear down a working directory. Returns the exit code."""
    return run_action("teardown failed", lambda: teardown(into))


def stage(
    into: Path,
    *,
    garment: str,
    manifest: Manifest,
    job: Mapping[str, Any],
    config: Config,
    on_staged: OnStaged | None = None,
) -> Path:
    """Fetch a job's inputs into a working directory and write `job.json` there.

    Parameters
    ----------
    garment: a path or `file://` address; "" when the manifest has the garment. It overrides the manifest's.
    job: what `job.json` says about the job besides its inputs (id, preset, output directory).

    Returns the path of `job.json`.

    Raises
    ------
    InvalidInput: no garment where a preset runs, one that cannot be used, or an input that is too large or does not
        match the manifest.
    StorageError: an input could not be fetched; transient if the machine or its own storage is to blame.
    """
    from ..garment import check_garment

    entries = [entry for entry in manifest.inputs if not (garment and entry.role == "garment")]
    if garment:
        entries.insert(0, _local_garment(garment))
    garments = [entry for entry in entries if entry.role == "garment"]
    is_for_handler = any(entry.role == "input" for entry in entries)
    if len(garments) != 1 and not is_for_handler:
        found = "none is named" if not garments else f"{len(garments)} are named"
        raise InvalidInput(
            "inputs", [Problem("", f"expected one garment (garment file or inputs manifest), but {found}")]
        )
    folder = into.resolve() / _INPUTS
    folder.mkdir(parents=True, exist_ok=True)
    placed = [(entry, folder / _FOLDERS[entry.role] / entry.name) for entry in entries]
    _fetch_all(placed, config, on_staged)
    description = dict(job) | _described(manifest.details, placed, folder)
    if is_for_handler:
        names = manifest.details.get("files", {})
        files = {parameter: str(folder / _FOLDERS["input"] / name) for parameter, name in names.items()}
        write_json(into / _JOB, description | {"files": files})
        return into / _JOB
    garment_path = next(path for entry, path in placed if entry.role == "garment").resolve()
    check_garment(garment_path)
    write_json(into / _JOB, description | {"garment_path": str(garment_path)})
    return into / _JOB


def teardown(into: Path) -> None:
    """Remove what `stage` put into a working directory, and nothing else. Repeating it is harmless.

    Raises
    ------
    StorageError: something could not be removed.
    """
    job = into / _JOB
    folder = into / _INPUTS
    if not job.exists() and not folder.exists():
        return
    output = _output_directory(job)
    if output is not None and output.is_relative_to(folder.resolve()):
        raise StorageError(f"{folder} is kept because it contains the output directory", transient=False)
    try:
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, onerror=_make_writable)
        job.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot remove {folder}: {error.strerror}", transient=False) from error


def _tell(entry: InputEntry, fetched: Fetched) -> None:
    action_output.event(
        {
            "event": "staged",
            "what": entry.role,
            "name": entry.name,
            "uri": entry.source_uri,
            "version": entry.version,
            "size_bytes": fetched.size_bytes,
            "sha256": fetched.sha256,
        }
    )


def _local_garment(garment: str) -> InputEntry:
    path = local_path(garment) if garment.startswith("file:") else Path(garment).expanduser().absolute()
    if not path.is_file():
        raise InvalidInput("garment file", [Problem("", f"{path} is not a readable file")])
    return InputEntry("garment", safe_name(path.name), path.resolve().as_uri(), source_uri=path.as_uri())


def _fetch_all(placed: Sequence[tuple[InputEntry, Path]], config: Config, on_staged: OnStaged | None) -> None:
    seen: dict[str, str] = {}
    for entry, path in placed:
        key = same_file_key(str(path))
        if key in seen:
            clash = f"two inputs have the same name: {seen[key]!r} and {entry.name!r}"
            raise InvalidInput("inputs manifest", [Problem("", clash)])
        seen[key] = entry.name
    hosts = config.inputs.allow_private_hosts
    floor_bytes = config.worker.min_free_bytes // 2
    allowance = Allowance(config.inputs, floor_bytes)
    cache_bytes = config.inputs.cache_bytes
    cache = Cache(config.inputs.cache_dir, cache_bytes, floor_bytes) if cache_bytes else None

    def bring(item: tuple[InputEntry, Path]) -> None:
        entry, path = item
        fetched = fetch(entry, path, allow_private_hosts=hosts, cache=cache, allowance=allowance)
        if on_staged is not None:
            on_staged(entry, fetched)

    with ThreadPoolExecutor(_PARALLEL, "stage") as pool:
        running = [pool.submit(bring, item) for item in placed]
        try:
            for future in running:
                future.result()
        except OpenjdVsError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _described(details: Mapping[str, Any], placed: Sequence[tuple[InputEntry, Path]], folder: Path) -> dict[str, Any]:
    """The job's details with the local paths beside them, in the fields that today's runner uses."""
    artwork = next((str(path) for entry, path in placed if entry.role == "artwork"), None)
    bundle = folder / _FOLDERS["artwork_bundle"]
    replacements = [
        {**item, "name": material_of(item), "local_file_path": local}
        for item, local in _replacements(details.get("artwork_replacements") or (), placed)
    ]
    return {
        "details": dict(details),
        "local_artwork_path": artwork,
        "local_artwork_bundle_dir_path": str(bundle) if bundle.is_dir() else None,
        "artwork_replacements": replacements,
    }


def _replacements(
    items: Sequence[Mapping[str, Any]], placed: Sequence[tuple[InputEntry, Path]]
) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    """Each replacement with its local path. Addresses that differ in their query only are told apart by their order."""
    staged = [(entry.source_uri, str(path)) for entry, path in placed if entry.role == "artwork_replacement"]
    asked = list(dict.fromkeys(item["remote_file_path"] for item in items))
    in_order = [source for source, _ in staged] == [_without_query(uri) for uri in asked]
    keys = asked if in_order else [source for source, _ in staged]
    local = dict(zip(keys, (path for _, path in staged), strict=True))
    for item in items:
        yield item, local.get(item["remote_file_path"])


def _without_query(uri: str) -> str:
    return uri.partition("?")[0] if is_https(uri) else uri


def _output_directory(job: Path) -> Path | None:
    try:
        named = json.loads(job.read_text(encoding="utf-8")).get("local_job_output_path")
    except (OSError, ValueError, AttributeError):
        return None
    return Path(named).resolve() if isinstance(named, str) and named else None


def _make_writable(function: Callable[[str], object], path: str, _: object) -> None:
    os.chmod(path, stat.S_IRWXU)  # noqa: PTH101  (rmtree gives text)
    function(path)
