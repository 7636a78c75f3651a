"""What the tests in the application share: an empty scene, the panel on the screen, and models that are not the user's.

These tests run in Slicer (`run.py`, or CTest after a build with BUILD_TESTING) and use nothing but Slicer, the module and
unittest. Nothing of the module is imported at file scope: a test may reload it.
"""

import gc
import shutil
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import slicer
import slicer.util
import vtk


class SemanticSegTestCase(unittest.TestCase):
    """Starts and ends with an empty scene."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="SemanticSegTest"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(slicer.mrmlScene.Clear, False)
        slicer.mrmlScene.Clear(False)
        slicer.util.selectModule("SemanticSeg")
        users = self.logic.models.root
        self.logic.models.root = self.folder / "models"
        self.addCleanup(setattr, self.logic.models, "root", users)
        slicer.app.processEvents()

    @property
    def widget(self):
        """The module's widget; another one after a reload."""
        return slicer.util.getModuleWidget("SemanticSeg")

    @property
    def logic(self):
        """The use cases behind the panel."""
        return self.widget.logic

    def until(self, true, what, seconds=120):
        """Let the application go on until something is so."""
        end = time.monotonic() + seconds
        while not true():
            self.assertLess(time.monotonic(), end, f"not within {seconds} s: {what}")
            slicer.app.processEvents()
            time.sleep(0.01)

    def wait(self, seconds):
        """Let the application go on, so that what was put off is done."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.01)

    def addHead(self):
        """A volume of 16 × 30 × 24 voxels (k, j, i) with a dark and a bright half, chosen in the panel."""
        noise = np.random.default_rng(0).normal(0, 10, (16, 30, 24))
        image = np.where(np.arange(24) < 12, 50, 150) + noise
        placed = np.diag((-1.0, -1.0, 1.5, 1.0))
        placed[:3, 3] = (12.0, 15.0, -12.0)
        volume = slicer.util.addVolumeFromArray(image.astype(np.int16), placed, "Head")
        self.logic.parameters.volume = volume
        return volume

    def addHalves(self):
        """Labels for it: "dark" and "bright" under "head"; gives their ids."""
        labels = self.logic.labels
        labels.new("head")
        root = labels.tree.root.id
        return labels.add(root, "dark"), labels.add(root, "bright")

    def scribble(self, dark, bright):
        """Strokes on both halves in four slices, written as label ids; gives the array."""
        strokes = np.zeros((16, 30, 24), dtype=np.int32)
        for k in (3, 6, 9, 12):
            strokes[k, 4:26:7, 2:10], strokes[k, 4:26:7, 14:22] = dark, bright
        self.logic.scribbles.addMarks(strokes)
        self.logic.scribbles.refresh()
        return strokes


def tag(segment, name):
    """A tag of a segment; empty where it has none."""
    text = vtk.mutable("")
    return str(text) if segment.GetTag(name, text) else ""


def observers(*vtkObjects):
    """How many observers in Python each object of VTK has."""
    return [len(_callbacks(each)) for each in vtkObjects]


def observing(*vtkObjects):
    """The objects of this module whose methods observe objects of VTK."""
    receivers = [getattr(callback, "__self__", None) for each in vtkObjects for callback in _callbacks(each)]
    return [receiver for receiver in receivers if type(receiver).__module__.startswith("SemanticSeg")]


def _callbacks(vtkObject):
    """VTK tells observers to nobody but the collector of garbage."""
    gc.collect()
    return [each for each in gc.get_referents(vtkObject) if callable(each)]
