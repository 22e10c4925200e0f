"""Names of files: which are safe on every system, and the nearest safe one."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openjd_vstitcher.names import safe_name, same_material_key, unsafe_reason
from openjd_vstitcher.resources import resource

_INVISIBLE = ["\u200b", "\u200d", "\u202e", "\u2066", "\u061c", "\ufeff", "\u00ad", "\u3164", "\ufe0f", "\U000e0041"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is empty"),
        ("..", "refers to a directory"),
        ("a/b", "contains a path separator"),
        ("a\\b", "contains a path separator"),
        ("a\nb", "contains a control character"),
        ("a\x85b", "contains a control character"),
        ("a\u2028b", "contains a control character"),
        ("a\ud800b", "contains a control character"),
        ("C:x", "contains a character that Windows does not allow"),
        ("front.", "ends with a dot or a space"),
        ("front.png ", "ends with a dot or a space"),
        ("x" * 252 + ".png", "is longer than 255 bytes"),
        ("é" * 126 + ".png", "is longer than 255 bytes"),
        ("gnp.\u202etxt", "contains the invisible or direction-changing character U+202E"),
    ],
)
def test_unsafe_name_comes_with_its_reason(name: str, reason: str) -> None:
    assert unsafe_reason(name) == reason


@pytest.mark.parametrize("character", _INVISIBLE)
def test_invisible_characters_are_unsafe_and_left_out(character: str) -> None:
    assert f"U+{ord(character):04X}" in str(unsafe_reason(f"fr{character}ont.png"))
    assert safe_name(f"fr{character}ont.png") == "front.png"


@pytest.mark.parametrize(
    "name",
    ["con", "NUL.bw", "nul.tar.gz", "Aux .png", "prn", "COM0", "com9.x", "LPT¹.png", "com²", "CONIN$", "conout$.txt"],
)
def test_device_names_of_windows_are_unsafe_with_any_suffix(name: str) -> None:
    assert unsafe_reason(name) == "is a reserved name on Windows"
    assert safe_name(name) == f"_{name}"


@pytest.mark.parametrize(
    "name",
    ["front.png", "a b.png", ".hidden", "Größe 38 – 日本.png", "console.png", "nullify", "com10", "_con", "x.con"],
)
def test_ordinary_names_are_safe_and_kept(name: str) -> None:
    assert unsafe_reason(name) is None
    assert safe_name(name) == name


def test_long_name_is_cut_and_keeps_its_suffix() -> None:
    cut = safe_name("é" * 400 + ".png")
    assert (len(cut.encode()), cut[-5:]) == (240, "é.png")
    assert len(safe_name("x." + "y" * 400)) == 240


@given(name=st.text(st.characters(codec=None, categories=None), max_size=300))
def test_safe_name_of_anything_is_safe_and_stays_as_it_is(name: str) -> None:
    assert unsafe_reason(safe_name(name)) is None
    assert safe_name(safe_name(name)) == safe_name(name)


def test_materials_are_compared_as_the_plugin_compares_them() -> None:
    source = resource("openjd_vstitcher/engine/plugin/src/artwork.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    (function,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "_normalized"]
    namespace: dict[str, object] = {}
    exec(compile(ast.Module([function], []), "artwork.py", "exec"), namespace)
    normalized = namespace["_normalized"]
    assert callable(normalized)
    for name in ("Back_Print", "back-print", " Back Print ", "ÉTÉ", "x"):
        assert same_material_key(name) == normalized(name)
