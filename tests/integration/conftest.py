"""Fixtures of the integration tests: real servers, each started once for the whole test session."""

from __future__ import annotations

from tests.s3_server import s3_credentials, s3_server

__all__ = ["s3_credentials", "s3_server"]
