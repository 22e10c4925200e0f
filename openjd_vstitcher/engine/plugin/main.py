"""The script that VS-CLI runs: handles the requests of a session until it is told to exit."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from src import serve_script

if __name__ == "__main__":
    sys.exit(serve_script())
