"""Any bytes are read as JSON data or refused with their place, in bounded time."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openjd_vstitcher.documents import MAX_DEPTH, MAX_VALUES, data_problems, read_document
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.resources import resource

MIB = 1024 * 1024
SAMPLES = sorted(resource("examples/presets").glob("*.json")) + sorted(resource("templates").glob("*.yaml"))
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


def read(folder: Path, content: str | bytes, name: str = "p.yaml") -> Any:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_document(path)


def refusal(folder: Path, content: str | bytes, name: str = "p.yaml") -> str:
    began = time.monotonic()
    with pytest.raises(InvalidInput) as refused:
        read(folder, content, name)
    assert time.monotonic() - began < 5
    [problem] = refused.value.problems
    return str(problem).removeprefix("/: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb: 2026-11-22\n", "line 2, column 4: '2026-11-22' is read as a date; expected it in quotes"),
        ("a: 2026-11-22 10:00:00\n", "line 1, column 4: '2026-11-22 10:00:00' is read as a date"),
        ("a: 12:30:00\n", "line 1, column 4: '12:30:00' is read as a number in base 60; expected it in quotes"),
        ("1: a\n", "line 1, column 1: the key '1' is not text; expected it in quotes"),
        ("a: 1\non: b\n", "line 2, column 1: the key 'on' is not text; expected it in quotes"),
        ("~: a\n", "line 1, column 1: the key '~' is not text"),
        ("? [a]\n: b\n", "line 1, column 3: the key"),
        ("!!binary aGk=: a\n", "line 1, column 1: found the tag 'tag:yaml.org,2002:binary'; expected plain JSON data"),
        ("a: !!set {x}\n", "line 1, column 4: found the tag 'tag:yaml.org,2002:set'"),
        ("a: !!omap [x: 1]\n", "line 1, column 4: found the tag 'tag:yaml.org,2002:omap'"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1, column 4: found the tag"),
        ("a: !!int x\n", "line 1, column 4: 'x' is not a valid !!int"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "line 3, column 3: '<<' is a merge key; expected the fields themselves"),
        ("a: =\n", "line 1, column 4: '=' has a special meaning in YAML; expected it in quotes"),
        ("a: &a [*a]\n", "line 1, column 8: *a is not defined before this place, or contains itself"),
        ("a: *b\n", "line 1, column 4: *b is not defined before this place"),
        (BOMB, "there are too many values; expected at most 50000"),
        ("a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40, "line 2, column 44: nested too deeply"),
        ("a: " + "9" * 5000, "line 1, column 4: found a number of 5000 characters; expected at most 100"),
        ("a: 0x" + "f" * 5000, "line 1, column 4: found a number of 5002 characters"),
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' is repeated; expected each key once"),
        ("a: .inf\n", "line 1, column 4: found .inf; expected a finite number"),
        ("a: -.INF\n", "expected a finite number"),
        ("a: .nan\n", "expected a finite number"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: found a second document; expected one"),
        ("[" * 100_000, f"line 1, column 65: nested too deeply; expected at most {MAX_DEPTH} levels"),
        ("a: [1, 2\nb: }", "line 2, column 2: invalid YAML: "),
        ("a:\n\tb: 1", "line 2, column 1: invalid YAML: "),
        ("a: b\x00c", "line 1, column 5: invalid YAML: found the character U+0000"),
        (b"a: 1\nb: \xff", "line 2, column 4: the byte 0xff is not UTF-8; expected UTF-8 text"),
        ('{"a": 1}'.encode("utf-16"), "the file is UTF-16 or UTF-32; expected UTF-8 text: save it as UTF-8"),
        ("[" + "1," * MAX_VALUES + "1]", "there are too many values"),
        (b" " * (4 * MIB + 1), "the file is larger than 4 MiB"),
    ],
)
def test_a_yaml_file_that_is_not_json_data_is_refused_at_its_place(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    assert message in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": ', "line 1, column 7: invalid JSON: "),
        ('{"a": 1,\n "b": {"c": 1, "c": 2}}', "line 2, column 16: the key 'c' is repeated; expected each key once"),
        (r'{"a": 1, "\u0061": 2}', "line 1, column 10: the key 'a' is repeated"),
        ('{"a": [\nNaN]}', "line 2, column 1: found NaN; expected a finite number"),
        ('{"a": -Infinity}', "line 1, column 7: found -Infinity; expected a finite number"),
        ('{"a": 1e999}', "line 1, column 7: found 1e999, which is too large; expected a finite number"),
        ('{"a": ' + "9" * 5000 + "}", "line 1, column 7: found a number of 5000 characters; expected at most 100"),
        ("[" * 100_000, f"line 1, column 65: nested too deeply; expected at most {MAX_DEPTH} levels"),
        ('{"a":' * 100_000, "line 1, column 321: nested too deeply"),
        ("[" + "1," * MAX_VALUES + "1]", "there are too many values"),
        ('{"a": "' + '\\"' * 2_000_000, "invalid JSON: Unterminated string"),
        ('"' * (4 * MIB - 1), "there are too many values"),
        ('{"a": "\x00"}', "line 1, column 8: invalid JSON: Invalid control character"),
        (b'{"a": "\xe9"}', "line 1, column 8: the byte 0xe9 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "the file is UTF-16 or UTF-32"),
        ('{"a": 1}'.encode("utf-16-le"), "line 1, column 2: invalid JSON: "),
        ('{"a": "\\ud800"}', "contains a lone surrogate"),
        ("[[[]", "invalid JSON: "),
        ("]}]},,{", "invalid JSON: "),
    ],
)
def test_a_bad_json_file_is_refused_at_its_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert message in refusal(tmp_path, content, "p.json")


@pytest.mark.posix(reason="Windows has no such files")
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path, message in (
        (tmp_path / "pipe.json", "is not a regular file"),
        (Path("/dev/zero"), "is not a regular file"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "none.json", "cannot be read: No such file"),
    ):
        with pytest.raises(InvalidInput, match=message):
            read_document(path)


@pytest.mark.parametrize("name", ["p.json", "p.yaml"])
def test_a_byte_order_mark_of_utf_8_is_no_part_of_the_document(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + b'{"a": "\xc3\xa9"}', name) == {"a": "é"}


def test_yaml_is_read_as_the_json_data_that_it_stands_for(tmp_path: Path) -> None:
    text = "a: &x [1, 0x10, 2.5, yes, ~, '2026-11-22', \"1\", plain]\nb: *x\nc: !!str 7\nd: {}\ne: |\n  text\n"
    listed = [1, 16, 2.5, True, None, "2026-11-22", "1", "plain"]
    assert read(tmp_path, text) == {"a": listed, "b": listed, "c": "7", "d": {}, "e": "text\n"}
    assert read(tmp_path, "# nothing\n") is None


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_a_sample_is_read_as_the_libraries_read_it(path: Path) -> None:
    assert read_document(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    # The YAML parser of PyYAML changes carriage returns and refuses some characters, however they are written.
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff\u2028\u2029")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé1:# ", max_size=4), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_what_is_written_as_json_and_yaml_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert read(folder, json.dumps(data), "p.json") == data
    assert read(folder, yaml.safe_dump(data, allow_unicode=True)) == data


def nested(levels: int) -> Any:
    data: Any = []
    for _ in range(levels - 1):
        data = [data]
    return data


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (nested(600), "/0" * MAX_DEPTH + ": is nested too deeply"),
        ([0] * 10_000_000, "/: there are too many values"),
        ({"a": "x" * (4 * MIB + 1)}, "/a: there is too much text"),
        ({"k" * 2000: 1}, "/: has a key of 2000 characters; expected at most 1024"),
        ({"a": {1: 2}}, "/a: has a key that is not text; expected '1' in quotes"),
        ({"a": [10**100]}, "/a/0: found a number of more than 100 digits"),
        ({"a": b"x"}, "/a: found a bytes; expected JSON data"),
        ({"a": {"\ud800": 1}}, "/a: has a key that contains a lone surrogate"),
    ],
    ids=["deep", "many", "long", "key", "number key", "digits", "bytes", "surrogate"],
)
def test_data_from_anywhere_is_refused_at_its_place(data: Any, problem: str) -> None:
    found = [str(each) for each in data_problems(data)]
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_data_within_the_limits_has_no_problem() -> None:
    for data in (nested(MAX_DEPTH), [0] * (MAX_VALUES - 1), {"a": "x" * MIB}, 10**100 - 1, None, "é", 1.5, True):
        assert data_problems(data) == []


def test_the_problems_are_in_document_order_and_not_endless() -> None:
    inf = float("inf")
    pointers = [p.pointer for p in data_problems({"b": [inf, {"c": inf}], "a": inf})]
    assert pointers == ["/b/0", "/b/1/c", "/a"]
    assert len(data_problems([inf] * 1000)) == 20


_SNIPPETS = [
    *("[", "{", "]", "}", ":", ",", "-", "? ", "&a ", "*a", "!!", "<<", "|", ">", "'", '"', "\\", "#", "\n", "\t"),
    *("0x", "1e999", "2026-01-01", ".nan", "{{", "}}", "\x00", "\ufeff", "%YAML 9\n", "---\n", "...\n", "null"),
]


def any_bytes() -> st.SearchStrategy[bytes]:
    """Random bytes, text that looks like YAML or JSON, and real documents with some of it replaced."""
    snippets = st.sampled_from(_SNIPPETS)
    rough = st.lists(snippets | st.text(max_size=5), max_size=60).map("".join).map(lambda t: t.encode(errors="replace"))
    changed = st.builds(
        lambda path, at, end, with_: _replaced(path.read_bytes(), at, end, with_),
        st.sampled_from(SAMPLES),
        st.floats(0, 1),
        st.integers(0, 30),
        st.binary(max_size=8) | rough,
    )
    return st.binary(max_size=200) | rough | changed


def _replaced(content: bytes, at: float, count: int, new: bytes) -> bytes:
    start = int(at * len(content))
    return content[:start] + new + content[start + count :]


def _is_read_or_refused(folder: Path, content: bytes, name: str) -> None:
    began = time.monotonic()
    with contextlib.suppress(InvalidInput):
        data = read(folder, content, name)
        assert json.loads(json.dumps(data)) == data
    assert time.monotonic() - began < 1


@settings(max_examples=300, deadline=None)
@given(content=any_bytes(), name=st.sampled_from(["p.json", "p.yaml"]))
@example(content=b"!", name="p.yaml")
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    _is_read_or_refused(tmp_path_factory.getbasetemp(), content, name)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=10_000, deadline=None)
@given(content=any_bytes(), name=st.sampled_from(["p.json", "p.yaml"]))
def test_ten_thousand_contents_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    _is_read_or_refused(tmp_path_factory.getbasetemp(), content, name)
