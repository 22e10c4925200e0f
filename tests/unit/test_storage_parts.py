"""What an S3 server says of a part that it received, against what was sent (Law 2)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from openjd_vstitcher.errors import StorageError
from openjd_vstitcher.storage.s3.multipart import check_part

BODY = b"a part"
MD5 = f'"{hashlib.md5(BODY).hexdigest()}"'
OTHER_MD5 = f'"{hashlib.md5(b"other").hexdigest()}"'


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ETag": MD5},
        {"Size": len(BODY), "ETag": MD5},
        {"ChecksumSHA256": "right", "ETag": OTHER_MD5},
        {"ETag": '"not an MD5"'},
        {"ETag": OTHER_MD5, "ServerSideEncryption": "aws:kms"},
        {"ETag": OTHER_MD5, "SSECustomerAlgorithm": "AES256"},
    ],
)
def test_a_part_is_taken_unless_the_server_says_that_it_differs(answer: dict[str, Any]) -> None:
    check_part(answer, BODY, "right")


@pytest.mark.parametrize(
    "answer",
    [
        {"ETag": OTHER_MD5},
        {"ETag": OTHER_MD5, "ServerSideEncryption": "AES256"},
        {"ETag": MD5, "Size": len(BODY) + 1},
        {"ETag": MD5, "ChecksumSHA256": "wrong"},
    ],
)
def test_a_part_that_differs_is_sent_again(answer: dict[str, Any]) -> None:
    with pytest.raises(StorageError, match="the server received different bytes") as caught:
        check_part(answer, BODY, "right")
    assert caught.value.transient
