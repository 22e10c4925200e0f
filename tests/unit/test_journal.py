from __future__ import annotations

import json
import threading
from pathlib import Path

from jsonschema import Draft202012Validator

from openjd_vstitcher.journal import Event, Journal, JournalReader, read_journal
from openjd_vstitcher.resources import resource

SCHEMA = Draft202012Validator(json.loads(resource("schemas/event.schema.json").read_text()))


def test_events_read_back_as_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", job_id="7", attempt=2)
    journal.append("output_stored", output="Hemd größe.png", size_bytes=3)
    journal.append("step_ended", step="a", state="succeeded")
    stored, ended = read_journal(tmp_path / "j")
    assert (stored.seq, stored.name, stored.job_id, stored.attempt) == (1, "output_stored", "7", 2)
    assert stored.fields == {"output": "Hemd größe.png", "size_bytes": 3}
    assert ended.seq == 2
    for event in (stored, ended):
        SCHEMA.validate(event.as_json())


def test_a_journal_is_continued_after_a_line_that_a_crash_cut_short(tmp_path: Path) -> None:
    Journal(tmp_path / "j", job_id="7").append("session_started")
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"seq": 2, "time": "2026-')
    Journal(tmp_path / "j", job_id="7").append("session_ended")
    assert [(e.seq, e.name) for e in read_journal(tmp_path / "j")] == [(1, "session_started"), (2, "session_ended")]


def test_fields_never_take_the_place_of_the_facts_of_an_event(tmp_path: Path) -> None:
    Journal(tmp_path / "j", job_id="7").append("note", seq=99, job_id="8", event="job_ended", name="x")
    [event] = read_journal(tmp_path / "j")
    assert (event.seq, event.job_id, event.name, event.fields) == (1, "7", "note", {"name": "x"})


def test_a_reader_gives_each_event_once_and_waits_for_whole_lines(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "j")
    assert list(reader.read()) == []
    journal = Journal(tmp_path / "j", job_id="7")
    journal.append("a")
    assert [e.name for e in reader.read()] == ["a"]
    line = (tmp_path / "j").read_bytes()
    with (tmp_path / "j").open("ab") as file:
        file.write(line[:10])
        file.flush()
        assert list(reader.read()) == []
        file.write(line[10:])
    assert [e.name for e in reader.read()] == ["a"]


def test_lines_of_many_threads_stay_whole_and_in_order(tmp_path: Path) -> None:
    told: list[Event] = []
    journal = Journal(tmp_path / "j", job_id="7", on_event=told.append)
    threads = [
        threading.Thread(target=lambda: [journal.append("note", text="x" * 5000) for _ in range(50)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.seq for e in read_journal(tmp_path / "j")] == list(range(1, 401))
    assert len(told) == 400


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    Journal(tmp_path / "j", job_id="7")
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600
