"""What every request works with: the configuration, the platform, the storage, the keys and the watcher."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from ..config import Config
from ..export_types import extra_exports
from ..platform.ports import Platform
from ..storage.adapters import open_storage
from ..storage.ports import Storage
from .key_file import KeyFile
from .links import Links
from .watcher import Watcher


@dataclass
class Service:
    """What every request works with. Safe to share between threads.

    Parameters
    ----------
    watcher: tells all streams what changes on the platform.
    """

    config: Config
    platform: Platform
    keys: KeyFile
    links: Links
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.watcher = Watcher(self.platform, most=self.config.server.max_streams)

    @functools.cached_property
    def storage(self) -> Storage:
        """The storage of outputs; opened when it is first used."""
        return open_storage(self.config)

    @property
    def extra_exports(self) -> Mapping[str, Mapping[str, Any]]:
        """The custom export types of this machine."""
        return extra_exports(self.config.engine.extra_exports)

    @property
    def work_dir(self) -> Path:
        """The job directories of this machine's worker."""
        return self.config.worker.work_dir


def service_of(request: Request) -> Service:
    """The service of the application that got a request."""
    return cast(Service, request.app.state.service)


Serving = Annotated[Service, Depends(service_of)]
"""A parameter that is the service."""
