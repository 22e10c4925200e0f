"""The sample project that the Hasura test server's own tests run on."""

from __future__ import annotations

from pathlib import Path

SAMPLE = Path(__file__).with_name("sample")
ADMIN_SECRET = "library-secret"
JWT_KEY = "a key of at least thirty-two bytes for HS256"
LIVE_QUERY_INTERVAL_S = 0.05
