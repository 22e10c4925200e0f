"""Law 5: actions that run as another user reach their own job and nothing else of the worker."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.isolation import isolated
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.run import PlanRun
from openjd_vstitcher.config import load_config
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.session.plan import make_plan
from openjd_vstitcher.session.user import SessionUserError
from openjd_vstitcher.translation.check import decode
from tests.farm import CONFIG, Farm

ROOT = Path(__file__).parents[2]
SCAN = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or not shutil.which("sudo") or not shutil.which("useradd"),
    reason="makes a user and acts as that user, which needs root, sudo and useradd",
)


@pytest.fixture(scope="module")
def user() -> Iterator[str]:
    """A new user of this machine with a group of the same name."""
    name = f"vsjob{uuid.uuid4().hex[:8]}"
    subprocess.run(["useradd", "--create-home", "--user-group", "--shell", "/bin/sh", name], check=True)
    yield name
    subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; those of pytest only root can."""
    folder = Path(tempfile.mkdtemp(prefix="session-user-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def python(user: str, open_folder: Path) -> str:
    """A Python with this project that the user can run."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for number, candidate in enumerate((Path(sys.executable), Path("/usr/bin") / name, Path("/usr/local/bin") / name)):
        environment = open_folder / f"venv{number}"
        made = [str(candidate), "-m", "venv", "--without-pip", str(environment)]
        if not candidate.exists() or subprocess.run(made, check=False, capture_output=True).returncode:
            continue
        (environment / "lib" / name / "site-packages" / "project.pth").write_text(
            f"{ROOT}\n{sysconfig.get_path('purelib')}\n"
        )
        command = ["sudo", "-u", user, "-i", str(environment / "bin" / "python"), "-c", "import openjd_vstitcher"]
        if not subprocess.run(command, check=False, capture_output=True).returncode:
            return str(environment / "bin" / "python")
    pytest.skip(f"no {name} that other users can run: this one is below a folder that only its owner may enter")


@pytest.fixture
def farm(open_folder: Path, user: str) -> Iterator[Farm]:
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    folder.chmod(0o755)
    made = Farm(folder, CONFIG.replace("lease_s = 8", f'lease_s = 30\nsession_user = "{user}"'))
    yield made
    made.close()


def attempt(farm: Farm, name: str = "job.1") -> AttemptDirectory:
    directory = AttemptDirectory(farm.config.worker.work_dir / name)
    directory.create(AttemptRequest({"id": "j"}, {}, 1, "w"))
    directory.inputs.write_text("{}")
    directory.inputs.chmod(0o600)
    return directory


def run(farm: Farm, directory: AttemptDirectory, code: str) -> str:
    """What an action that runs some code as the session user prints."""
    step = {"name": "s", "script": {"actions": {"onRun": {"command": "/usr/bin/python3", "args": ["-c", code]}}}}
    template = {"specificationVersion": "jobtemplate-2023-09", "name": "t", "steps": [step]}
    plan = make_plan(decode(template, "t"), {}, source="t", base=directory.path)
    journal = Journal(directory.journal, job_id="j")
    with isolated(directory, farm.config) as isolation:
        made = PlanRun(
            plan,
            [],
            directory=directory,
            output=directory.output,
            journal=journal,
            config=farm.config,
            queued=True,
            isolation=isolation,
        )
        made.run()
    return directory.session_log.read_text()


def test_a_job_of_the_queue_runs_as_the_session_user(farm: Farm, user: str, python: str) -> None:
    row = {"key": "scan", "details": {"instructions": [SCAN], "remote_destination": "s3://style-assets/x/"}}
    farm.platform.put_preset(row)
    job_id = farm.submit("scan")
    command = [python, "-m", "openjd_vstitcher.cli", "daemon", "--once", "--config", str(farm.folder / "c.toml")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=100, env={**os.environ, "DB_PASS": "canary-4711"}
    )
    directory = farm.directory(job_id)
    job = farm.job(job_id)
    assert job.status == "COMPLETED_SUCCESS", (done.stderr, job, directory.session_log.read_text())
    assert (directory.output / "scan.json").stat().st_uid == pwd.getpwnam(user).pw_uid
    assert directory.engine_log.exists()
    assert directory.path.stat().st_mode & 0o777 == 0o700
    assert [(a.name, a.status) for a in farm.platform.assets(job_id)] == [("scan.json", "UPLOADED")]


def test_an_action_reads_its_inputs_and_writes_outputs_and_nothing_else(farm: Farm) -> None:
    other, mine = attempt(farm, "other.1"), attempt(farm)
    mine.process_log.write_text("readable by all until the session user may enter")
    secret = farm.folder / "worker-file"
    secret.write_text("canary-4711")
    secret.chmod(0o600)
    private = [
        *(secret, mine.request_file, mine.ledger, mine.journal, mine.session_log, mine.path, mine.sessions),
        *(
            mine.process_log,
            other.path,
            other.inputs,
            other.output,
            other.output / "x",
            other.request_file,
            f"/proc/{os.getpid()}/environ",
        ),
    ]
    code = (
        "import json, os, sys\n"
        "def read(path):\n"
        "    try:\n"
        "        os.listdir(path) if os.path.isdir(path) else open(path).read()\n"
        "    except OSError as error:\n"
        "        return type(error).__name__\n"
        "    return 'read'\n"
        f"print('SAW', json.dumps({{p: read(p) for p in {[str(p) for p in [*private, mine.inputs]]!r}}}))\n"
        f"open({str(mine.output / 'made')!r}, 'w').write('x')\n"
        "print('USER', os.getuid())\n"
        "for folder in (%r, %r):\n"
        "    try: open(folder + '/planted', 'w')\n"
        "    except OSError as error: print('REFUSED', type(error).__name__)\n"
    ) % (str(mine.commands), str(mine.path))
    printed = run(farm, mine, code)
    saw: dict[str, Any] = json.loads(printed.partition("SAW ")[2].partition("\n")[0])
    assert saw.pop(str(mine.inputs)) == "read"
    assert set(saw.values()) == {"PermissionError"}, saw
    assert (mine.output / "made").read_text() == "x"
    assert f"USER {os.getuid()}\n" not in printed
    assert printed.count("REFUSED PermissionError") == 2


def test_the_session_user_gets_the_configuration_of_the_engine_only(farm: Farm) -> None:
    directory = attempt(farm)
    printed = run(farm, directory, "import os; print('CONFIG', open(os.environ['OPENJD_VS_CONFIG']).read())")
    assert 'kind = "standin"' in printed
    assert "work_dir" not in printed.partition("CONFIG")[2]
    assert "platform" not in printed.partition("CONFIG")[2]


def test_a_log_that_the_session_user_replaced_by_a_link_is_not_read(farm: Farm) -> None:
    directory = attempt(farm)
    run(
        farm,
        directory,
        f"import os; os.symlink({str(directory.request_file)!r}, {str(directory.engine)!r} + '/engine.log')",
    )
    assert not directory.engine_log.read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"session_user": "no-such-user"}, "has no user 'no-such-user'"),
        ({"session_group": "no-such-group"}, "has no group 'no-such-group'"),
    ],
)
def test_what_is_missing_is_said_and_is_no_fault_of_the_job(
    farm: Farm, user: str, change: dict[str, str], message: str
) -> None:
    lines = "".join(f'{name} = "{value}"\n' for name, value in ({"session_user": user} | change).items())
    farm.configure(CONFIG.replace("[worker]\n", f"[worker]\n{lines}"))
    with pytest.raises(SessionUserError, match=message) as caught, isolated(attempt(farm), farm.config):
        pass
    assert caught.value.transient


def test_attempts_side_by_side_never_share_a_user(farm: Farm) -> None:
    with (
        isolated(attempt(farm), farm.config),
        pytest.raises(SessionUserError, match="other attempts use all"),
        isolated(attempt(farm, "other.1"), farm.config),
    ):
        pass


def test_slots_that_would_share_a_user_are_refused(farm: Farm) -> None:
    (farm.folder / "c.toml").write_text('[worker]\nslots = 2\nsession_user = "job"\n')
    with pytest.raises(Exception, match="jobs must not share a user"):
        load_config(farm.folder / "c.toml")
