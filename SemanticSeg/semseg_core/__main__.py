"""Runs the command line: `python -m semseg_core`."""

import sys

try:
    from semseg_core.cli.main import main
except KeyboardInterrupt:  # Ctrl-C while Python was still loading us
    sys.exit(130)

sys.exit(main())
