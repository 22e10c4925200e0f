"""Storage in S3 and servers that speak its protocol. boto3 finds the credentials."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urlencode

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from ...errors import ConfigError, StorageError
from ..address import check_within, file_name, is_folder, is_https, is_s3, refused, split_s3
from ..pace import Pace
from ..ports import NEW_TRANSFER, Transfer
from ..values import PutOptions, StoredObject
from .conditions import Conditions
from .errors import error_code, explained
from .multipart import Multipart, check_part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ...config import S3StorageConfig, StorageConfig


class S3Storage:
    """The `Storage` port over S3.

    Only addresses under `read_from` and `write_to` are used.
    """

    def __init__(self, config: StorageConfig, read_from: Sequence[str]) -> None:
        self._config = config.s3
        self._read_from = read_from
        self._write_to = config.write_to
        self._client: Any = _client(config.s3)
        self._pace = Pace(config.bandwidth_limit)
        threads = max(1, config.s3.bytes_in_flight // config.s3.part_bytes)
        self._conditions = Conditions()
        self._multipart = Multipart(self._client, config.s3.part_bytes, threads, self._pace, self._conditions)

    def check(self, destination: str) -> None:
        _allow(destination, self._write_to, "storage.write_to")

    def check_source(self, uri: str) -> None:
        if not is_https(uri):
            _allow(uri, self._read_from, "inputs.read_from")

    def put(
        self,
        source: BinaryIO,
        uri: str,
        *,
        sha256: str,
        options: PutOptions,
        transfer: Transfer = NEW_TRANSFER,
    ) -> StoredObject:
        self.check(uri)
        bucket, key = split_s3(uri)
        size = source.seek(0, 2)
        arguments = self._arguments(uri, options)
        with explained("store", uri):
            if size > self._config.part_bytes:
                etag = self._multipart.put(source, size, {"Bucket": bucket, "Key": key}, arguments, transfer, sha256)
            else:
                if transfer.upload_id is not None:
                    self._multipart.abandon(bucket, key, transfer.upload_id)
                etag = self._put_whole(source, {"Bucket": bucket, "Key": key}, arguments, transfer, sha256)
            return self._verified(uri, size, sha256, etag)

    def abandon(self, uri: str, upload_id: str) -> None:
        with explained("abandon an upload to", uri):
            self._multipart.abandon(*split_s3(uri), upload_id)

    def stat(self, uri: str) -> StoredObject | None:
        bucket, key = split_s3(uri)
        if is_folder(uri):
            return None
        with explained("look up", uri):
            head = self._head(bucket, key)
        return None if head is None else _stored(uri, head)

    def list(self, prefix: str, *, most: int | None = None) -> Sequence[tuple[StoredObject, float]]:
        bucket, key = split_s3(prefix)
        if key and not key.endswith("/"):
            key += "/"
        found = []
        with explained("list", prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
                for item in page.get("Contents", ()):
                    etag = item["ETag"]
                    stored = StoredObject(f"s3://{bucket}/{item['Key']}", item["Size"], None, etag, etag)
                    if not is_folder(stored.uri):
                        found.append((stored, item["LastModified"].timestamp()))
                if most is not None and len(found) >= most:
                    break
        return sorted(found, key=lambda item: item[0].uri)[:most]

    def presign(self, uri: str, *, expires_s: int, version: str = "") -> str:
        self.check_source(uri)
        return self._signed(uri, expires_s, version)

    def link(self, uri: str, *, expires_s: int) -> str:
        self.check(uri)
        return self._signed(uri, expires_s)

    def _signed(self, uri: str, expires_s: int, version: str = "") -> str:
        bucket, key = split_s3(uri)
        parameters = {"Bucket": bucket, "Key": key}
        if version and not version.startswith('"'):
            parameters["VersionId"] = version
        with explained("sign", uri):
            return str(self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_s))

    def _put_whole(
        self, source: BinaryIO, place: dict[str, str], arguments: dict[str, Any], transfer: Transfer, sha256: str
    ) -> str:
        source.seek(0)
        body = source.read()
        if hashlib.sha256(body).hexdigest() != sha256:
            uri = f"s3://{place['Bucket']}/{place['Key']}"
            raise StorageError(f"{uri}: the file changed while it was stored", transient=True)
        self._pace.take(len(body))
        checksum = base64.b64encode(binascii.unhexlify(sha256)).decode()
        transfer.guard()
        given = {**place, **arguments, "Body": body, "ChecksumSHA256": checksum}
        answer = self._conditions.write(self._client.put_object, transfer.replaces, **given)
        check_part(answer, body, checksum)
        transfer.on_bytes(len(body))
        return str(answer["ETag"])

    def _verified(self, uri: str, size: int, sha256: str, etag: str) -> StoredObject:
        head = self._head(*split_s3(uri))
        if head is None:
            raise StorageError(f"{uri}: missing after it was stored", transient=True)
        stored = _stored(uri, head)
        if stored.size_bytes != size or stored.sha256 not in (None, sha256) or head["ETag"] != etag:
            raise StorageError(f"{uri}: the stored bytes differ from the file", transient=True)
        return stored

    def _head(self, bucket: str, key: str) -> Any:
        try:
            return self._client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def _arguments(self, uri: str, options: PutOptions) -> dict[str, Any]:
        config = self._config
        given = {
            "ContentType": options.content_type,
            "Metadata": {key: quote(value, safe=" :/-_.") for key, value in options.metadata.items()},
            "ServerSideEncryption": config.sse,
            "SSEKMSKeyId": config.sse_kms_key_id,
            "StorageClass": config.storage_class,
            "Tagging": urlencode(config.tags),
            "ACL": "public-read" if options.public and config.public_acl else "",
            "ContentDisposition": _disposition(config.content_disposition, file_name(uri)),
        }
        return {key: value for key, value in given.items() if value}


def _client(config: S3StorageConfig) -> S3Client:
    try:
        session = boto3.Session(profile_name=config.profile or None, region_name=config.region or None)
        client: S3Client = session.client(
            "s3",
            endpoint_url=config.endpoint_url or None,
            config=ClientConfig(
                signature_version="s3v4",
                s3={"addressing_style": "path" if config.path_style else "auto", "payload_signing_enabled": False},
                retries={"mode": "standard", "max_attempts": 2},
                connect_timeout=10,
                read_timeout=60,
                max_pool_connections=32,
                request_checksum_calculation="when_required",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"storage.s3: {error}") from error
    return client


def _allow(uri: str, allowed: Sequence[str], key: str) -> None:
    if not is_s3(uri):
        raise refused(f"{uri!r} is not an s3:// address, and storage.kind is s3")
    check_within(uri, allowed, key)


def _stored(uri: str, head: Any) -> StoredObject:
    checksum = head.get("ChecksumSHA256") or ""
    whole = checksum and "-" not in checksum
    sha256 = base64.b64decode(checksum).hex() if whole else None
    version, etag = head.get("VersionId"), head["ETag"]
    return StoredObject(uri, head["ContentLength"], sha256, version if version not in (None, "null") else etag, etag)


def _disposition(kind: str, name: str) -> str:
    if not kind:
        return ""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
