"""The application of the host: Slicer's own `slicer.util` works with it, and what goes wrong in it fails the test."""

from __future__ import annotations

from typing import Annotated

import ctk
import pytest
import qt
import slicer
import vtk
from slicer.parameterNodeWrapper import FloatRange, RangeBounds, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from . import answers, strict
from .complaints import collected
from .scripted_panel import Panel

MODULE = """
import ctk, qt, slicer
from slicer.parameterNodeWrapper import FloatRange, RangeBounds, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin

class Toy(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Toy"

class ToyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    log = []
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.button = qt.QPushButton("Do")
        self.layout.addWidget(self.button)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onClosed)
        self.log.append("setup " + self.resourcePath("x.txt"))
    def onClosed(self, caller, event): self.button.text = "closed"
    def enter(self): self.log.append("enter")
    def exit(self): self.log.append("exit")
    def cleanup(self):
        self.removeObservers()
        self.log.append("cleanup")
"""


@pytest.fixture
def toy_path(tmp_path):
    path = tmp_path / "Toy.py"
    path.write_text(MODULE)
    return path


def test_the_main_window_and_its_views_are_found(application, head_volume):
    assert slicer.util.mainWindow() is not None
    assert application.layoutManager().sliceViewNames() == ["Red", "Yellow", "Green"]
    slicer.util.setSliceViewerLayers(background=head_volume, fit=True)
    red = application.layoutManager().sliceWidget("Red")
    assert red.mrmlSliceCompositeNode().GetBackgroundVolumeID() == head_volume.GetID()
    assert red.sliceLogic().GetSliceNode() is red.mrmlSliceNode()
    assert slicer.util.getNode("Head") is head_volume
    assert slicer.util.arrayFromVolume(head_volume).shape == (28, 36, 32)


def test_closing_the_scene_keeps_the_views(application, slicer_scene):
    before = application.layoutManager().sliceWidget("Red").mrmlSliceNode().GetID()
    slicer_scene.Clear(0)
    node = application.layoutManager().sliceWidget("Red").mrmlSliceNode()
    assert (node.GetID(), node.GetScene()) == (before, slicer_scene)


def test_dialogs_of_slicer_util_are_answered_by_the_test(application, user_answers):
    user_answers(qt.QMessageBox.Yes, qt.QMessageBox.No, qt.QMessageBox.Ok, qt.QMessageBox.Ok)
    assert slicer.util.confirmYesNoDisplay("Really?")
    assert not slicer.util.confirmYesNoDisplay("Really?")
    assert slicer.util.confirmOkCancelDisplay("Go on?")
    with pytest.raises(ValueError, match="because"), slicer.util.tryWithErrorDisplay("It failed.", waitCursor=True):
        raise ValueError("because")
    assert "It failed." in answers.asked[-1].text
    assert qt.QApplication.overrideCursor() is None


def test_settings_are_empty_at_first_and_typed(application):
    assert slicer.util.settingsValue("a/b", 3, converter=int) == 3
    application.userSettings().setValue("a/b", 5)
    assert slicer.util.settingsValue("a/b", 3, converter=int) == 5
    assert application.slicerUserSettingsFilePath == qt.QSettings().fileName()


def test_settings_of_another_test_are_gone(application):
    assert not application.userSettings().contains("a/b")


def test_nodes_come_to_the_subject_hierarchy_and_go(slicer_scene, head_volume):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer_scene)
    item = hierarchy.GetItemByDataNode(head_volume)
    assert hierarchy.GetItemName(item) == "Head"
    slicer_scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    assert hierarchy.GetNumberOfItems() == 1
    slicer_scene.RemoveNode(head_volume)
    assert hierarchy.GetNumberOfItems() == 0


def test_terminologies_are_loaded(application):
    entry = slicer.vtkSlicerTerminologyEntry()
    browser = slicer.qSlicerTerminologyNavigatorWidget()
    valid = []
    browser.connect("selectionValidityChanged(bool)", valid.append)
    assert not browser.terminologyEntry(entry)
    table = slicer.util.findChild(browser, "tableWidget_Type")
    row = next(row for row in range(table.rowCount) if table.item(row, 0).text() == "Liver")
    table.selectRow(row)
    assert browser.terminologyEntry(entry)
    assert (entry.GetTypeObject().GetCodeValue(), entry.GetCategoryObject().GetCodeMeaning()) == (
        "10200004",
        "Anatomical Structure",
    )
    table.clearSelection()
    assert browser.setTerminologyEntry(entry)
    assert valid == [True, False, True]


def test_checked_nodes_stay_checked(slicer_scene):
    box = slicer.qMRMLCheckableNodeComboBox()
    box.nodeTypes = ["vtkMRMLModelNode"]
    box.setMRMLScene(slicer_scene)
    first, second = (slicer_scene.AddNewNodeByClass("vtkMRMLModelNode", name) for name in "ab")
    told = []
    box.connect("checkedNodesChanged()", lambda: told.append(len(box.checkedNodes())))
    box.setCheckState(second, qt.Qt.Checked)
    slicer_scene.RemoveNode(first)
    assert (box.checkedNodes(), box.allChecked()) == ([second], True)
    slicer_scene.RemoveNode(second)
    assert told == [1, 0]


def test_a_parameter_node_is_a_singleton_of_its_module(slicer_scene):
    class ToyLogic(ScriptedLoadableModuleLogic):
        pass

    node = ToyLogic().getParameterNode()
    assert ToyLogic().getParameterNode() is node
    assert (node.GetSingletonTag(), node.GetAttribute("ModuleName")) == ("Toy", "Toy")
    slicer_scene.Clear(0)
    assert ToyLogic().getParameterNode().GetScene() is slicer_scene


def test_a_module_lives_from_setup_to_cleanup(application, toy_path):
    panel = Panel(toy_path)
    log = panel.widget.log
    panel.exit()
    panel.close()
    assert log == [f"setup {toy_path.parent / 'Resources' / 'x.txt'}", "enter", "exit", "cleanup"]
    assert not hasattr(slicer.modules, "toy")


def test_a_module_is_reloaded_from_its_file(application, toy_path):
    panel = Panel(toy_path)
    first = panel.widget
    toy_path.write_text(MODULE.replace('"Do"', '"Do it"'))
    panel.widget.onReload()
    assert panel.widget is not first
    assert panel.widget.button.text == "Do it"
    panel.close()


def test_an_observer_left_behind_is_found(application, slicer_scene, toy_path):
    toy_path.write_text(MODULE.replace("self.removeObservers()", "pass"))
    panel = Panel(toy_path)
    widget = panel.widget
    panel.close()
    qt.QApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
    with strict.expected("exception below Qt"):
        slicer_scene.Clear(0)
    widget.removeObservers()


def test_complaints_of_vtk_are_collected():
    with collected() as complaints:
        vtk.vtkOutputWindow.GetInstance().DisplayErrorText("something is wrong")
        assert complaints == ["something is wrong"]
        complaints.clear()
    with pytest.raises(AssertionError), collected():
        vtk.vtkOutputWindow.GetInstance().DisplayErrorText("something is wrong")


def test_names_that_slicer_has_not_are_refused(application):
    for thing, name in ((application, "sliceNames"), (application.layoutManager(), "sliceNames"), (slicer.modules, "nothing")):
        with pytest.raises(AttributeError):
            getattr(thing, name)
    with pytest.raises(AttributeError):
        application.myOwnAttribute = 1


def test_widgets_follow_parameters_and_the_other_way_round(slicer_scene):
    parameters_class = parameterNodeWrapper(
        type("P", (), {"__annotations__": {
            "on": bool, "share": Annotated[float, WithinRange(0, 1)], "range": Annotated[FloatRange, RangeBounds(-10, 10)],
            "name": str, "volume": slicer.vtkMRMLScalarVolumeNode,
        }})
    )  # fmt: skip
    parameters = parameters_class(slicer_scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    root = qt.QWidget()
    widgets = {
        "on": qt.QCheckBox(root), "share": ctk.ctkSliderWidget(root), "range": ctk.ctkRangeWidget(root),
        "name": qt.QLineEdit(root), "volume": slicer.qMRMLNodeComboBox(root),
    }  # fmt: skip
    for name, widget in widgets.items():
        widget.setProperty("SlicerParameterName", name)
    widgets["volume"].noneEnabled = True
    widgets["volume"].setMRMLScene(slicer_scene)
    tag = parameters.connectGui(root)
    widgets["on"].click()
    widgets["share"].value = 0.25
    widgets["range"].setValues(-2, 3)
    widgets["name"].text = "x"
    node = widgets["volume"].addNode()
    assert (parameters.on, parameters.share, parameters.range, parameters.name) == (True, 0.25, FloatRange(-2, 3), "x")
    assert parameters.volume is node
    parameters.name, parameters.on = "y", False
    assert (widgets["name"].text, widgets["on"].checked) == ("y", False)
    parameters.disconnectGui(tag)
    widgets["name"].text = "z"
    assert parameters.name == "y"
    with pytest.raises(RuntimeError, match="GUI connector"):
        parameters.connectParametersToGui({"on": widgets["name"]})
