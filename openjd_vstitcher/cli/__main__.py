"""`python -m openjd_vstitcher.cli`: the command line without its console script."""

from . import main

main(prog_name="openjd-vs")
