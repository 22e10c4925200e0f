"""The commands that need no engine, as a person calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher.resources import resource

BIN = Path(sys.executable).parent
OPENJD = Path(__file__).parents[2] / ".venv-openjd" / "bin" / "openjd"


def openjd_vs(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "openjd-vs", *args], capture_output=True, text=True, cwd=cwd, timeout=60, stdin=subprocess.DEVNULL
    )


def preset(name: str) -> Path:
    return resource(f"examples/presets/{name}.json")


def test_help_names_every_command() -> None:
    done = openjd_vs("--help")
    assert done.returncode == 0
    for name in ("render", "translate", "check", "demo", "daemon", "submit", "jobs", "run-job"):
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", ["render", "translate", "check", "demo", "daemon", "submit", "jobs", "presets"])
def test_every_command_has_help(name: str) -> None:
    done = openjd_vs(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: openjd-vs" in done.stdout


def test_translate_writes_what_openjd_accepts(tmp_path: Path) -> None:
    written = tmp_path / "t.yaml"
    assert openjd_vs("translate", preset("techpack_v0"), "-o", written).returncode == 0
    assert written.read_text() == openjd_vs("translate", preset("techpack_v0")).stdout
    checked = subprocess.run([OPENJD, "check", written], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_translate_tells_the_parameters_of_a_job() -> None:
    done = openjd_vs("translate", preset("onboarding_v0"), "--details", resource("examples/jobs/onboarding.json"))
    assert done.returncode == 0
    assert "-p JobId=de21836a-0f15-4f69-bb6e-3e7d176bb340" in done.stderr


def test_check_tells_what_each_file_is_and_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"key": "k", "details": {"instructions": [{"type": "EXPORT", "export_type": "SCAN"}]}}')
    done = openjd_vs("check", preset("dxf_v0"), bad, resource("templates/dxf_v0.yaml"))
    assert done.returncode == 2
    assert f"{preset('dxf_v0')}: a valid preset with 2 exports" in done.stdout
    assert "dxf_v0.yaml: a valid job template with 2 steps" in done.stdout
    assert (
        f"{bad}: line 1, column 43: /details/instructions/0/output_file_name: is missing; expected a plain"
        in done.stderr
    )


CYCLE = {
    "specificationVersion": "jobtemplate-2023-09",
    "name": "n",
    "steps": [
        {"name": name, "dependencies": [{"dependsOn": other}], "script": {"actions": {"onRun": {"command": "true"}}}}
        for name, other in ("ab", "ba")
    ],
}


@pytest.mark.parametrize("command", [("check",), ("submit", "--garment", resource("examples/garments/tee.bw"))])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("date.yaml", b"key: k\nname: 2026-11-22\n", "line 2, column 7: '2026-11-22' is read as a date"),
        ("keys.yaml", b"1: a\n", "line 1, column 1: the key '1' is not text; expected it in quotes"),
        ("self.yaml", b"a: &a [*a]\n", "line 1, column 8: *a is not defined before this place"),
        (
            "bomb.yaml",
            b"a0: &a0 [x, x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
            "line 14, column 18: there are too many values; expected at most 50000",
        ),
        ("digits.json", b'{"key": ' + b"9" * 5000 + b"}", "line 1, column 9: found a number of 5000 characters"),
        ("deep.json", b"[" * 100_000, "line 1, column 65: nested too deeply"),
        ("wide.json", '{"key": "k"}'.encode("utf-16"), "/: the file is UTF-16 or UTF-32; expected UTF-8 text"),
        ("twice.json", b'{"key": "k",\n"key": "k"}', "line 2, column 1: the key 'key' is repeated"),
        (
            "mutations.json",
            b'{"key": "k", "details": {"instructions": [{"type": "MUTATION", "mutation_type": "DELETE_TRIMS"}]}}',
            "line 1, column 26: /details/instructions: has no EXPORT; expected at least one",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[:12] else "",
)
def test_a_document_that_cannot_be_used_is_refused_at_its_place(
    tmp_path: Path, command: tuple[str | Path, ...], name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "c.toml").write_text('[platform]\npath = "platform.sqlite"\n')
    done = openjd_vs(*command, name, "--config", "c.toml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert f"{name}: {message}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_circle_of_steps_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "cycle.json").write_text(json.dumps(CYCLE))
    done = openjd_vs("check", "cycle.json", cwd=tmp_path)
    assert "/steps/1/dependencies/0/dependsOn: the steps depend on one another: a -> b -> a" in done.stderr


def test_a_preset_that_a_windows_editor_wrote_is_read(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + preset("dxf_v0").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "dxf.json").write_bytes(content)
    assert "dxf.json: a valid preset with 2 exports" in openjd_vs("check", "dxf.json", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.yaml"], "none.yaml: /: cannot be read"),
        ([preset("dxf_v0")], "no garment: give -p GarmentFile=FILE"),
        ([preset("dxf_v0"), "-p", "GarmentFile=none.bw"], "none.bw"),
        ([preset("dxf_v0"), "-p", "GarmentFile=x.txt"], "x.txt"),
        ([preset("dxf_v0"), "-p", "GarmentFile"], "expected Name=value"),
        ([preset("dxf_v0"), "-p", "GarmentFile=tee.glb", "-p", "Size=9"], "not defined in the template: Size"),
        ([preset("dxf_v0"), "-p", "GarmentFile=tee.glb", "--step", "x.png"], "no step is named 'x.png'"),
    ],
)
def test_render_refuses_bad_input_before_anything_starts(tmp_path: Path, args: list[str | Path], message: str) -> None:
    (tmp_path / "tee.glb").write_bytes(resource("examples/garments/tee.glb").read_bytes())
    (tmp_path / "x.txt").write_text("no garment")
    done = openjd_vs("render", *args, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("content", ["[worker]\nnope = 1\n", "[worker\n"])
def test_a_wrong_configuration_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.toml").write_text(content)
    done = openjd_vs("jobs", "list", "--config", tmp_path / "c.toml")
    assert done.returncode == 1
    assert "c.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_imports_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, json; sys.argv = ['openjd-vs', '--help']\n"
        "from openjd_vstitcher.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    loaded = set(json.loads(done.stderr))
    assert loaded.isdisjoint({"openjd", "pydantic", "boto3", "rich", "yaml", "jsonschema", "gql", "asyncio"})
