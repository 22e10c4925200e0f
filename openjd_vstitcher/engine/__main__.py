"""`python -m openjd_vstitcher.engine`: starts the supervisor process."""

import sys

from .command import main

sys.exit(main())
