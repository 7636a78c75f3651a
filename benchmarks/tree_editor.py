"""How fluid the label tree editor is with 1 000 labels: milliseconds per gesture, drawing included.

    python benchmarks/tree_editor.py [labels]

Runs on the test host, without a screen. Its Qt calls cost about what they do in Slicer; pixels are painted in memory.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "SemanticSeg")]

from host.install import install  # noqa: E402 - found by the path above, and first to touch Qt

install()

import qt  # noqa: E402 - there after the installation
import slicer  # noqa: E402
from host.slicer_side import application  # noqa: E402

from SemanticSegLib.logic.LabelsLogic import LabelsLogic  # noqa: E402
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode  # noqa: E402
from SemanticSegLib.widgets.LabelTreeEditor import LabelTreeEditor  # noqa: E402
from semseg_core.labels.tree import Label, LabelTree  # noqa: E402

BRANCHING = 6
REPEATS = 9


def large_tree(count: int) -> LabelTree:
    """A tree of so many labels, six children each, every label in a color of its own."""
    labels = [Label(1, "everything", 1)]
    for number in range(2, count + 1):
        color = (number * 37 % 256 / 255, number * 91 % 256 / 255, 0.5)
        labels.append(Label(number, f"structure {number}", number, parent=max(1, (number + 4) // BRANCHING), color=color))
    return LabelTree(tuple(labels), title=f"{count} labels")


def measure(what: str, gestures: Iterable[Callable[[], object]]) -> None:
    """Print the median and the longest time of gestures of one kind."""
    times = []
    for gesture in gestures:
        start = time.perf_counter()
        gesture()
        qt.QApplication.processEvents()
        times.append(1e3 * (time.perf_counter() - start))
    print(f"{what:34s} {statistics.median(times):7.1f} ms   longest {max(times):7.1f} ms")


def main(count: int) -> None:
    """Measure every kind of gesture once the tree is shown with all rows open."""
    application().start()
    parameters = SemanticSegParameterNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    labels = LabelsLogic(slicer.mrmlScene, parameters)
    window = qt.QWidget()
    window.resize(400, 700)
    editor = LabelTreeEditor(labels, qt.QVBoxLayout(window))
    search = slicer.util.findChild(editor.widget, "searchLine")
    window.show()
    qt.QApplication.processEvents()
    tree = large_tree(count)
    far = range(count - REPEATS, count)
    measure("show the tree", [lambda: labels.replace(tree)])
    measure("open all rows, close all rows", [editor.view.expandAll, editor.view.collapseAll] * 4)
    editor.view.expandAll()
    words = [f"structure {count}"[:length] for length in range(1, len(f"structure {count}") + 1)]
    measure("type a letter of a search", [lambda word=word: setattr(search, "text", word) for word in words])
    measure("clear the search", [lambda: setattr(search, "text", "")])
    measure("choose a label", [lambda i=i: labels.setCurrent(i) for i in far])
    measure("rename", [lambda i=i: labels.rename(i, f"renamed {i}") for i in far])
    measure("add", [lambda i=i: labels.add(i, "new one") for i in far])
    measure("move to another parent", [lambda i=i: labels.move([i], 2) for i in far])
    measure("color", [lambda i=i: labels.recolor([i], (0.1, 0.2, 0.3)) for i in far])
    measure("merge", [lambda i=i: labels.merge([i - 50], i - 100) for i in far])
    measure("undo", [labels.undo] * REPEATS)
    measure("redo", [labels.redo] * REPEATS)
    measure("count voxels of a stroke", [lambda i=i: editor.showVoxels({i: 17}, {}) for i in far])
    measure("hide and show a branch", [lambda on=on: labels.setVisible(range(2, 40), on) for on in (False, True)] * 4)
    editor.cleanup()
    labels.cleanup()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
