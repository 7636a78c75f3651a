"""The module as Slicer sees it: its title and texts, its widget's life, its self test. The work is done in `semseg_core`."""

import importlib
import sys

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest, ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

PACKAGES = ("SemanticSegLib", "semseg_core")


class SemanticSeg(ScriptedLoadableModule):
    """Title, category and texts."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("SemanticSeg")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = []
        parent.contributors = ["SemanticSeg contributors"]
        parent.helpText = _(
            "Train a segmentation of many structures from a few scribbles. Labels form a tree; a scribble may name a structure or"
            " a whole group of them; what is not scribbled is unknown, never background. Training and applying run on this"
            " computer and send nothing anywhere.<p><b>For research use. This is not a medical device.</b></p>"
            '<p>See <a href="{link}">the documentation</a>.</p>'
        ).format(link="https://github.com/SemanticSeg/SlicerSemanticSeg")
        parent.acknowledgementText = _(
            "The losses follow Wang et al., Label tree semantic losses for rich multi-class medical image segmentation"
            " (arXiv 2507.15777) and Tree-based semantic losses (MICCAI 2025, arXiv 2506.21150); Chen et al., Adaptive"
            " region-specific loss for improved medical image segmentation (IEEE TPAMI 2023); Usman et al., Multimodal HIE lesion"
            " segmentation in neonates: a comparative study of loss functions (arXiv 2502.09148)."
        )
        slicer.app.connect("startupCompleted()", registerSampleVolumes)


def registerSampleVolumes():
    """Offer volumes to try the module with; nothing is downloaded before the user asks for one."""
    from SemanticSegLib.logic.SampleVolumes import registerSampleVolumes

    registerSampleVolumes()


class SemanticSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The life of the panel: set up, entered, left, reloaded, and told of the scene."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from SemanticSegLib.logic.Logic import SemanticSegLogic
        from SemanticSegLib.widgets.Panel import Panel

        self.logic = SemanticSegLogic()
        self.panel = Panel(self.logic, self.layout)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneChanged)

    def enter(self):
        self.panel.enter()

    def exit(self):
        self.panel.exit()

    def cleanup(self):
        self.removeObservers()
        self.panel.cleanup()
        self.logic.cleanup()

    def onReload(self):
        """Forget both packages, so that Slicer's own reload reads all of the module's files anew."""
        for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, _caller, _event):
        """The scene is about to be closed or loaded."""
        self.panel.leaveScene()

    def onSceneChanged(self, _caller, _event):
        """The scene was closed or loaded."""
        self.logic.readScene()
        self.panel.readScene()


class SemanticSegTest(ScriptedLoadableModuleTest):
    """Run by the Reload & Test button and by the build."""

    def runTest(self):
        self.test_the_library_came_with_the_module()

    def test_the_library_came_with_the_module(self):
        """Fails when a file is missing from the package."""
        from semseg_core.labels.presets.catalog import load_preset, preset_names

        self.assertTrue(all(len(load_preset(name).leaves) > 1 for name in preset_names()))
        self.assertIn("whole-brain", preset_names())
