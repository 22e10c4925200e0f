"""What a stranger can put into a queue, drawn by hypothesis: presets, details, garments, artworks, engine texts.

`@PROOF@` is a file that appears if anything runs as code, `@OUTSIDE@` a directory that no job may read or write, and
`@GAME@` the part of storage that belongs to the stranger. All three are filled in when the game is played.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

VARIABLE = "PLANTED_BY_A_STRANGER"
_FRAGMENTS = [
    *(f"openjd_env: {VARIABLE}=1", f'openjd_env: "{VARIABLE}=1"', f"openjd_redacted_env: {VARIABLE}=1"),
    *("openjd_unset_env: PATH", "openjd_fail: forged", "openjd_progress: 99", "openjd_session_runtime_loglevel: ERROR"),
    'vstitcher_event: {"event": "limited", "output": "a", "field": "b", "asked": 2, "used": 1}',
    *("{{Param.JobId}}", "{{Session.WorkingDirectory}}", "{{", "}}", "{0.__class__}", "%(name)s", "${HOME}"),
    *("$(touch @PROOF@)", "`touch @PROOF@`", "; touch @PROOF@ #", "| touch @PROOF@", "' || touch @PROOF@ '"),
    *("__import__('os').system('touch @PROOF@')", "!!python/object/apply:os.system ['touch @PROOF@']"),
    *("../", "..\\", "/", "~", "-rf", "--help", "%2e%2e%2f", "CON", "NUL.png", ".", " ", "\t", "x" * 5000),
    *("\n", "\r", "\x85", "\u2028", "\0", "\ud800", "\u202e", "\u200b", "\x1b[2J", "é" * 300, "'", '"', "\\"),
]
TEXT = st.lists(st.sampled_from(_FRAGMENTS) | st.text(max_size=8), max_size=4).map("".join)
_VALID_TEXT = TEXT.map(lambda text: text.encode("utf-8", "replace").decode())
CODE = "import os\nopen('@PROOF@', 'w').write(__file__)\nos.environ['PLANTED_BY_A_STRANGER'] = '1'\n"
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _VALID_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_VALID_TEXT, inner, max_size=3),
    max_leaves=6,
)
_NESTED = st.sampled_from([70, 600, 900]).map(lambda depth: _nested(depth))


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual nine times out of ten: only what is nearly right gets far."""
    return st.integers(0, 9).flatmap(lambda number: odd if number == 9 else usual)


_NAMES = mostly(
    st.sampled_from(["front.png", "a b.png", "{{Param.JobId}}.png", "$(touch x).png", "-rf.png", "é\u00a0.png"]),
    TEXT.map(lambda text: text + ".png") | st.sampled_from(["../x.png", "@OUTSIDE@/x.png", "CON.png", "a\nb.png"]),
)
_SCANS = mostly(st.sampled_from(["scan.json", "..scan.json", "json.py.json"]), TEXT.map(lambda text: text + ".json"))
_SOME_TEXT = TEXT.map(lambda text: text or "openjd_env: A=b")
_FIELDS = st.fixed_dictionaries(
    {}, optional={"colorway": _SOME_TEXT, "snapshot": _SOME_TEXT, "camera_view": _SOME_TEXT, "junk": _JSON}
)
_ODD_FIELDS = st.dictionaries(
    st.sampled_from(["type", "export_type", "output_file_name", "asset_type", "dpi", "cycles", "camera_position"]),
    TEXT | _JSON,
    min_size=1,
    max_size=2,
)


def _instruction(names: st.SearchStrategy[str], **fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    plain = names.map(lambda name: {**fixed, "output_file_name": name})
    more = st.tuples(plain, _FIELDS).map(lambda drawn: {**drawn[0], **drawn[1]})
    odd = st.tuples(plain, _ODD_FIELDS).map(lambda drawn: {**drawn[0], **drawn[1]})
    return mostly(plain | more, odd)


_INSTRUCTIONS = st.one_of(
    _instruction(_SCANS, type="EXPORT", export_type="SCAN"),
    _instruction(_NAMES, type="EXPORT", export_type="MEDIA_RENDER", dpi=10),
    _instruction(TEXT, type="MUTATION", mutation_type="REMOVE_SYMMETRY"),
)
_WAYS = st.tuples(_instruction(_SCANS, type="EXPORT", export_type="SCAN"), st.lists(_INSTRUCTIONS, max_size=2)).map(
    lambda drawn: _with_own_names([drawn[0], *drawn[1]])
)


def _with_own_names(instructions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No two exports of one name: that is refused, and the game would be over."""
    return [
        {**each, "output_file_name": f"{number}{name}"} if isinstance(name := each["output_file_name"], str) else each
        for number, each in enumerate(instructions)
    ]


_DESTINATIONS = mostly(
    st.just("s3://style-assets/@GAME@/"),
    st.sampled_from(
        [
            "@OUTSIDE@/",
            "file://@OUTSIDE@/",
            "s3://style-assets/../../outside/",
            "s3://../outside",
            "s3://style-assets/{{x}}",
        ]
    )
    | TEXT,
)
PRESETS = st.fixed_dictionaries(
    {
        "instructions": mostly(_WAYS, _JSON | _NESTED),
        "remote_destination": _DESTINATIONS,
    },
    optional={"remote_destination_subfolder_type": st.sampled_from(["JOB_ID", "STYLE_ID", "NONE"]), "junk": _JSON},
)
_PLACES = st.sampled_from(
    [
        *("@OUTSIDE@/secret.txt", "file://@OUTSIDE@/secret.txt", "s3://body-files/../../outside/secret.txt"),
        *(
            "s3://stranger/@GAME@/link",
            "s3://stranger/@GAME@/pipe",
            "s3://stranger/@GAME@/zeros",
            "s3://stranger/@GAME@/",
        ),
        *(
            "https://127.0.0.1:1/x.bw",
            "https://169.254.169.254/latest",
            "https://h:99999/x",
            "/dev/zero",
            "file:///etc/passwd",
        ),
    ]
)
DETAILS = st.fixed_dictionaries(
    {"input_file_uri": mostly(st.just("s3://stranger/@GAME@/garment.bw"), _PLACES | TEXT)},
    optional={
        "style_id": mostly(st.just("style-1"), TEXT),
        "remote_artwork_bundle_dir_path": mostly(st.just("s3://stranger/@GAME@/art/"), _PLACES | TEXT),
        "artwork_file_path": mostly(st.just("s3://stranger/@GAME@/art/sitecustomize.py"), _PLACES | TEXT),
        "body_code": TEXT,
        "junk": _JSON | _NESTED,
    },
)
ARTWORKS = st.lists(
    mostly(
        st.sampled_from(
            ["sitecustomize.py", "usercustomize.py", "json.py", "openjd_vstitcher.py", "stripes.png", "CON.png", "-rf"]
        ),
        TEXT.map(lambda text: text.replace("/", "") + ".png"),
    ),
    max_size=3,
    unique=True,
)
EDITS = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6)


@dataclass(frozen=True)
class Game:
    """One job of a stranger.

    Parameters
    ----------
    validated: whether it comes through `submit`, or is written into the tables as it is.
    preset, details: of the job.
    garment: the texts in the garment: its name, and those of its colorway, shape and snapshot.
    edits: places and values of bytes of the garment file that are changed.
    artworks: the names of files with code in them.
    engine: what the engine prints before it starts.
    """

    validated: bool
    preset: Any
    details: Any
    garment: tuple[str, str, str, str]
    edits: list[tuple[int, int]]
    artworks: list[str]
    engine: str


GAMES = st.builds(
    Game,
    validated=st.booleans(),
    preset=PRESETS,
    details=DETAILS,
    garment=st.tuples(TEXT, TEXT, TEXT, TEXT),
    edits=st.just([]) | st.just([]) | EDITS,
    artworks=ARTWORKS,
    engine=TEXT,
)


def filled(value: Any, places: dict[str, str]) -> Any:
    """A value with `@PROOF@` and the like filled in, also in keys."""
    if isinstance(value, str):
        for name, place in places.items():
            value = value.replace(name, place)
        return value
    if isinstance(value, dict):
        return {filled(key, places): filled(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return value if _is_deep(value) else [filled(each, places) for each in value]
    return value


def _is_deep(value: Any) -> bool:
    for _ in range(40):
        if not (isinstance(value, list) and len(value) == 1):
            return False
        value = value[0]
    return True
