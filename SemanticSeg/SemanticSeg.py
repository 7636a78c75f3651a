"""The module as Slicer sees it: its title and texts, its widget's life, its self test. The work is done in `semseg_core`."""

import importlib
import importlib.metadata
import sys

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest, ScriptedLoadableModuleWidget

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


class SemanticSegWidget(ScriptedLoadableModuleWidget):
    """Says what is installed and how to run the command line; the panel is not part of this version."""

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.statusLabel = qt.QLabel(self.statusText())
        self.statusLabel.wordWrap = True
        self.statusLabel.textInteractionFlags = qt.Qt.TextSelectableByMouse
        self.layout.addWidget(self.statusLabel)
        self.layout.addStretch(1)

    def enter(self):
        self.statusLabel.text = self.statusText()

    def onReload(self):
        """Forget both packages, so that Slicer's own reload reads all of the module's files anew."""
        for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)

    def statusText(self):
        """What this version does, which packages are installed, and how the command line is started, as HTML."""
        states = [f"<li>{name}: {installedVersion(name) or _('not installed')}</li>" for name in ("torch", "safetensors", "tqdm")]
        paragraphs = (
            _("This version works from the command line; it has no panel yet. For research use, not a medical device."),
            _("Label trees and scribbles need no further package. Training and applying need:") + f"<ul>{''.join(states)}</ul>",
            _("Install PyTorch with the module PyTorch Utils, the others in the Python console:")
            + "<br><code>slicer.util.pip_install('safetensors tqdm')</code>",
            _("Then, in a terminal:") + f'<br><code>"{slicer.app.slicerHome}/bin/PythonSlicer" -m semseg_core --help</code>',
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def installedVersion(package):
    """The version of an installed package, without importing it; empty if there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


class SemanticSegTest(ScriptedLoadableModuleTest):
    """Run by the Reload & Test button and by the build."""

    def runTest(self):
        self.test_the_library_came_with_the_module()

    def test_the_library_came_with_the_module(self):
        """Fails when a file is missing from the package."""
        from semseg_core.labels.presets.catalog import load_preset, preset_names

        self.assertTrue(all(len(load_preset(name).leaves) > 1 for name in preset_names()))
        self.assertIn("whole-brain", preset_names())
