"""The queue and the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from ..config import Config
from ..errors import PlatformError
from ..platform.adapters import open_platform
from ..platform.ports import Platform
from .finding import Finding

_NO_TYPE = "openjd-vs doctor"
"""A job type that no job has: a claim for it takes nothing, and shows that claims are allowed."""


def check_platform(config: Config) -> Iterator[Finding]:
    """The platform is reached with the configured role, and each thing that a worker does there is allowed."""
    where = config.platform.endpoint or str(config.platform.path)
    try:
        platform = open_platform(config.platform)
    except PlatformError as error:
        mend = (
            "renew what platform.credential_file, _variable or _command gives"
            if error.credential
            else f"check that {where} is right and can be reached from this machine"
        )
        yield Finding("platform", "failed", str(error), mend)
        return
    try:
        described = platform.describe()
        incomplete = "not for this role" in described
        mend = "give the role what is named, or set platform.role" if incomplete else ""
        yield Finding("platform", "warning" if incomplete else "ok", described, mend)
        yield from _allowed(platform, config)
    finally:
        platform.close()


def _allowed(platform: Platform, config: Config) -> Iterator[Finding]:
    asked = {
        "read jobs": lambda: platform.jobs(limit=1),
        "read presets": platform.presets,
        "claim": lambda: platform.claim("doctor", [_NO_TYPE], lease_s=config.worker.lease_s),
        "return jobs of dead workers": platform.requeue_expired,
        "read asset types": platform.asset_types,
    }
    refused = False
    for what, ask in asked.items():
        try:
            ask()
        except PlatformError as error:
            refused = True
            mend = "allow it for the role; `openjd-vs platform migrate` and docs/security.md name the permissions"
            yield Finding("platform", "failed", f"{what}: {error}", mend)
    if not refused:
        yield Finding("platform", "ok", f"allowed: {', '.join(asked)}")
