"""A job that continues after a failure: its steps that succeeded, and the files that they made."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..config import Config
from ..errors import InvalidInput, Problem
from ..names import unsafe_reason
from ..platform.ports import AssetCatalogue
from ..storage.inputs.download import fetch
from ..storage.inputs.manifest import InputEntry
from ..storage.ports import Storage
from .directory import AttemptDirectory
from .request import AttemptRequest


def done_steps(request: AttemptRequest, template_sha256: str) -> Sequence[str]:
    """The names of the steps that this attempt does not run again: none if the template is another one now."""
    done = request.job.get("done") or {}
    return done.get("steps", ()) if done.get("template_sha256") == template_sha256 else ()


def bring_files(
    directory: AttemptDirectory, request: AttemptRequest, storage: Storage, catalogue: AssetCatalogue, config: Config
) -> None:
    """Put the files of the earlier attempts into the output directory: from this machine, else from storage.

    Raises
    ------
    StorageError, PlatformError: a file could not be fetched.
    """
    for number in range(request.attempt - 1, 0, -1):
        earlier = AttemptDirectory(directory.path.with_name(f"{request.job_id}.{number}")).output
        if earlier.is_dir():
            shutil.copytree(earlier, directory.output, symlinks=True, dirs_exist_ok=True)
            return
    for asset in catalogue.assets(request.job_id):
        if asset.status != "UPLOADED":
            continue
        if unsafe_reason(asset.name):
            raise InvalidInput("assets of the job", [Problem("", f"{asset.name!r} is not a safe file name")])
        url = storage.presign(asset.path, expires_s=config.inputs.url_lifetime_s)
        sha256, signed_for = asset.details.get("sha256"), urlsplit(url).netloc
        entry = InputEntry("input", asset.name, url, asset.path, sha256=sha256, signed_for=signed_for)
        fetch(entry, directory.output / asset.name, allow_private_hosts=config.inputs.allow_private_hosts)
