"""The extensions of OpenJD that a template may use on a desk: all that the model and the sessions know."""

from __future__ import annotations

EXTENSIONS = ("TASK_CHUNKING", "REDACTED_ENV_VARS", "FEATURE_BUNDLE_1", "EXPR", "WRAP_ACTIONS")
