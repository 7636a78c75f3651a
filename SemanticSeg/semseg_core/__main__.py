"""Runs the command line: `python -m semseg_core`."""

import sys

from semseg_core.cli.main import main

sys.exit(main())
