"""Staging and teardown, by the commands that templates call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.actions.staging import stage, teardown
from openjd_vstitcher.config import Config, InputsConfig, LocalStorageConfig, S3StorageConfig, StorageConfig
from openjd_vstitcher.errors import InvalidInput, StorageError
from openjd_vstitcher.resources import resource
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.inputs.manifest import InputEntry, Manifest, write_manifest
from openjd_vstitcher.storage.inputs.resolve import resolve_inputs
from tests.input_server import running_input_server

_TEE = resource("examples/garments/tee.glb")


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openjd_vstitcher.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def _stage(into: Path, *, garment: str = "", manifest: str = "") -> subprocess.CompletedProcess[str]:
    data = into.parent / "job-data.json"
    data.write_text(json.dumps({"preset": {"key": "techpack_v0"}}))
    given = [
        "--garment",
        garment,
        "--manifest",
        manifest,
        "--job-id",
        "job-1",
        "--output-dir",
        str(into.parent / "out"),
    ]
    return _run("stage", "--into", into, *given, "--job-data", f"file://{data}")


def _facts(text: str) -> list[dict[str, Any]]:
    prefix = "vstitcher_event: "
    return [json.loads(line.removeprefix(prefix)) for line in text.splitlines() if line.startswith(prefix)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = ["artworks/bundles/style-0043/a.png", "artworks/bundles/style-0043/sub/b.png"]
    files += ["artworks/labels/label.png", "artworks/prints/label.png", "artworks/stripes.png"]
    for name in files:
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(name)
    body = tmp_path / "root/body-files/bodies/3d_body_files/tk_6129"
    body.mkdir(parents=True)
    (body / "tee.glb").write_bytes(_TEE.read_bytes())
    return tmp_path / "root"


def test_garment_file_is_copied_and_described(tmp_path: Path) -> None:
    into = tmp_path / "session"
    into.mkdir()
    done = _stage(into, garment=str(_TEE))
    assert done.returncode == 0, done.stderr
    job = json.loads((into / "job.json").read_text())
    assert job["id"] == "job-1"
    assert job["preset"] == {"key": "techpack_v0"}
    assert job["local_job_output_path"] == str(tmp_path / "out")
    garment = Path(job["garment_path"])
    assert garment.is_absolute()
    assert garment.read_bytes() == _TEE.read_bytes()
    assert garment.is_relative_to(into.resolve())
    (fact,) = _facts(done.stdout)
    assert (fact["event"], fact["what"], fact["size_bytes"]) == ("staged", "garment", _TEE.stat().st_size)
    assert len(fact["sha256"]) == 64


def test_job_json_has_every_local_path_of_a_style_bundle(root: Path, tmp_path: Path) -> None:
    details = json.loads(resource("examples/jobs/style_bundle.json").read_text())["details"]
    details |= {
        "input_file_uri": "s3://body-files/bodies/3d_body_files/tk_6129/tee.glb",
        "artwork_file_path": "s3://artworks/stripes.png",
    }
    config = Config(storage=StorageConfig(local=LocalStorageConfig(root)))
    write_manifest(tmp_path / "inputs.json", resolve_inputs(details, open_storage(config), config.inputs), details)
    into = tmp_path / "session"
    done = _stage(into, manifest=str(tmp_path / "inputs.json"))
    assert done.returncode == 0, done.stderr
    job = json.loads((into / "job.json").read_text())
    assert job["details"]["style_id"] == "style-0043"
    assert Path(job["local_artwork_path"]).read_text() == "artworks/stripes.png"
    bundle = Path(job["local_artwork_bundle_dir_path"])
    assert {p.relative_to(bundle).as_posix() for p in bundle.rglob("*.png")} == {"a.png", "sub/b.png"}
    paths = [item["local_file_path"] for item in job["artwork_replacements"]]
    assert [Path(path).name for path in paths] == ["label.png", "label-2.png", "label.png"]
    assert [item["name"] for item in job["artwork_replacements"]] == ["label", "back-print", "sleeve"]
    assert Path(paths[1]).read_text() == "artworks/prints/label.png"
    assert len(_facts(done.stdout)) == 6


def test_teardown_removes_what_was_staged_and_no_output(tmp_path: Path) -> None:
    into = tmp_path / "session"
    (into / "output").mkdir(parents=True)
    (into / "output/front.png").write_bytes(b"x")
    (into / "connection.json").write_text("{}")
    assert _stage(into, garment=_TEE.as_uri()).returncode == 0
    assert _run("teardown", into).returncode == 0
    assert {path.name for path in into.iterdir()} == {"output", "connection.json"}
    assert _run("teardown", into).returncode == 0


def test_teardown_leaves_inputs_that_hold_the_output_directory(tmp_path: Path) -> None:
    into = tmp_path / "session"
    job = {"id": "job-1", "local_job_output_path": str(into / "inputs/out")}
    stage(into, garment=str(_TEE), manifest=Manifest(), job=job, config=Config())
    (into / "inputs/out").mkdir()
    (into / "inputs/out/front.png").write_bytes(b"x")
    with pytest.raises(StorageError, match="contains the output directory"):
        teardown(into)
    assert (into / "inputs/out/front.png").exists()


def test_teardown_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/x").write_bytes(b"x")
    into = tmp_path / "session"
    into.mkdir()
    (into / "inputs").symlink_to(tmp_path / "precious")
    (into / "job.json").write_text("{}")
    teardown(into)
    assert (tmp_path / "precious/x").exists()


@pytest.mark.parametrize(
    ("garment", "message"),
    [
        ("", "expected one garment"),
        ("/no/such/tee.bw", "is not a readable file"),
        ("file://host/tee.bw", "names a host"),
    ],
)
def test_garment_that_cannot_be_staged_is_a_failure_that_says_so(tmp_path: Path, garment: str, message: str) -> None:
    done = _stage(tmp_path / "session", garment=garment)
    assert (done.returncode, done.stderr) == (2, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("openjd_fail: ")]
    assert message in line
    assert not (tmp_path / "session/job.json").exists()


def test_file_that_is_no_garment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tee.bw").write_bytes(b"no database")
    with pytest.raises(InvalidInput):
        stage(tmp_path / "s", garment=str(tmp_path / "tee.bw"), manifest=Manifest(), job={}, config=Config())


def test_inputs_in_s3_are_never_read_by_the_session_itself(tmp_path: Path) -> None:
    (tmp_path / "inputs.json").write_text(json.dumps([{"role": "garment", "name": "t.bw", "url": "s3://b/t.bw"}]))
    done = _stage(tmp_path / "session", manifest=str(tmp_path / "inputs.json"))
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("openjd_fail: staging failed: ")
    assert "/0/url" in done.stdout


@pytest.mark.parametrize(
    ("first", "second"),
    [("Label.png", "label.PNG"), ("caf\u00e9.png", "cafe\u0301.png"), ("CAF\u00c9.png", "cafe\u0301.png"), ("ß", "SS")],
)
def test_inputs_that_some_file_system_takes_for_one_file_are_refused(tmp_path: Path, first: str, second: str) -> None:
    entries = [InputEntry("garment", "tee.glb", _TEE.as_uri())]
    entries += [InputEntry("artwork_replacement", name, _TEE.as_uri()) for name in (first, second)]
    with pytest.raises(InvalidInput, match="two inputs have the same name"):
        stage(tmp_path / "s", garment="", manifest=Manifest(entries), job={}, config=Config())
    assert not (tmp_path / "s/job.json").exists()


def test_input_whose_folder_is_another_input_is_a_failure_that_says_so(tmp_path: Path) -> None:
    entries = [InputEntry("garment", "tee.glb", _TEE.as_uri())]
    entries += [InputEntry("artwork_bundle", name, _TEE.as_uri()) for name in ("a", "a/b.png")]
    with pytest.raises(StorageError, match="cannot fetch"):
        stage(tmp_path / "s", garment="", manifest=Manifest(entries), job={}, config=Config())


def _pack(directory: Path, run_data: object, *more: str) -> subprocess.CompletedProcess[str]:
    data = directory / "run-data.json"
    data.write_text(run_data if isinstance(run_data, str) else json.dumps(run_data))
    return _run("pack", "--run-data", f"file://{data}", "--output-dir", directory, *more)


def test_packing_tells_the_output_and_that_it_is_done(tmp_path: Path) -> None:
    (tmp_path / "t.zip.frames").mkdir()
    (tmp_path / "t.zip.frames/0001.png").write_bytes(b"frame")
    done = _pack(tmp_path, {"export": {"output_file_name": "t.zip"}}, "--frames", "1")
    assert (done.returncode, done.stderr) == (0, "")
    (fact,) = _facts(done.stdout)
    assert (fact["event"], fact["output"]) == ("exported", "t.zip")
    assert fact["size_bytes"] == (tmp_path / "t.zip").stat().st_size
    assert done.stdout.splitlines()[-1] == "openjd_progress: 100.0"


@pytest.mark.parametrize(
    ("run_data", "message"),
    [
        ("[]", "expected a JSON object"),
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ({"export": 7}, "expected an export"),
        ({"export": {"output_file_name": "t.zip"}}, "1 of 1 frames are missing"),
        ({"export": {"output_file_name": "a\nopenjd_env: X=1"}}, "1 of 1 frames are missing"),
    ],
)
def test_packing_that_cannot_be_done_is_one_failure_message(tmp_path: Path, run_data: object, message: str) -> None:
    done = _pack(tmp_path, run_data, "--frames", "1")
    assert (done.returncode, done.stderr) == (2, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("openjd_fail: packing failed: ")
    assert message in line


@pytest.mark.parametrize("command", ["stage", "pack", "teardown"])
@pytest.mark.parametrize("argument", ["--x=\nopenjd_env: A=b", "--help\nopenjd_env: A=b", "\nopenjd_env: A=b"])
def test_usage_error_cannot_become_a_message_of_the_protocol(tmp_path: Path, command: str, argument: str) -> None:
    done = _run(command, argument, str(tmp_path / "other"))
    assert (done.returncode, done.stderr) == (2, "")
    assert {line.startswith("vstitcher: ") for line in done.stdout.splitlines()} == {True}


def test_job_id_that_looks_like_an_option_does_not_open_the_guard(tmp_path: Path) -> None:
    done = _run(
        "stage", "--into", tmp_path / "s", "--job-id", "--help", "--garment", "\nopenjd_env: A=b", "--frames", "1"
    )
    assert done.stderr == ""
    assert all(line.startswith(("vstitcher: ", "openjd_fail: ")) for line in done.stdout.splitlines())


@pytest.mark.parametrize("command", ["stage", "pack", "teardown"])
def test_help_of_actions_is_for_people(command: str) -> None:
    done = _run(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")


def test_defect_of_ours_is_told_without_breaking_the_protocol(tmp_path: Path) -> None:
    code = (
        "import sys; from unittest import mock; from openjd_vstitcher.cli import main\n"
        "error = RuntimeError('a\\nopenjd_env: A=b')\n"
        "with mock.patch('openjd_vstitcher.actions.staging.teardown', side_effect=error):\n"
        "    main(['teardown', 'x'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    *traceback, failure = done.stdout.splitlines()
    assert failure == "openjd_fail: teardown failed: RuntimeError: a\\nopenjd_env: A=b"
    assert all(line.startswith("vstitcher: ") for line in traceback)


def test_teardown_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "inputs/out").mkdir(parents=True)
    (tmp_path / "job.json").write_text(json.dumps({"local_job_output_path": str(tmp_path / "inputs/out")}))
    done = _run("teardown", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("openjd_fail: teardown failed: ")
    assert "contains the output directory" in line


@pytest.mark.parametrize("module", ["cli.stage", "cli.teardown", "cli.pack", "actions.staging", "actions.pack"])
def test_commands_of_sessions_import_no_s3_client(module: str) -> None:
    code = f"import sys, openjd_vstitcher.{module}; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False, timeout=60).returncode == 0


def _garment_and(*more: InputEntry) -> Manifest:
    return Manifest([InputEntry("garment", "tee.glb", _TEE.as_uri()), *more])


def _stage_with(into: Path, manifest: Manifest, **config: Any) -> Path:
    return stage(into, garment="", manifest=manifest, job={}, config=Config(**config))


def test_host_of_our_storage_is_not_trusted_for_other_urls(tmp_path: Path) -> None:
    with running_input_server() as server:
        storage = StorageConfig(kind="s3", s3=S3StorageConfig(endpoint_url=f"http://{server.host}"))
        inputs = InputsConfig(cache_bytes=0)
        for signed_for, message in (("", "is not https"), (server.host, None)):
            entry = InputEntry("artwork", "x.png", f"http://{server.host}/secret/x.png", signed_for=signed_for)
            if message is None:
                _stage_with(tmp_path / "signed", _garment_and(entry), storage=storage, inputs=inputs)
                continue
            with pytest.raises(InvalidInput, match=message):
                _stage_with(tmp_path / "s", _garment_and(entry), storage=storage, inputs=inputs)
            assert server.requests == []


@pytest.mark.parametrize("limit", ["max_bytes", "max_total_bytes"])
def test_limits_of_the_configuration_hold_while_staging(tmp_path: Path, limit: str) -> None:
    size = _TEE.stat().st_size
    artwork = InputEntry("artwork", "x.glb", _TEE.as_uri())
    limits = {"max_bytes": size, "max_total_bytes": 2 * size}
    _stage_with(tmp_path / "a", _garment_and(artwork), inputs=InputsConfig(**limits))
    limits[limit] -= 1
    with pytest.raises(InvalidInput, match=f"inputs.{limit}"):
        _stage_with(tmp_path / "b", _garment_and(artwork), inputs=InputsConfig(**limits))
    with running_input_server() as server:
        drip = InputEntry("artwork", "x", f"http://{server.host}/drip?body", signed_for=server.host)
        with pytest.raises(StorageError, match=r"inputs\.timeout_s \(1 s\)"):
            _stage_with(tmp_path / "c", _garment_and(drip), inputs=InputsConfig(timeout_s=1))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[worker]\nmin_free_bytes = 1000000000000000", "bytes free, and staging leaves 500000000000000"),
        ("[", "config"),
    ],
)
def test_fault_of_the_machine_has_an_exit_code_and_a_prefix_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, message: str
) -> None:
    (tmp_path / "config.toml").write_text(config)
    monkeypatch.setenv("OPENJD_VS_CONFIG", str(tmp_path / "config.toml"))
    done = _stage(tmp_path / "session", garment=str(_TEE))
    assert (done.returncode, done.stderr) == (75, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("openjd_fail: machine: staging failed: ")
    assert message in line


def test_replacement_keeps_the_material_that_its_address_names(tmp_path: Path) -> None:
    uris = ["s3://a/label.png", "s3://b/neck/label.png", "https://h/get.png?id=1", "https://h/get.png?id=2"]
    items: list[dict[str, Any]] = [
        {"name": "neck", "remote_file_path": uris[0]},
        {"remote_file_path": uris[1]},
        {"name": "front", "remote_file_path": uris[2]},
        {"name": "back", "remote_file_path": uris[3]},
        {"name": "cuff", "remote_file_path": uris[2]},
    ]
    entries = []
    for number, uri in enumerate(uris):
        (tmp_path / str(number)).write_text(uri)
        source = uri.partition("?")[0]
        url = (tmp_path / str(number)).as_uri()
        entries.append(InputEntry("artwork_replacement", f"{number}.png", url, source_uri=source))
    manifest = Manifest(_garment_and(*entries).inputs, {"artwork_replacements": items})
    job = json.loads(_stage_with(tmp_path / "s", manifest).read_text())
    staged = [(item["name"], Path(item["local_file_path"]).read_text()) for item in job["artwork_replacements"]]
    assert staged == [
        ("neck", uris[0]),
        ("label", uris[1]),
        ("front", uris[2]),
        ("back", uris[3]),
        ("cuff", uris[2]),
    ]


def test_garment_gets_a_name_that_is_safe_everywhere(tmp_path: Path) -> None:
    garment = tmp_path / "\u202enul\u200b.glb"
    garment.write_bytes(_TEE.read_bytes())
    staged = stage(tmp_path / "s", garment=str(garment), manifest=Manifest(), job={}, config=Config())
    assert Path(json.loads(staged.read_text())["garment_path"]).name == "_nul.glb"
