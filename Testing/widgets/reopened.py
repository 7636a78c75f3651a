"""`python reopened.py FILE.mrb`: a fresh process that opens a scene in the module's panel and tells what is there, as JSON."""

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "SemanticSeg")]

from host.install import install, start  # noqa: E402 - the folders come first
from host.slicer_side import application, install_slicer  # noqa: E402

install()
install_slicer()


def main() -> None:
    """Open the panel, then the scene, and print its state."""
    import slicer
    from host import gestures
    from host.fixtures import MODULE
    from host.scripted_panel import Panel
    from widgets.story_desk import sceneState

    booted = application()
    start(Path(tempfile.mkdtemp()))
    booted.start()
    panel = Panel(MODULE)
    slicer.mrmlScene.ReadFromMRB(sys.argv[1], True)
    gestures.wait_until(lambda: panel.widget.logic.results.shown.answers is not None, 30.0)
    sys.stdout.write(json.dumps(sceneState(panel.widget.logic)) + "\n")
    panel.close()


if __name__ == "__main__":
    main()
