"""`python -m openjd_vstitcher.engine`, for the supervisor."""

import sys

from .command import main

sys.exit(main())
