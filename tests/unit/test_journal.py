from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from openjd_vstitcher.events import OutputFailed, SessionEnded, SessionStarted, StepEnded, Unknown
from openjd_vstitcher.journal import Entry, Journal, JournalReader, read_journal
from openjd_vstitcher.resources import resource

SCHEMA = Draft202012Validator(json.loads(resource("schemas/event.schema.json").read_text()))
STARTED, ENDED = SessionStarted(session="s"), SessionEnded(session="s")


def test_events_read_back_as_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", job_id="7", attempt=2)
    failed = OutputFailed(output="Hemd größe.png", cause="missing", reason="no such file was made")
    written = [journal.append(failed), journal.append(StepEnded(step="a", state="succeeded"))]
    first, second = read_journal(tmp_path / "j")
    assert (first.seq, first.name, first.job_id, first.attempt) == (1, "output_failed", "7", 2)
    assert first.event == failed
    assert (second.seq, second.event) == (2, written[1].event)
    for entry in (first, second):
        SCHEMA.validate(entry.as_json())


def test_a_line_is_one_flat_object(tmp_path: Path) -> None:
    Journal(tmp_path / "j", job_id="7").append(StepEnded(step="a", state="failed"))
    line = json.loads((tmp_path / "j").read_text())
    assert list(line) == ["seq", "time", "job_id", "attempt", "event", "step", "state"]


@pytest.mark.parametrize(
    "fields", [{"event": "garment_folded", "by": "hand"}, {"event": "step_ended", "step": "a", "state": "postponed"}]
)
def test_an_event_of_another_release_is_kept_as_it_is(tmp_path: Path, fields: dict[str, str]) -> None:
    line = {"seq": 4, "time": "2026-11-24T10:00:00.000Z", "job_id": "7", "attempt": 1, **fields}
    (tmp_path / "j").write_text(json.dumps(line) + "\n")
    [entry] = read_journal(tmp_path / "j")
    name = fields.pop("event")
    assert entry.event == Unknown(name=name, fields=fields)
    assert entry.as_json() == line


def test_fields_never_replace_the_facts_of_an_entry(tmp_path: Path) -> None:
    fields = {"seq": 99, "job_id": "8", "event": "job_ended", "name": "x"}
    Journal(tmp_path / "j", job_id="7").append(Unknown(name="note", fields=fields))
    [entry] = read_journal(tmp_path / "j")
    assert (entry.seq, entry.job_id, entry.name, entry.fields) == (1, "7", "note", {"name": "x"})


def test_a_journal_is_continued_after_a_line_that_a_crash_cut_short(tmp_path: Path) -> None:
    Journal(tmp_path / "j", job_id="7").append(STARTED)
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"seq": 2, "time": "2026-')
    Journal(tmp_path / "j", job_id="7").append(ENDED)
    assert [(e.seq, e.event) for e in read_journal(tmp_path / "j")] == [(1, STARTED), (2, ENDED)]


def test_no_sequence_number_is_given_twice_after_a_line_that_is_not_readable(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", job_id="7")
    for _ in range(3):
        journal.append(STARTED)
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(lines[0] + lines[1][:20] + b"\n" + lines[2])
    assert Journal(tmp_path / "j", job_id="7").append(ENDED).seq == 4


def test_a_line_is_written_whole_when_the_system_takes_it_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j", job_id="7")
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    journal.append(STARTED)
    journal.append(ENDED)
    assert [e.event for e in read_journal(tmp_path / "j")] == [STARTED, ENDED]


def test_a_line_that_a_full_disk_cut_short_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j", job_id="7")
    write, room = os.write, [20]

    def full(file: int, data: bytes) -> int:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(file, data[: room[0]])
        room[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        journal.append(STARTED)
    journal.append(ENDED)
    assert [(e.seq, e.event) for e in read_journal(tmp_path / "j")] == [(2, ENDED)]


def test_a_reader_gives_each_event_once_and_waits_for_whole_lines(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "j")
    assert list(reader.read()) == []
    journal = Journal(tmp_path / "j", job_id="7")
    journal.append(STARTED)
    assert [e.event for e in reader.read()] == [STARTED]
    line = (tmp_path / "j").read_bytes()
    with (tmp_path / "j").open("ab") as file:
        file.write(line[:10])
        file.flush()
        assert list(reader.read()) == []
        file.write(line[10:])
    assert [e.event for e in reader.read()] == [STARTED]


def test_lines_of_many_threads_stay_whole_and_in_order(tmp_path: Path) -> None:
    told: list[Entry] = []
    journal = Journal(tmp_path / "j", job_id="7", on_event=told.append)
    long = SessionStarted(session="x" * 5000)
    threads = [threading.Thread(target=lambda: [journal.append(long) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.seq for e in read_journal(tmp_path / "j")] == list(range(1, 401))
    assert len(told) == 400


def test_callbacks_may_append_while_other_threads_append(tmp_path: Path) -> None:
    lock = threading.Lock()

    def on_event(entry: Entry) -> None:
        if entry.event == STARTED:
            with lock:
                journal.append(ENDED)

    journal = Journal(tmp_path / "j", job_id="7", on_event=on_event)
    threads = [
        threading.Thread(target=lambda: [journal.append(STARTED) for _ in range(25)], daemon=True) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert [e.seq for e in read_journal(tmp_path / "j")] == list(range(1, 201))


@pytest.mark.posix(reason="for Windows see test_windows_access.py")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    Journal(tmp_path / "j", job_id="7")
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600
