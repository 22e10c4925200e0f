"""The S3 server and its credentials, for every test: one server for the whole session."""

from __future__ import annotations

from tests.s3_server import s3_credentials, s3_server

__all__ = ["s3_credentials", "s3_server"]
