"""What S3 and the way to it can answer, as errors that say whether waiting helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    SSLError,
)

from ...errors import StorageError

_PASSING = {
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "RequestTimeout",
    "RequestTimeoutException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "OperationAborted",
    "BadDigest",
    "IncompleteBody",
    "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch",
    "ExpiredToken",
    "NoSuchUpload",
    "InvalidPart",
    "MalformedXML",
}
_BROKEN_WAY = (
    ConnectionError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
_MEANING = {
    "NoSuchBucket": "the bucket does not exist",
    "AccessDenied": "access is denied",
    "403": "access is denied",
    "InvalidAccessKeyId": "the server does not know the access key",
    "SignatureDoesNotMatch": "the secret key is wrong, or something on the way changed the request",
    "ExpiredToken": "the credentials have expired",
    "RequestTimeTooSkewed": "the clock of this machine is wrong by more than the server allows (clock skew)",
    "QuotaExceeded": "the quota is used up",
    "SlowDown": "the server asks to slow down",
}


def error_code(error: ClientError) -> str:
    """The code that the server gave, such as `NoSuchKey`, or the HTTP status where there is none."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def explained(what: str, uri: str) -> Iterator[None]:
    """Turns what boto3 raises into `StorageError`."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        reason = _MEANING.get(code) or error.response.get("Error", {}).get("Message") or f"HTTP {status}"
        passing = code in _PASSING or status in (408, 429) or status >= 500
        raise StorageError(f"cannot {what} {uri}: {reason} ({code})", transient=passing) from error
    except SSLError as error:
        raise StorageError(f"cannot {what} {uri}: {error}", transient="CERTIFICATE" not in str(error)) from error
    except _BROKEN_WAY as error:
        raise StorageError(f"cannot {what} {uri}: {error}", transient=True) from error
    except BotoCoreError as error:
        raise StorageError(f"cannot {what} {uri}: {error}", transient=False) from error
    except OSError as error:
        raise StorageError(f"cannot {what} {uri}: {error.strerror or error}", transient=True) from error
