"""The script `note`: appends a line to a file in the output directory. An example, used by docs/handlers.md."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--text", required=True)
parser.add_argument("--times", type=int, default=1)
arguments = parser.parse_args()
with Path("notes.txt").open("a", encoding="utf-8") as notes:
    notes.write(f"{arguments.text}\n" * arguments.times)
