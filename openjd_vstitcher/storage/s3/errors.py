"""Turns errors of S3, and of the connection to it, into errors that say whether retrying helps."""

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
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
    SSLError,
)

from ...errors import StorageError

_TRANSIENT = {
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
_REFUSED_CREDENTIAL = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "RequestTimeTooSkewed",
}
_CONNECTION_ERRORS = (
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
    """The code that the server gave, such as `NoSuchKey`, or the HTTP status if it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def explained(what: str, uri: str) -> Iterator[None]:
    """Turn what boto3 raises into `StorageError`.

    Parameters
    ----------
    what: the operation, as a verb for the message: "store", "list".
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        reason = _MEANING.get(code) or error.response.get("Error", {}).get("Message") or f"HTTP {status}"
        transient = code in _TRANSIENT or status in (408, 429) or status >= 500
        credential = code in _REFUSED_CREDENTIAL or status in (401, 403)
        message = f"cannot {what} {uri}: {reason} ({code})"
        raise StorageError(message, transient=transient, credential=credential) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StorageError(f"cannot {what} {uri}: {error}", transient=False, credential=True) from error
    except SSLError as error:
        raise StorageError(f"cannot {what} {uri}: {error}", transient="CERTIFICATE" not in str(error)) from error
    except _CONNECTION_ERRORS as error:
        raise StorageError(f"cannot {what} {uri}: {error}", transient=True) from error
    except BotoCoreError as error:
        raise StorageError(f"cannot {what} {uri}: {error}", transient=False) from error
    except OSError as error:
        raise StorageError(f"cannot {what} {uri}: {error.strerror or error}", transient=True) from error
