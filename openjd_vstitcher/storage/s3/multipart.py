"""Multi-part uploads to S3 that a later process can resume: parts already stored are verified, not sent again."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from ...errors import StorageError
from ..pace import Pace
from ..ports import Transfer
from .conditions import Conditions
from .errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_PARTS = 10_000
_log = logging.getLogger(__name__)
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


class _Source:
    """A file that is read once, part by part in order, by several threads."""

    def __init__(self, file: BinaryIO, size: int, part_bytes: int) -> None:
        self._file = file
        self._left = size
        self._part_bytes = part_bytes
        self._number = 0
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self.count = -(-size // part_bytes)

    def next_part(self) -> tuple[int, bytes]:
        """The number and the bytes of the next part."""
        with self._lock:
            if self._number == 0:
                self._file.seek(0)
            left = min(self._part_bytes, self._left)
            chunks = []
            while left and (chunk := self._file.read(left)):
                chunks.append(chunk)
                left -= len(chunk)
            if left:
                raise StorageError("the file became shorter while it was stored", transient=True)
            body = b"".join(chunks)
            self._digest.update(body)
            self._left -= len(body)
            self._number += 1
            return self._number, body

    def sha256(self) -> str:
        """The digest of what was read so far."""
        return self._digest.hexdigest()


@dataclass(frozen=True)
class _Upload:
    """One multi-part upload under way."""

    place: dict[str, str]
    source: _Source
    there: dict[int, Any]
    transfer: Transfer


class Multipart:
    """Uploads files in parts, in parallel.

    Parameters
    ----------
    part_bytes: size of a part; larger for files that would need over 10,000 of them.
    threads: the most parts held in memory and sent at a time, for all files together.
    """

    def __init__(self, client: S3Client, part_bytes: int, threads: int, pace: Pace, conditions: Conditions) -> None:
        self._client: Any = client
        self._conditions = conditions
        self._part_bytes = part_bytes
        self._pace = pace
        self._pool = ThreadPoolExecutor(threads, "s3-part")

    def put(
        self,
        source: BinaryIO,
        size: int,
        place: dict[str, str],
        arguments: dict[str, Any],
        transfer: Transfer,
        sha256: str,
    ) -> str:
        """Store a file and return its ETag. After a transient error the upload stays, to be resumed.

        The parts become an object only if together they have this SHA-256. An upload that was begun for other bytes
        carries their metadata: it is aborted.
        """
        begun_for, _, upload_id = (transfer.upload_id or "").rpartition(":")
        there = None
        transfer.guard()
        if transfer.upload_id is not None and begun_for != sha256:
            self.abandon(place["Bucket"], place["Key"], transfer.upload_id)
        elif upload_id:
            there = self._parts(place, upload_id)
        if there is None:
            upload_id, there = self._begin(place, arguments, transfer, sha256), {}
        smallest = -(-size // _MOST_PARTS)
        part_bytes = max(self._part_bytes, -(-smallest // (1 << 20)) * (1 << 20))
        place = {**place, "UploadId": upload_id}
        upload = _Upload(place, _Source(source, size, part_bytes), there, transfer)
        try:
            parts = self._all_parts(upload)
            if upload.source.sha256() != sha256:
                uri = f"s3://{place['Bucket']}/{place['Key']}"
                raise StorageError(f"{uri}: the file changed while it was stored", transient=True)
            transfer.guard()
            complete = self._client.complete_multipart_upload
            done = self._conditions.write(complete, transfer.replaces, **place, MultipartUpload={"Parts": parts})
        except ClientError as error:
            if error_code(error) in ("NoSuchUpload", "InvalidPart", "InvalidPartOrder"):
                self._abort(place)
                transfer.on_upload_id(None)
            raise
        transfer.on_upload_id(None)
        return str(done["ETag"])

    def abandon(self, bucket: str, key: str, upload_id: str) -> None:
        """Abort an unfinished upload to a key.

        Parameters
        ----------
        upload_id: as it was given to `Transfer.on_upload_id`, "" if it was never saved.
        """
        known = upload_id.rpartition(":")[2]
        if known:
            self._abort({"Bucket": bucket, "Key": key, "UploadId": known})
        else:
            self._abort_lost(bucket, key, None)

    def _begin(self, place: dict[str, str], arguments: dict[str, Any], transfer: Transfer, sha256: str) -> str:
        transfer.on_upload_id("")
        begun = self._client.create_multipart_upload(**place, **arguments, ChecksumAlgorithm="SHA256")
        upload_id = str(begun["UploadId"])
        if begun["ResponseMetadata"].get("RetryAttempts"):
            self._abort_lost(place["Bucket"], place["Key"], upload_id)
        transfer.on_upload_id(f"{sha256}:{upload_id}")
        return upload_id

    def _abort_lost(self, bucket: str, key: str, keep: str | None) -> None:
        """Abort the uploads to a key whose ids were lost on the way to us.

        No part was ever sent to such an upload. One with parts belongs to another writer and stays.
        """
        try:
            for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key):
                for found in page.get("Uploads", ()):
                    place = {"Bucket": bucket, "Key": key}
                    if found["Key"] == key and found["UploadId"] != keep and not self._parts(place, found["UploadId"]):
                        self._abort({**place, "UploadId": found["UploadId"]})
        except ClientError as error:
            if error_code(error) not in ("AccessDenied", "403"):
                raise
            _log.warning("not allowed to list unfinished uploads to s3://%s/%s: leaving them", bucket, key)

    def _parts(self, place: dict[str, str], upload_id: str) -> dict[int, Any] | None:
        try:
            pages = self._client.get_paginator("list_parts").paginate(**place, UploadId=upload_id)
            return {part["PartNumber"]: part for page in pages for part in page.get("Parts", ())}
        except ClientError as error:
            if error_code(error) == "NoSuchUpload":
                return None
            raise

    def _all_parts(self, upload: _Upload) -> list[dict[str, Any]]:
        running = [self._pool.submit(self._next_part, upload) for _ in range(upload.source.count)]
        try:
            return sorted((future.result() for future in running), key=lambda part: part["PartNumber"])
        finally:
            for future in running:
                future.cancel()
            for future in running:
                if not future.cancelled():
                    future.exception()

    def _next_part(self, upload: _Upload) -> dict[str, Any]:
        number, body = upload.source.next_part()
        there = upload.there.get(number)
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if there is None or not _same(there, body, checksum):
            self._pace.take(len(body))
            there = self._client.upload_part(**upload.place, PartNumber=number, Body=body, ChecksumSHA256=checksum)
            check_part(there, body, checksum)
        upload.transfer.on_bytes(len(body))
        return {"PartNumber": number, "ETag": there["ETag"], "ChecksumSHA256": checksum}

    def _abort(self, place: dict[str, str]) -> None:
        try:
            self._client.abort_multipart_upload(**place)
        except ClientError as error:
            if error_code(error) != "NoSuchUpload":
                raise


def check_part(answer: Any, body: bytes, checksum: str) -> None:
    """Compare what the server says it received with what was sent.

    Raises
    ------
    StorageError: it received different bytes.
    """
    if not _same(answer, body, checksum, unknown=True):
        raise StorageError("the server received different bytes from those sent", transient=True)


def _same(answer: Any, body: bytes, checksum: str, *, unknown: bool = False) -> bool:
    """Whether the server has these bytes, by its SHA-256, else by an ETag that is an MD5 of plain bytes."""
    if answer.get("Size", len(body)) != len(body):
        return False
    if answer.get("ChecksumSHA256"):
        return bool(answer["ChecksumSHA256"] == checksum)
    etag = _MD5.fullmatch(answer.get("ETag", ""))
    if etag is None or answer.get("ServerSideEncryption") == "aws:kms" or answer.get("SSECustomerAlgorithm"):
        return unknown
    return hashlib.md5(body, usedforsecurity=False).hexdigest() == etag[1]
