"""Conditional writes to S3, for as long as the server supports them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ..ports import ObjectChanged
from .errors import error_code

_NOT_MET = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_log = logging.getLogger(__name__)


class Conditions:
    """Adds `If-None-Match` and `If-Match` to requests, and stops when the server answers that it has no such thing.

    A server that ignores the headers without a word cannot be told from one whose condition was met: there the check
    of the claim right before the write is the only fence.
    """

    def __init__(self) -> None:
        self._supported = True

    def write(self, request: Callable[..., Any], replaces: str | None, **arguments: Any) -> Any:
        """Send a request that creates or replaces an object, if the object is still the one that may be replaced.

        Parameters
        ----------
        request: a method of the client that takes `Bucket` and `Key`.
        replaces: as in `Transfer`.

        Raises
        ------
        ObjectChanged: the object is another one.
        """
        if replaces is None or not self._supported:
            return request(**arguments)
        condition = {"IfMatch": replaces} if replaces else {"IfNoneMatch": "*"}
        try:
            return request(**arguments, **condition)
        except ClientError as error:
            code = error_code(error)
            if code in _NOT_MET or (replaces and code == "NoSuchKey"):
                raise ObjectChanged(f"s3://{arguments['Bucket']}/{arguments['Key']}") from error
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if code != "NotImplemented" and status != 501:
                raise
        self._supported = False
        _log.warning("the S3 server has no conditional writes: only the claim is checked before an object is replaced")
        return request(**arguments)
