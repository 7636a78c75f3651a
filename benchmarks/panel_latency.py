"""How long the panel keeps the window waiting: the longest turn of the event loop in every gesture on whole volumes.

    python benchmarks/panel_latency.py [--cases 192,ixi,256,512] [--repeats N] [--json FILE]
    python benchmarks/panel_latency.py --preview N [--cases 192,ixi] [--json FILE]

Runs on the test host, without a screen. Of each gesture two times are told, in milliseconds: the longest stretch in which the
window could not answer, and until everything was done, the least of all repeats each. Aim: no stretch above 200 ms.

With `--preview` a live preview is on, with its worker, and N strokes are drawn one after the other: until the worker is asked,
and until the three slice views show its answer, median and longest. Aim: 500 ms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "SemanticSeg")]

from host.install import install  # noqa: E402 - found by the path above, and first to touch Qt

install()

import numpy as np  # noqa: E402 - the modules below are there after the installation
import qt  # noqa: E402
import slicer  # noqa: E402
from host.slicer_side import application  # noqa: E402

from SemanticSegLib.logic.JobFolders import JobFolders  # noqa: E402
from SemanticSegLib.logic.LabelsLogic import LabelsLogic  # noqa: E402
from SemanticSegLib.logic.LivePreview import LivePreview  # noqa: E402
from SemanticSegLib.logic.NextSlice import NextSlice  # noqa: E402
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode  # noqa: E402
from SemanticSegLib.logic.Runner import JobRunner  # noqa: E402
from SemanticSegLib.logic.ScribblesLogic import ScribblesLogic  # noqa: E402
from SemanticSegLib.logic.ShownResult import ShownResult  # noqa: E402
from SemanticSegLib.logic.Signal import Signal  # noqa: E402
from SemanticSegLib.nodes.ResultNodes import addResult, keepPaths  # noqa: E402
from SemanticSegLib.nodes.VisibleSlices import sliceViews  # noqa: E402
from SemanticSegLib.nodes.VolumeNodes import addVolume  # noqa: E402
from semseg_core.data.answer_paths import AnswerPaths, smallest_dtype  # noqa: E402
from semseg_core.geometry import Grid  # noqa: E402
from semseg_core.labels.tree import Label, LabelTree  # noqa: E402
from semseg_core.sparse.scribbles import SparseLabels  # noqa: E402

CASES = {
    "192": ((192, 192, 192), 10),
    "ixi": ((90, 120, 120), 148),
    "256": ((256, 256, 256), 148),
    "512": ((300, 512, 512), 10),
}
STROKE_VOXELS = 32
"""Of each label, in one slice, before anything is measured."""

IDLE_S = 0.4
"""So long nothing may be asked of the window before a gesture counts as done; the longest delay of ours is 0.12 s."""


DRAWN_VOXELS = 20
"""Of a stroke beside the live preview."""

PAUSE_S = 3.0
"""Between two such strokes: the worker learns or fills in the volume meanwhile, and is interrupted."""


class Times(NamedTuple):
    """Of one gesture, in milliseconds."""

    longest: float
    total: float


def gesture_times(gesture: Callable[[], object]) -> Times:
    """Do something, and let the event loop turn until nothing more comes of it."""
    begun = time.perf_counter()
    gesture()
    done = time.perf_counter()
    longest = done - begun
    while time.perf_counter() - done < IDLE_S:
        start = time.perf_counter()
        qt.QApplication.processEvents()
        end = time.perf_counter()
        longest = max(longest, end - start)
        if end - start > 0.002:
            done = end
        else:
            time.sleep(0.001)
    return Times(1e3 * longest, 1e3 * (done - begun))


def tree_of(leaves: int) -> LabelTree:
    """A tree of three levels: ten leaves to a group."""
    labels = [Label(1, "everything", 1)]
    for leaf in range(leaves):
        if leaf % 10 == 0:
            group = len(labels) + 1
            labels.append(Label(group, f"group {leaf // 10}", group, parent=1))
        number = len(labels) + 1
        labels.append(Label(number, f"structure {leaf}", number, parent=group, color=(leaf * 37 % 256 / 255, 0.6, 0.4)))
    return LabelTree(tuple(labels), title=f"{leaves} classes")


def answers_of(shape: tuple[int, int, int], tree: LabelTree) -> AnswerPaths:
    """Blocks of all leaves in an ellipsoid that fills a third of the image, the surer the further inside."""
    k, j, i = np.ogrid[tuple(slice(-1, 1, size * 1j) for size in shape)]
    radius = np.sqrt(k**2 + j**2 + i**2, dtype=np.float32)
    count = len(tree.leaves)
    cells = (np.floor((k + 1) * 7) + 7 * np.floor((j + 1) * 7) + 13 * np.floor((i + 1) * 7)).astype(np.int32) % count
    leaves = np.where(radius < 0.86, cells + 1, 0).astype(smallest_dtype(count))
    sure = (200 * np.clip(1.1 - radius, 0, 1)).astype(np.uint8)
    shares = np.stack([np.minimum(sure + 40, 200), sure]).astype(np.uint8)
    return AnswerPaths(tree, Grid(shape, np.diag((1.0, 1.0, 1.0, 1.0))), leaves, shares)


class Desk:
    """A volume, its tree, strokes and a result, as the panel has them."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        self.scene = slicer.mrmlScene
        self.scene.Clear(0)
        self.tree = tree_of(classes)
        rng = np.random.default_rng(0)
        image = rng.integers(0, 40, shape, dtype=np.int16)
        self.paths = answers_of(shape, self.tree)
        image += self.paths.leaves.astype(np.int16) * 5
        self.volume = addVolume(self.scene, "image", image, self.paths.grid)
        self.parameters = SemanticSegParameterNode(self.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        self.parameters.volume = self.volume
        self.parameters.level = "leaf"
        self.labels = LabelsLogic(self.scene, self.parameters)
        self.labels.replace(self.tree)
        self.scribbles = ScribblesLogic(self.scene, self.parameters, self.labels)
        self.next = NextSlice(self.scene, self.parameters, self.labels, self.scribbles)
        self.shown = ShownResult(self.scene, self.parameters, self.labels, self.scribbles)
        self.fresh()

    def fresh(self) -> None:
        """New scribbles: some voxels of every leaf but the last, which can be drawn by hand."""
        if self.parameters.scribbles is not None:
            self.scene.RemoveNode(self.parameters.scribbles)
        places, ids = [], []
        for number, leaf in enumerate(self.tree.leaves[:-1], start=1):
            found = np.argwhere(self.paths.leaves[::4, ::4, ::4] == number)[:STROKE_VOXELS] * 4
            places.append(found)
            ids.append(np.full(len(found), leaf.id))
        self.scribbles.addMarks(SparseLabels(self.paths.grid, np.concatenate(places), np.concatenate(ids)))
        gesture_times(self.scribbles.refresh)

    def show(self) -> None:
        """Keep a result and show it for the first time."""
        self.parameters.result = addResult(self.scene, self.paths, self.volume, "model", self.tree)

    def keep_again(self) -> None:
        """Replace what the result keeps."""
        keepPaths(self.shown.node, self.paths, self.volume, "model", self.tree)
        self.shown.read()

    def cleanup(self) -> None:
        """Stop observing."""
        self.shown.cleanup()
        self.scribbles.cleanup()


def measure(shape: tuple[int, int, int], classes: int, repeats: int) -> dict[str, Times]:
    """All gestures on one image."""
    desk = Desk(shape, classes)
    found: dict[str, Times] = {}

    def least(what: str, gesture: Callable[[int], object], before: Callable[[], object] = lambda: None) -> None:
        times = []
        for repeat in range(repeats):
            before()
            qt.QApplication.processEvents()
            times.append(gesture_times(lambda repeat=repeat: gesture(repeat)))
        found[what] = Times(min(t.longest for t in times), min(t.total for t in times))

    leaves, labels = [leaf.id for leaf in desk.tree.leaves], desk.labels
    least("recount", lambda _: desk.scribbles.refresh())
    least("next slice, strokes", lambda _: desk.next.show(), desk.scribbles.node.GetSegmentation().Modified)
    found["tree edit with strokes"], found["its undo"] = (Times(np.inf, np.inf),) * 2
    for repeat in range(repeats):
        for what, gesture in (
            ("tree edit with strokes", lambda repeat=repeat: labels.merge([leaves[repeat + 1]], leaves[0])),
            ("its undo", labels.undo),
        ):
            found[what] = Times(*map(min, found[what], gesture_times(gesture)))
    gesture_times(desk.show)
    desk.scene.RemoveNode(desk.parameters.result)
    least("keep and first show", lambda _: desk.show(), lambda: desk.scene.RemoveNode(desk.parameters.result))
    least("keep again and show", lambda _: desk.keep_again())
    least("slider", lambda repeat: desk.shown.setCertainty(0.3 + 0.1 * repeat))
    least("level", lambda repeat: desk.shown.setLevel(("1", "leaf")[repeat % 2]))
    desk.shown.setLevel("leaf")
    desk.shown.setCertainty(0.0)
    gesture_times(lambda: None)
    least("confidence map", lambda _: desk.shown.setConfidenceShown(True))
    least("next slice, confidence", lambda _: desk.next.show(), desk.scribbles.node.GetSegmentation().Modified)
    desk.shown.setConfidenceShown(False)
    desk.shown.setLevel("1")
    gesture_times(lambda: None)
    least("surfaces", lambda _: desk.shown.setSurfacesShown(True))
    desk.shown.setSurfacesShown(False)
    desk.shown.setLevel("leaf")
    gesture_times(lambda: None)
    least("accept one label", lambda _: desk.shown.acceptAsScribbles([leaves[0]]), desk.fresh)
    point = tuple(desk.paths.grid.index_to_ras([np.array(shape) // 2])[0].tolist())
    at = desk.shown.labelAt(point)
    least("accept a region", lambda _: desk.shown.acceptAsScribbles([at], 0.1, point), desk.fresh)
    least("accept all labels", lambda _: desk.shown.acceptAsScribbles([1], 0.1), desk.fresh)
    least("recount after that", lambda _: desk.scribbles.refresh())
    least("next slice after that", lambda _: desk.next.show(), desk.scribbles.node.GetSegmentation().Modified)
    found["tree edit after that"] = gesture_times(lambda: labels.merge([leaves[1]], leaves[0]))
    found["its undo after that"] = gesture_times(labels.undo)
    desk.cleanup()
    return found


class Beside:
    """What a live preview needs beside the desk: nothing is to be installed, and there are no earlier models."""

    def __init__(self) -> None:
        self.changed = Signal()

    def usable(self) -> tuple[bool, str]:
        """Whether all packages are there."""
        return True, ""

    def list(self) -> list:
        """Earlier models."""
        return []


def measure_preview(shape: tuple[int, int, int], classes: int, strokes: int) -> dict[str, Times]:
    """Strokes with a live preview on."""
    desk, beside = Desk(shape, classes), Beside()
    middle = np.array(shape) // 2
    for view in sliceViews(desk.scene):
        view.JumpSliceByCentering(*desk.paths.grid.index_to_ras([middle])[0])
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        runner = JobRunner(sys.executable, JobFolders(Path(folder)))
        preview = LivePreview(desk.scene, desk.parameters, desk.labels, desk.scribbles, runner, beside, beside, beside)
        preview.failed.connect(lambda message, *_: sys.exit(message))
        begun = time.perf_counter()
        preview.start()
        turn_until(lambda: preview.canKeep()[0])
        first, asked, seen = time.perf_counter() - begun, [], []
        for _ in range(strokes):
            until = time.perf_counter() + PAUSE_S
            turn_until(lambda until=until: time.perf_counter() > until)
            shown = np.argwhere(desk.paths.leaves[middle[0]])
            near = shown[np.argsort(np.abs(shown - rng.choice(shown)).sum(axis=1))[:DRAWN_VOXELS]]
            voxels = np.insert(near, 0, middle[0], axis=1)
            ids = np.full(len(voxels), desk.tree.leaves[desk.paths.leaves[tuple(voxels[0])] - 1].id)
            before, begun = preview.sentence, time.perf_counter()
            desk.scribbles.addMarks(SparseLabels(desk.paths.grid, voxels, ids), overwrite=True)
            turn_until(lambda before=before: preview.sentence.startswith("Learning") and preview.sentence != before)
            asked.append(time.perf_counter() - begun)
            turn_until(lambda: not preview.sentence.startswith("Learning"))
            seen.append(time.perf_counter() - begun)
        preview.cleanup()
        runner.endAll()
    desk.cleanup()
    found = {"first view": (first, first), "stroke until asked": asked, "stroke until seen": seen}
    return {what: Times(1e3 * max(each), 1e3 * statistics.median(each)) for what, each in found.items()}


def turn_until(done: Callable[[], bool]) -> None:
    """Let the event loop turn until something is so."""
    while not done():
        qt.QApplication.processEvents()
        time.sleep(0.001)


def main() -> None:
    """Print one row for each gesture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default=",".join(CASES), help="which images, separated by commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--preview", type=int, metavar="N", help="draw N strokes with a live preview on, and nothing else")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    application().start()
    names = options.cases.split(",")
    if options.preview:
        found = {name: measure_preview(*CASES[name], options.preview) for name in names}
    else:
        found = {name: measure(*CASES[name], options.repeats) for name in names}
    rows = []
    for what in found[names[0]]:
        cells = (found[name][what] for name in names)
        rows.append([what, *(f"{times.longest:.0f} / {times.total:.0f}" for times in cells)])
    titles = ["longest / median, ms" if options.preview else "longest stretch / until done, ms"]
    titles += ("×".join(map(str, CASES[name][0][::-1])) + f", {CASES[name][1]}" for name in names)
    for row in (titles, ["---"] * len(titles), *rows):
        print("| " + " | ".join(row) + " |")
    if options.json:
        record = {name: {what: times._asdict() for what, times in times.items()} for name, times in found.items()}
        options.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
