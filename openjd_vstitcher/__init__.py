"""An OpenJD session-based runtime for VStitcher. Importing this package imports nothing else."""

__version__ = "0.1.0"
