"""`openjd-vs doctor` with one thing broken at a time: the right line says so, and how to mend it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from openjd_vstitcher import doctor
from openjd_vstitcher.cli import main
from openjd_vstitcher.doctor import Finding, examine
from openjd_vstitcher.engine import installing
from tests.contract.platforms import Deployment, token
from tests.s3_server import S3Server

pytest_plugins = ["tests.contract.fixtures"]

CONFIG = """
[platform]
path = "platform.sqlite"
[storage.local]
root = "storage"
[worker]
work_dir = "jobs"
[inputs]
cache_dir = "cache"
cache_bytes = 1000
[engine]
kind = "standin"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    return tmp_path


def look(machine: Path, text: str, *only: str, fix: bool = False, garment: Path | None = None) -> list[Finding]:
    file = machine / "c.toml"
    file.write_text(text)
    return list(examine(file, only=only, garment=garment, fix=fix))


def worst(findings: Sequence[Finding]) -> Finding:
    return max(findings, key=lambda finding: ("ok", "note", "warning", "failed").index(finding.state))


def changed(old: str, new: str) -> str:
    assert old in CONFIG
    return CONFIG.replace(old, new)


def test_a_sound_machine_has_nothing_to_mend(machine: Path) -> None:
    findings = look(machine, CONFIG)
    assert {finding.state for finding in findings} == {"ok", "note"}
    assert next(finding.what for finding in findings if finding.check == "engine").startswith("standin, stand-in ")


def _no_break(machine: Path) -> None:
    pass


def _file_for_directory(machine: Path) -> None:
    (machine / "jobs").rmdir()
    (machine / "jobs").write_text("")


def _garbage_for_database(machine: Path) -> None:
    (machine / "platform.sqlite").write_bytes(b"not a database, whatever its name says" * 100)


def _file_for_storage(machine: Path) -> None:
    (machine / "storage").write_text("")


def _credential(text: str) -> Callable[[Path], None]:
    def write(machine: Path) -> None:
        file = machine / "secret"
        file.write_text(text)
        file.chmod(0o600)

    return write


HASURA = '[platform]\nkind = "hasura"\nendpoint = "http://127.0.0.1:9/v1/graphql"\nretry_limit_s = 0\n'
HASURA_WITH_FILE = HASURA + 'credential_file = "secret"\n'


@pytest.mark.parametrize(
    ("check", "text", "destroy", "what", "mend"),
    [
        ("configuration", CONFIG + "kidn = 1\n", _no_break, "engine.kidn", "config init"),
        ("credential", HASURA_WITH_FILE, _no_break, "No such file", "credential_file"),
        ("credential", HASURA_WITH_FILE, _credential(" \n"), "is empty", "admin secret"),
        ("directory", CONFIG, _file_for_directory, "cannot be used: Not a directory", "work_dir"),
        (
            "directory",
            changed("[inputs]", "min_free_bytes = 9000000000000000000\n[inputs]"),
            _no_break,
            "MiB are free",
            "free some space",
        ),
        (
            "disk",
            changed("cache_bytes = 1000", "cache_bytes = 9000000000000000000"),
            _no_break,
            "inputs.cache_bytes is",
            "lower inputs.cache_bytes",
        ),
        (
            "user",
            changed("[inputs]", 'session_user = "nobody-of-this-name"\n[inputs]'),
            _no_break,
            "no user 'nobody-of-this-name'",
            "docs/security.md",
        ),
        ("platform", HASURA_WITH_FILE, _credential("secret"), "http://127.0.0.1:9/v1/graphql", "can be reached"),
        ("platform", CONFIG, _garbage_for_database, "platform.sqlite", "platform.sqlite"),
        ("outputs", CONFIG, _file_for_storage, "cannot store", "storage.kind"),
        ("outputs", '[storage]\nkind = "s3"\n', _no_break, "no output may be stored", "storage.write_to"),
        ("inputs", '[storage]\nkind = "s3"\n', _no_break, "no input may be read", "inputs.read_from"),
        (
            "inputs",
            changed("[engine]", 'read_from = ["file:///no/such/drive/"]\n[engine]'),
            _no_break,
            "empty or not there",
            "mounted",
        ),
        ("popups", CONFIG + '[[engine.popup]]\ntitle = "VStitcher"\n', _no_break, "main window", "more precise"),
        (
            "engine",
            CONFIG + f'command.standin = ["{sys.executable}", "-c", "exit(3)"]\n',
            _no_break,
            "exited before it was ready",
            "engine.command",
        ),
        (
            "engine",
            CONFIG + 'command.standin = ["/no/such/program"]\n',
            _no_break,
            "/no/such/program",
            "engine.command",
        ),
    ],
)
def test_what_is_broken_has_a_line_that_says_so_and_how_to_mend_it(
    machine: Path, check: str, text: str, destroy: Callable[[Path], None], what: str, mend: str
) -> None:
    destroy(machine)
    finding = worst(look(machine, text, *([check] if check != "configuration" else [])))
    assert finding.check == check
    assert finding.state in ("warning", "failed")
    assert what in finding.what
    assert mend in finding.mend


def test_a_garment_that_cannot_be_read_is_told(machine: Path) -> None:
    (machine / "tee.bw").write_bytes(b"PK, but no garment")
    finding = worst(look(machine, CONFIG, "engine", garment=machine / "tee.bw"))
    assert (finding.check, finding.state) == ("engine", "failed")
    assert "tee.bw" in finding.what


def test_a_machine_without_vstitcher_is_told_that_the_stand_in_would_answer(machine: Path) -> None:
    finding = worst(look(machine, changed('kind = "standin"', 'kind = "auto"'), "engine"))
    assert (finding.check, finding.state) == ("engine", "warning")
    assert "no VStitcher was found" in finding.what


def test_a_clock_that_is_wrong_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = time.time
    monkeypatch.setattr(doctor.storage.time, "time", lambda: now_s() + 3600)
    finding = worst(look(machine, CONFIG, "outputs"))
    assert (finding.check, finding.state) == ("clock", "failed")
    assert "ahead of the storage's" in finding.what


def test_a_store_that_refuses_its_credentials_is_told(
    machine: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_server.bucket("style-assets")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NOBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    text = f"""
[storage]
kind = "s3"
write_to = ["s3://style-assets/"]
[storage.s3]
endpoint_url = "{s3_server.endpoint_url}"
region = "us-east-1"
path_style = true
"""
    finding = worst(look(machine, text, "outputs"))
    assert (finding.check, finding.state) == ("outputs", "failed")
    assert "let the credentials of this machine write" in finding.mend


def test_a_sound_store_is_written_read_and_fenced(machine: Path, s3_server: S3Server, s3_credentials: None) -> None:
    s3_server.bucket("style-assets")
    text = f"""
[storage]
kind = "s3"
write_to = ["s3://style-assets/"]
[inputs]
read_from = ["s3://style-assets/"]
[storage.s3]
endpoint_url = "{s3_server.endpoint_url}"
region = "us-east-1"
path_style = true
"""
    findings = look(machine, text, "outputs", "inputs")
    assert worst(findings).state in ("ok", "warning")
    assert "s3://style-assets/ can be written and read, also conditionally" in [f.what for f in findings]


def test_a_role_that_may_not_claim_is_told(machine: Path, extended_deployment: Deployment) -> None:
    _credential(token("viewer"))(machine)
    endpoint = extended_deployment.config.endpoint
    text = f'[platform]\nkind = "hasura"\nauth = "jwt"\nendpoint = "{endpoint}"\ncredential_file = "secret"\n'
    findings = look(machine, text, "platform")
    assert "not for this role" in findings[1].what
    assert any(f.state == "failed" and f.what.startswith("claim: ") and "for the role" in f.mend for f in findings)


def test_what_can_be_mended_is_mended_when_asked(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = machine / "Plugins"
    monkeypatch.setattr(installing, "plugins_folder", lambda: plugins)
    _credential("secret")(machine)
    (machine / "secret").chmod(0o644)
    (machine / "jobs").rmdir()
    text = HASURA_WITH_FILE + '[worker]\nwork_dir = "jobs"\n[engine]\nkind = "vstitcher"\ncommand.vstitcher = ["vs"]\n'
    checks = ("credential", "directory", "plugin")
    assert [f.state for f in look(machine, text, *checks)[1:]] == ["warning", "warning", "failed"]
    assert [f.state for f in look(machine, text, *checks, fix=True)[1:]] == ["ok", "ok", "ok"]
    assert [f.state for f in look(machine, text, *checks)[1:]] == ["ok", "ok", "ok"]
    assert (machine / "secret").stat().st_mode & 0o777 == 0o600
    assert installing.status(plugins).current


def test_the_command_prints_each_line_and_fails_where_a_check_does(machine: Path) -> None:
    (machine / "c.toml").write_text(CONFIG)
    given = ["doctor", "--config", str(machine / "c.toml")]
    sound = CliRunner().invoke(main, [*given, "directory", "platform"])
    assert sound.exit_code == 0
    assert sound.output.splitlines()[-1] == "this machine can run jobs"
    _file_for_directory(machine)
    broken = CliRunner().invoke(main, [*given, "directory"])
    assert broken.exit_code == 1
    assert " FAILED  directory: " in broken.output
    assert broken.output.splitlines()[-1] == "1 check failed"
    told = json.loads(CliRunner().invoke(main, [*given, "directory", "--json"]).output)
    assert [line["state"] for line in told] == ["ok", "failed"]


def test_an_unknown_check_is_refused_with_those_that_exist(machine: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "disc"])
    assert result.exit_code == 2
    assert "no check is called 'disc'; expected some of credential, directory, disk" in result.output


def test_an_error_in_one_check_hides_no_other(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: object) -> None:
        raise OSError("the disk has gone")

    monkeypatch.setattr(doctor.machine.shutil, "disk_usage", broken)
    findings = look(machine, CONFIG, "disk", "platform")
    assert ("disk", "failed", "the disk has gone") in [(f.check, f.state, f.what) for f in findings]
    assert findings[-1].check == "platform"
