"""`make screenshots`: pictures of every step of the panel, 400 pixels wide, into Resources/Screenshots.

The panel runs on the test host (Testing/host), so buttons look a little different from those in the application. Everything else
is real: the MNI152 template, strokes as the simulator draws them, and a training and a result made by the child process.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "SemanticSeg"), str(ROOT / "Testing")]
os.environ["QT_SCALE_FACTOR"] = "2"  # so that they are sharp in a README

from host.install import install, start  # noqa: E402 - these need the path above
from host.slicer_side import application, install_slicer  # noqa: E402

install()
install_slicer()

import qt  # noqa: E402 - now with widgets
import slicer  # noqa: E402
import template  # noqa: E402
from host import gestures  # noqa: E402
from host.scripted_panel import Panel  # noqa: E402
from widgets.story_desk import Story  # noqa: E402

from SemanticSegLib.nodes.VolumeNodes import addVolume  # noqa: E402

FOLDER = ROOT / "Resources" / "Screenshots"
HEIGHT = 900
"""Pixels, as on a screen; pictures show what is scrolled away, too."""

SECONDS = 40
CERTAINTY = 0.6


def main() -> None:
    """Go through the steps and take a picture of each."""
    with tempfile.TemporaryDirectory() as folder:
        _stay_in(Path(folder))
        booted = application()
        start(Path(folder))
        booted.start()
        panel = Panel(ROOT / "SemanticSeg" / "SemanticSeg.py")
        panel.window.resize(400, HEIGHT)
        tell(Story(panel))
        panel.close()


def tell(story: Story) -> None:
    """Labels, scribbles, training, result; a picture after each."""
    story.unfold("labels", "scribble", "train", "apply")
    take(story, "start", "labels")
    story.usePreset("brain tissue, left and right: 6 leaves")
    tree = story.logic.labels.tree
    brain = template.load_template(tree)
    addVolume(slicer.mrmlScene, "MNI152 T1", brain.image, brain.grid)
    gestures.wait_until(lambda: story.logic.parameters.volume is not None)
    story.logic.scribbles.addMarks(template.draw_scribbles(brain, tree))
    story.logic.scribbles.refresh()
    story.view.expandAll()
    story.select("left white matter")
    gestures.click(story.scribble.paintButton)
    take(story, "labels", "labels")
    take(story, "scribble", "scribble")

    story.startTraining(SECONDS)
    gestures.wait_until(lambda: story.train.progressBar.value > story.train.progressBar.maximum * 0.75, 300.0)
    take(story, "training", "train")
    story.untilTrained()
    take(story, "train", "train")
    story.applyModel()
    story.apply.certaintySlider.value = round(story.apply.certaintySlider.maximum * CERTAINTY)
    gestures.wait_until(lambda: story.logic.parameters.certainty > 0)
    take(story, "apply", "apply")
    take(story, "panel", None)


def take(story: Story, name: str, section: str | None) -> None:
    """A picture of a step, or of the whole panel."""
    gestures.process_events()
    widget = getattr(story.sections, f"{section}Section") if section else story.shown.widget.panel.widget
    shown = qt.QRect(0, 0, widget.width, widget.childrenRect.bottom() + 1)  # without the room below
    path = FOLDER / f"{name}.png"
    widget.grab(shown).save(str(path))
    print(path.relative_to(ROOT))


def _stay_in(folder: Path) -> None:
    """Keep models, job folders and the launcher of the child process out of the user's own folders."""
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        os.environ[variable] = str(folder / variable.lower())
    launcher = folder / "PythonSlicer"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


if __name__ == "__main__":
    main()
