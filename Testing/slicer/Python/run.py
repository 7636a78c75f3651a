"""Runs all tests of this folder in Slicer and ends it, with exit code 0 if all passed:

Slicer --testing --no-splash --additional-module-path SemanticSeg --python-script Testing/slicer/Python/run.py
"""

import sys
import unittest
from pathlib import Path

import slicer.util

FOLDER = str(Path(__file__).resolve().parent)

sys.path.insert(0, FOLDER)
suite = unittest.defaultTestLoader.discover(FOLDER, pattern="SemanticSeg*Test.py")
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
slicer.util.exit(0 if result.wasSuccessful() and result.testsRun else 1)
