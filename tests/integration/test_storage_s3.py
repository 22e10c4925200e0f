"""S3 storage against a real server."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSLError,
)

from openjd_vstitcher.config import Config, S3StorageConfig, StorageConfig
from openjd_vstitcher.errors import ConfigError, InvalidInput, StorageError
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.inputs.download import fetch
from openjd_vstitcher.storage.inputs.resolve import resolve_inputs
from openjd_vstitcher.storage.ports import Storage, Transfer
from openjd_vstitcher.storage.s3.errors import explained
from openjd_vstitcher.storage.values import PutOptions, StoredObject
from tests.s3_server import S3Server

pytestmark = pytest.mark.usefixtures("s3_credentials")
_URI = "s3://style-assets/exports/job 1/é.png"
_PART = 5 << 20


def _put(storage: Storage, path: Path, uri: str = _URI, transfer: Transfer | None = None) -> StoredObject:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    options = PutOptions("image/png", {"sha256": sha256, "job": "job-1"})
    with path.open("rb") as source:
        return storage.put(source, uri, sha256=sha256, options=options, transfer=transfer or Transfer())


def _uploads(server: S3Server) -> list[Any]:
    uploads: list[Any] = server.client().list_multipart_uploads(Bucket="style-assets").get("Uploads", [])
    return uploads


def _bytes(server: S3Server, uri: str = _URI) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = server.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


@pytest.mark.parametrize("size", [1000, 2 * _PART])
def test_object_carries_its_metadata_and_type(s3_server: S3Server, tmp_path: Path, size: int) -> None:
    s3_server.bucket("style-assets")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    _put(open_storage(s3_server.config(part_bytes=_PART)), path)
    head = s3_server.client().head_object(Bucket="style-assets", Key="exports/job 1/é.png")
    assert head["Metadata"] == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "job": "job-1"}
    assert head["ContentType"] == "image/png"


def test_empty_objects_that_stand_for_folders_are_no_objects(s3_server: S3Server) -> None:
    s3_server.bucket("style-assets")
    client, storage = s3_server.client(), open_storage(s3_server.config())
    client.put_object(Bucket="style-assets", Key="folders/a/", Body=b"")
    client.put_object(Bucket="style-assets", Key="folders/a/x.png", Body=b"x")
    assert storage.stat("s3://style-assets/folders/a/") is None
    assert [found.uri for found, _ in storage.list("s3://style-assets/folders")] == [
        "s3://style-assets/folders/a/x.png"
    ]


def test_options_of_the_configuration_reach_the_object(s3_server: S3Server, tmp_path: Path) -> None:
    s3_server.bucket("style-assets")
    (tmp_path / "file").write_bytes(b"x")
    _put(
        open_storage(s3_server.config(tags={"team": "3d & more"}, content_disposition="attachment")), tmp_path / "file"
    )
    place = {"Bucket": "style-assets", "Key": "exports/job 1/é.png"}
    head = s3_server.client().head_object(**place)
    assert head["ContentDisposition"] == "attachment; filename=\"_.png\"; filename*=UTF-8''%C3%A9.png"
    assert s3_server.client().get_object_tagging(**place)["TagSet"] == [{"Key": "team", "Value": "3d & more"}]


def test_interrupted_upload_is_continued_and_sends_only_what_is_missing(s3_server: S3Server, tmp_path: Path) -> None:
    s3_server.bucket("style-assets")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(6 * _PART))
    noted: list[str | None] = []
    sent: list[int] = []

    def stop_after_two(count: int) -> None:
        sent.append(count)
        if len(sent) == 2:
            raise StorageError("interrupted", transient=True)

    config = s3_server.config(part_bytes=_PART, bytes_in_flight=_PART)
    with pytest.raises(StorageError, match="interrupted"):
        _put(open_storage(config), path, transfer=Transfer(on_bytes=stop_after_two, on_upload_id=noted.append))
    assert noted[0] == ""
    assert noted[1]
    assert len(_uploads(s3_server)) == 1
    before = {p["PartNumber"]: p["LastModified"] for p in _parts(s3_server, noted[1].partition(":")[2])}
    _put(open_storage(config), path, transfer=Transfer(upload_id=noted[1], on_upload_id=noted.append))
    assert len(before) >= 2
    assert noted[-1] is None
    assert _bytes(s3_server) == path.read_bytes()
    assert _uploads(s3_server) == []


def _parts(server: S3Server, upload_id: str) -> list[Any]:
    answer = server.client().list_parts(Bucket="style-assets", Key="exports/job 1/é.png", UploadId=upload_id)
    parts: list[Any] = answer["Parts"]
    return parts


def test_part_that_differs_from_the_file_is_sent_again(s3_server: S3Server, tmp_path: Path) -> None:
    s3_server.bucket("style-assets")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2 * _PART))
    client = s3_server.client()
    place = {"Bucket": "style-assets", "Key": "exports/job 1/é.png"}
    upload_id = client.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")["UploadId"]
    client.upload_part(**place, UploadId=upload_id, PartNumber=1, Body=b"x" * _PART, ChecksumAlgorithm="SHA256")
    upload_id = f"{hashlib.sha256(path.read_bytes()).hexdigest()}:{upload_id}"
    _put(open_storage(s3_server.config(part_bytes=_PART)), path, transfer=Transfer(upload_id=upload_id))
    assert _bytes(s3_server) == path.read_bytes()


def test_part_that_arrived_damaged_is_sent_again(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that checks no sums has taken other bytes: that is noticed at once, and the part is repeated."""
    from botocore.client import BaseClient

    s3_server.bucket("style-assets")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3 * _PART))
    call, sent = BaseClient._make_api_call, []

    def damaging(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "UploadPart":
            sent.append(arguments["PartNumber"])
            if sent == [1]:
                body = b"?" + arguments["Body"][1:]
                arguments = {**{k: v for k, v in arguments.items() if k != "ChecksumSHA256"}, "Body": body}
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", damaging)
    storage = open_storage(s3_server.config(part_bytes=_PART, bytes_in_flight=_PART))
    noted: list[str | None] = []
    with pytest.raises(StorageError, match="received different bytes") as caught:
        _put(storage, path, transfer=Transfer(on_upload_id=noted.append))
    assert caught.value.transient
    before = len(sent)
    _put(storage, path, transfer=Transfer(upload_id=noted[-1], on_upload_id=noted.append))
    assert 1 in sent[before:]
    assert _bytes(s3_server) == path.read_bytes()
    assert _uploads(s3_server) == []


@pytest.mark.parametrize("size", [1000, 2 * _PART])
@pytest.mark.parametrize("answer", [("NotImplemented", 501), ("", 501)])
def test_server_without_conditional_writes_is_written_to_without_conditions_and_said_to_be(
    s3_server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    size: int,
    answer: tuple[str, int],
) -> None:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    s3_server.bucket("style-assets")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    call = BaseClient._make_api_call

    def without_conditions(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if "IfNoneMatch" in arguments or "IfMatch" in arguments:
            refusal: Any = {"Error": {"Code": answer[0]}, "ResponseMetadata": {"HTTPStatusCode": answer[1]}}
            raise ClientError(refusal, operation)
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", without_conditions)
    storage = open_storage(s3_server.config(part_bytes=_PART))
    asked: list[str] = []
    for _ in range(2):
        _put(storage, path, transfer=Transfer(replaces="", guard=lambda: asked.append("claim")))
    assert _bytes(s3_server) == path.read_bytes()
    assert asked
    assert caplog.text.count("the S3 server has no conditional writes") == 1


@pytest.mark.parametrize("upload_id", ["", "0123456789abcdef0123456789abcdef_none"])
def test_upload_whose_id_is_unknown_or_gone_begins_anew_and_leaves_no_stray(
    s3_server: S3Server, tmp_path: Path, upload_id: str
) -> None:
    s3_server.bucket("style-assets")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2 * _PART))
    storage = open_storage(s3_server.config(part_bytes=_PART))
    if not upload_id:
        s3_server.client().create_multipart_upload(Bucket="style-assets", Key="exports/job 1/é.png")
    _put(storage, path, transfer=Transfer(upload_id=upload_id))
    assert _bytes(s3_server) == path.read_bytes()
    assert _uploads(s3_server) == []


def test_upload_that_somebody_aborts_is_forgotten_and_begins_anew_the_next_time(
    s3_server: S3Server, tmp_path: Path
) -> None:
    s3_server.bucket("style-assets")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2 * _PART))
    storage = open_storage(s3_server.config(part_bytes=_PART))
    saved: list[str | None] = []

    def abort_before_the_end() -> None:
        for upload in _uploads(s3_server):
            client = s3_server.client()
            client.abort_multipart_upload(Bucket="style-assets", Key=upload["Key"], UploadId=upload["UploadId"])

    with pytest.raises(StorageError, match="NoSuchUpload"):
        _put(storage, path, transfer=Transfer(on_upload_id=saved.append, guard=abort_before_the_end))
    assert saved[-1] is None
    _put(storage, path, transfer=Transfer(upload_id=saved[-1]))
    assert _bytes(s3_server) == path.read_bytes()


def test_abandoned_uploads_are_gone_but_not_those_of_other_keys(s3_server: S3Server) -> None:
    s3_server.bucket("style-assets")
    client = s3_server.client()
    ours = client.create_multipart_upload(Bucket="style-assets", Key="a/x.bin")
    other = client.create_multipart_upload(Bucket="style-assets", Key="a/x.bin.other")
    open_storage(s3_server.config()).abandon("s3://style-assets/a/x.bin", "")
    left = [upload["UploadId"] for upload in _uploads(s3_server)]
    client.abort_multipart_upload(Bucket="style-assets", Key="a/x.bin.other", UploadId=other["UploadId"])
    assert ours["UploadId"] not in left
    assert other["UploadId"] in left


def test_inputs_are_pinned_and_fetched_without_credentials(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3_server.client()
    s3_server.bucket("body-files")
    key = "bodies/3d_body_files/tk_6129/TK-6129.bw"
    client.put_object(Bucket="body-files", Key=key, Body=b"version 1")
    config = s3_server.config()
    (entry,) = resolve_inputs({"body_code": "TK-6129"}, open_storage(config), config.inputs)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    host = s3_server.endpoint_url.removeprefix("http://")
    fetched = fetch(entry, tmp_path / "x.bw", allow_private_hosts=[host])
    assert fetched.path.read_bytes() == b"version 1"
    client.put_object(Bucket="body-files", Key=key, Body=b"version 2")
    with pytest.raises(InvalidInput, match="replaced after the job was prepared"):
        fetch(entry, tmp_path / "y.bw", allow_private_hosts=[host])
    assert not (tmp_path / "y.bw").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"write_to": ("s3://no-such-bucket",)}, "the bucket does not exist"),
        ({"AWS_ACCESS_KEY_ID": "WRONGKEY"}, "does not know the access key"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, "the secret key is wrong"),
    ],
)
def test_lasting_errors_say_what_to_do(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    s3_server.bucket("style-assets")
    (tmp_path / "file").write_bytes(b"x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if name in change:
            monkeypatch.setenv(name, change[name])
    allowed = {key: value for key, value in change.items() if key == "write_to"}
    uri = "s3://no-such-bucket/x" if allowed else _URI
    with pytest.raises(StorageError, match=message) as caught:
        _put(open_storage(s3_server.config(**allowed)), tmp_path / "file", uri)
    assert not caught.value.transient
    assert "wrong-secret" not in str(caught.value)


def test_server_that_is_away_is_a_passing_error(tmp_path: Path) -> None:
    s3 = S3StorageConfig(endpoint_url="http://127.0.0.1:9", region="us-east-1", path_style=True)
    config = Config(storage=StorageConfig(kind="s3", write_to=("s3://style-assets",), s3=s3))
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(StorageError) as caught:
        _put(open_storage(config), tmp_path / "file")
    assert caught.value.transient


@pytest.mark.parametrize(
    ("code", "status", "transient", "words"),
    [
        ("SlowDown", 503, True, "asks to slow down"),
        ("ServiceUnavailable", 503, True, "ServiceUnavailable"),
        ("InternalError", 500, True, "InternalError"),
        ("", 429, True, "cannot store"),
        ("BadDigest", 400, True, "BadDigest"),
        ("AccessDenied", 403, False, "access is denied"),
        ("RequestTimeTooSkewed", 403, False, "clock skew"),
        ("QuotaExceeded", 403, False, "quota"),
        ("NoSuchBucket", 404, False, "bucket does not exist"),
    ],
)
def test_answers_are_sorted_into_passing_and_lasting(code: str, status: int, transient: bool, words: str) -> None:
    from botocore.exceptions import ClientError

    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(StorageError, match=words) as caught, explained("store", "s3://b/k"):
        raise ClientError(answer, "PutObject")
    assert caught.value.transient is transient


@pytest.mark.parametrize(
    ("error", "transient", "credential"),
    [
        (NoCredentialsError(), False, True),
        (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), False, True),
        (SSLError(endpoint_url="https://s3", error="CERTIFICATE_VERIFY_FAILED"), False, False),
        (SSLError(endpoint_url="https://s3", error="UNEXPECTED_EOF_WHILE_READING"), True, False),
        (EndpointConnectionError(endpoint_url="https://s3"), True, False),
        (ParamValidationError(report="no such parameter"), False, False),
        (OSError(5, "Input/output error"), True, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_never_reached_the_server_is_sorted_too(error: Exception, transient: bool, credential: bool) -> None:
    with pytest.raises(StorageError, match="cannot store s3://b/k: ") as caught, explained("store", "s3://b/k"):
        raise error
    assert (caught.value.transient, caught.value.credential) == (transient, credential)


@pytest.mark.parametrize(
    ("code", "status", "refused"),
    [
        ("AccessDenied", 403, True),
        ("403", 403, True),
        ("InvalidAccessKeyId", 403, True),
        ("SignatureDoesNotMatch", 403, True),
        ("InvalidToken", 400, True),
        ("ExpiredToken", 400, True),
        ("Unauthorized", 401, True),
        ("NoSuchBucket", 404, False),
        ("SlowDown", 503, False),
    ],
)
def test_refused_credentials_are_told_from_other_answers(code: str, status: int, refused: bool) -> None:
    from botocore.exceptions import ClientError

    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(StorageError) as caught, explained("store", "s3://b/k"):
        raise ClientError(answer, "PutObject")
    assert caught.value.credential is refused


def test_no_bucket_is_allowed_where_none_is_named(s3_server: S3Server) -> None:
    storage = open_storage(s3_server.config(read_from=(), write_to=()))
    with pytest.raises(InvalidInput, match=r"storage\.write_to"):
        storage.check("s3://style-assets/x")
    with pytest.raises(InvalidInput, match=r"inputs\.read_from"):
        storage.check_source("s3://style-assets/x")
    with pytest.raises(InvalidInput, match=r"not an s3:// address, and storage\.kind is s3"):
        storage.check("/data/x")


def test_a_profile_that_does_not_exist_is_a_configuration_error(s3_server: S3Server) -> None:
    with pytest.raises(ConfigError, match=r"storage\.s3: "):
        open_storage(s3_server.config(profile="no-such"))
