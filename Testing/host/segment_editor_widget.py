"""qMRMLSegmentEditorWidget over the real vtkSlicerSegmentEditorLogic and vtkSegmentationHistory: the voxels are real."""

from __future__ import annotations

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .connecting import alias_signal
from .ctk_property import held
from .mrml_widgets import qMRMLWidget
from .node_combo_box import qMRMLNodeComboBox
from .scene_watch import SceneWatch
from .segment_editor_effect import EFFECTS, qSlicerSegmentEditorAbstractEffect
from .segment_editor_shortcuts import shortcuts
from .segment_widgets import qMRMLSegmentationShow3DButton, qMRMLSegmentsTableView
from .strict import report
from .ui_loader import register_widget

_REFERENCE = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()


def _shown(part: str) -> QtCore.Property:
    """A property that shows or hides a part of the widget."""
    return QtCore.Property(
        bool, lambda self: not getattr(self, part).isHidden(), lambda self, visible: getattr(self, part).setVisible(visible)
    )


@register_widget
class qMRMLSegmentEditorWidget(qMRMLWidget):  # noqa: N801
    """Selectors, segments, effects, undo. It does nothing without an editor node, as the real one."""

    currentSegmentIDChanged = QtCore.Signal(str)
    segmentationNodeChanged = QtCore.Signal(object)
    sourceVolumeNodeChanged = QtCore.Signal(object)

    segmentationNodeSelectorVisible = _shown("_segmentationBox")
    sourceVolumeNodeSelectorVisible = _shown("_volumeBox")
    show3DButtonVisible = _shown("_show3D")
    maskingSectionVisible = held(bool, True)
    specifyGeometryButtonVisible = held(bool, True)
    addRemoveSegmentButtonsVisible = held(bool, True)
    switchToSegmentationsButtonVisible = held(bool, True)
    autoShowSourceVolumeNode = held(bool, True)
    readOnly = held(bool, False, "updateWidgetFromMRML")
    effectButtonStyle = held(int, 2)
    effectColumnCount = held(int, 2)
    unorderedEffectsVisible = held(bool, True, "updateEffectList")
    defaultTerminologyEntrySettingsKey = held(str, "")
    defaultTerminologyEntry = held(str, "")
    jumpToSelectedSegmentEnabled = held(bool, True)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._logic = slicer.vtkSlicerSegmentEditorLogic()
        self._history = slicer.vtkSegmentationHistory()
        self._logic.SetSegmentationHistory(self._history)
        self._node = self._segmentation = self._volume = self._activeEffect = self._lastEffect = None
        self._order: list[str] = []
        self._shortcuts: list[QtGui.QShortcut] = []
        self._viewsObserved = False
        self._effects = {name: qSlicerSegmentEditorAbstractEffect(name, self, self._logic) for name in EFFECTS}
        self._build()
        self._nodeWatch = SceneWatch(self, lambda _node, _event: self.updateWidgetFromMRML())
        self._segmentationWatch = SceneWatch(self, lambda _node, _event: self.updateWidgetFromMRML())
        self._historyWatch = SceneWatch(self, lambda _history, _event: self._updateUndo())
        self._historyWatch.watch(self._history, ("ModifiedEvent",))
        self.updateEffectList()

    def _build(self) -> None:
        layout = QtWidgets.QVBoxLayout(self)
        self._segmentationBox, self._volumeBox = qMRMLNodeComboBox(self), qMRMLNodeComboBox(self)
        self._segmentationBox.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._volumeBox.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self._volumeBox.addEnabled = self._volumeBox.removeEnabled = False
        self._volumeBox.noneEnabled = True
        self._show3D, self._table = qMRMLSegmentationShow3DButton(self), qMRMLSegmentsTableView(self)
        self._table.selectionMode = 1
        self._effectsBox, self._undoBox = QtWidgets.QGroupBox("Effects", self), QtWidgets.QWidget(self)
        QtWidgets.QGridLayout(self._effectsBox)
        self._buttons = {name: self._button(name, self._effectsBox) for name in ("NULL", *EFFECTS)}
        for name, button in self._buttons.items():
            button.checkable = True
            button.connect("clicked()", lambda chosen=name: self.setActiveEffect(self._effects.get(chosen)))
        row = QtWidgets.QHBoxLayout(self._undoBox)
        self._undoButton, self._redoButton = (self._button(name, self._undoBox) for name in ("UndoButton", "RedoButton"))
        for button, do in ((self._undoButton, self.undo), (self._redoButton, self.redo)):
            row.addWidget(button)
            button.connect("clicked()", do)
        for name, part in (
            ("SegmentationNodeComboBox", self._segmentationBox), ("SourceVolumeNodeComboBox", self._volumeBox),
            ("Show3DButton", self._show3D), ("SegmentsTableView", self._table), ("EffectsGroupBox", self._effectsBox),
            ("UndoRedoGroupBox", self._undoBox),
        ):  # fmt: skip
            part.setObjectName(name)
            layout.addWidget(part)
        self._segmentationBox.connect("currentNodeChanged(vtkMRMLNode*)", self._onSegmentationChosen)
        self._volumeBox.connect("currentNodeChanged(vtkMRMLNode*)", self._onVolumeChosen)
        self._table.connect("selectionChanged(QItemSelection,QItemSelection)", self._onRowSelected)
        self._table.connect("segmentAboutToBeModified(QString)", self.saveStateForUndo)

    def _button(self, name: str, parent: QtWidgets.QWidget) -> QtWidgets.QToolButton:
        button = QtWidgets.QToolButton(parent)
        button.setObjectName(name)
        button.text = name.removesuffix("Button")
        return button

    def setMRMLScene(self, scene) -> None:
        boxes = self._segmentationBox, self._volumeBox
        blocked = [box.blockSignals(True) for box in boxes]
        super().setMRMLScene(scene)
        for box, state in zip(boxes, blocked, strict=True):
            box.setMRMLScene(scene)
            box.blockSignals(state)
        self._table.setMRMLScene(scene)
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(scene)
        self._logic.SetVerbose(True)
        self.updateWidgetFromMRML()

    def mrmlSegmentEditorNode(self):
        return self._node

    def setMRMLSegmentEditorNode(self, node) -> None:
        if node is self._node:
            return
        self._node = node
        self._nodeWatch.watch(node, ("ModifiedEvent",))
        self._logic.SetSegmentEditorNode(node)
        if node is not None:
            for effect in self._effects.values():
                effect.setMRMLDefaults()
            self.updateWidgetFromMRML()

    def segmentationNode(self):
        return self._logic.GetSegmentationNode()

    def segmentationNodeID(self) -> str:
        return self.segmentationNode().GetID() if self.segmentationNode() else ""

    def setSegmentationNode(self, node) -> None:
        if node is not self._logic.GetSegmentationNode():
            self._logic.SetSegmentationNode(node)
            self.setActiveEffect(None)

    def setSegmentationNodeID(self, nodeID: str) -> None:
        self.setSegmentationNode(self.mrmlScene().GetNodeByID(nodeID))

    def sourceVolumeNode(self):
        return self._logic.GetSourceVolumeNode()

    def sourceVolumeNodeID(self) -> str:
        return self.sourceVolumeNode().GetID() if self.sourceVolumeNode() else ""

    def setSourceVolumeNode(self, node) -> None:
        self._logic.SetSourceVolumeNode(node)

    def setSourceVolumeNodeID(self, nodeID: str) -> None:
        self.setSourceVolumeNode(self.mrmlScene().GetNodeByID(nodeID))

    def currentSegmentID(self) -> str:
        return self._logic.GetCurrentSegmentID() if self._node else ""

    def setCurrentSegmentID(self, segmentID: str) -> None:
        if self._node:
            self._node.SetSelectedSegmentID(segmentID)

    def activeEffect(self):
        return self._activeEffect

    def setActiveEffect(self, effect) -> None:
        if self._node:
            self._node.SetActiveEffectName(effect.name if effect else "")
        elif effect:
            report("setActiveEffect: invalid segment editor parameter set node")

    def setActiveEffectByName(self, effectName: str) -> None:
        self.setActiveEffect(self.effectByName(effectName))

    def effectByName(self, name: str):
        return self._effects.get(name)

    def effectByIndex(self, index: int):
        """In the order shown; 0 is no effect."""
        shown = self._displayed()
        return self._effects[shown[index - 1]] if 0 < index <= len(shown) else None

    def effectCount(self) -> int:
        return len(self._displayed()) + 1

    def availableEffectNames(self) -> list[str]:
        return list(self._effects)

    def effectNameOrder(self) -> list[str]:
        return self._order

    def setEffectNameOrder(self, effectNames: list[str]) -> None:
        self._order = list(effectNames)
        self.updateEffectList()

    def updateEffectList(self) -> None:
        if not hasattr(self, "_historyWatch"):
            return
        shown = ["NULL", *self._displayed()]
        for name, button in self._buttons.items():
            self._effectsBox.layout().removeWidget(button)
            button.setVisible(name in shown)
        for place, name in enumerate(shown):
            self._effectsBox.layout().addWidget(
                self._buttons[name], place // self.effectColumnCount, place % self.effectColumnCount
            )

    def _displayed(self) -> list[str]:
        ordered = [name for name in self._order if name in self._effects]
        return ordered + [name for name in self._effects if name not in ordered and self.unorderedEffectsVisible]

    def undo(self) -> None:
        self._logic.Undo()

    def redo(self) -> None:
        self._logic.Redo()

    def saveStateForUndo(self) -> None:
        self._logic.SaveStateForUndo()

    def _setUndoEnabled(self, enabled: bool) -> None:
        if enabled:
            self._logic.ClearUndoState()
        self._undoBox.setVisible(enabled)

    undoEnabled = QtCore.Property(bool, lambda self: not self._undoBox.isHidden(), _setUndoEnabled)
    maximumNumberOfUndoStates = QtCore.Property(
        int,
        lambda self: self._logic.GetMaximumNumberOfUndoStates(),
        lambda self, count: self._logic.SetMaximumNumberOfUndoStates(count),
    )

    def setUndoEnabled(self, enabled: bool) -> None:
        self._setUndoEnabled(enabled)

    def setMaximumNumberOfUndoStates(self, count: int) -> None:
        self._logic.SetMaximumNumberOfUndoStates(count)

    def toggleSourceVolumeIntensityMaskEnabled(self) -> None:
        self._logic.ToggleSourceVolumeIntensityMask()

    def setupViewObservations(self) -> None:
        self._viewsObserved = True

    def removeViewObservations(self) -> None:
        self._viewsObserved = False

    def showSourceVolumeInSliceViewers(self, forceShowInBackground: bool = False, fitSlice: bool = False) -> None:
        if self.sourceVolumeNode():
            slicer.util.setSliceViewerLayers(background=self.sourceVolumeNode(), fit=fitSlice)

    def rotateSliceViewsToSegmentation(self) -> None:
        for name in slicer.app.layoutManager().sliceViewNames():
            slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().RotateToVolumePlane(self.sourceVolumeNode())

    def selectPreviousSegment(self) -> None:
        self.selectSegmentAtOffset(-1)

    def selectNextSegment(self) -> None:
        self.selectSegmentAtOffset(1)

    def selectSegmentAtOffset(self, offset: int) -> None:
        ids = self._table.displayedSegmentIDs()
        if self.currentSegmentID() in ids:
            self.setCurrentSegmentID(ids[max(0, (ids.index(self.currentSegmentID()) + offset) % len(ids))])

    def installKeyboardShortcuts(self, parent: QtWidgets.QWidget | None = None) -> None:
        """Slicer's keys: digits, Escape, Space, Z, Y, Q, W, comma, period, I and more."""
        self.uninstallKeyboardShortcuts()
        self._shortcuts = shortcuts(self, parent or slicer.util.mainWindow())

    def uninstallKeyboardShortcuts(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    def updateWidgetFromMRML(self) -> None:
        scene = self.mrmlScene()
        if scene is None or scene.IsClosing() or scene.IsBatchProcessing():
            return
        for part in (self._segmentationBox, self._volumeBox, self._effectsBox):
            part.enabled = self._node is not None
        if self._node is None:
            return
        wasModifying = self._node.StartModify()
        self._followSegmentation()
        self._followVolume()
        self._followSegment()
        self._followEffect()
        self._table.readOnly = self.readOnly
        self._updateUndo()
        self._node.EndModify(wasModifying)

    def _followSegmentation(self) -> None:
        node = self._logic.GetSegmentationNode()
        if node is not self._segmentationBox.currentNode():
            blocked = self._segmentationBox.blockSignals(True)
            self._segmentationBox.setCurrentNode(node)
            self._segmentationBox.blockSignals(blocked)
        if node is self._segmentation:
            return
        self._segmentation = node
        events = ("ModifiedEvent", slicer.vtkSegmentation.SegmentAdded, slicer.vtkSegmentation.SegmentRemoved)
        self._segmentationWatch.watch(node, events)
        self._history.SetSegmentation(node.GetSegmentation() if node else None)
        if node:
            node.CreateDefaultDisplayNodes()
        blocked = self._table.blockSignals(True)
        self._table.setSegmentationNode(node)
        self._table.blockSignals(blocked)
        self._show3D.setSegmentationNode(node)
        if node:
            self._volumeBox.setCurrentNode(node.GetNodeReference(_REFERENCE))
            if node.GetSegmentation().GetNumberOfSegments() > 0:
                self._logic.SelectFirstSegment(False)
        self.segmentationNodeChanged.emit(node)

    def _followVolume(self) -> None:
        node = self._logic.GetSourceVolumeNode()
        if self._segmentation is None or node is self._volume:
            return
        self._volume = node
        blocked = self._volumeBox.blockSignals(True)
        self._volumeBox.setCurrentNode(node)
        self._volumeBox.blockSignals(blocked)
        if node and self.autoShowSourceVolumeNode:
            self.showSourceVolumeInSliceViewers()
        self.sourceVolumeNodeChanged.emit(node)

    def _followSegment(self) -> None:
        selected = self._node.GetSelectedSegmentID() or ""
        if self._segmentation and self._segmentation.GetSegmentation().GetSegmentIndex(selected) >= 0:
            self._table.setSelectedSegmentIDs([selected])
        else:
            self._table.clearSelection()

    def _followEffect(self) -> None:
        self._effectsBox.enabled = self._node.GetSourceVolumeNode() is not None and not self.readOnly
        segments = self._segmentation.GetSegmentation().GetNumberOfSegments() if self._segmentation else 0
        for name, effect in self._effects.items():
            self._buttons[name].enabled = segments > 0 and (bool(self._node.GetSelectedSegmentID()) or not effect.perSegment)
        effect = self.effectByName(self._node.GetActiveEffectName() or "")
        if effect is self._activeEffect:
            return
        if self._activeEffect:
            self._activeEffect.deactivate()
        if effect:
            self.setupViewObservations()
            effect.activate()
        else:
            self.removeViewObservations()
        for name, button in self._buttons.items():
            button.checked = name == (effect.name if effect else "NULL")
        self._lastEffect, self._activeEffect = self._activeEffect, effect

    def _updateUndo(self) -> None:
        self._undoButton.enabled = not self.readOnly and self._logic.CanUndo()
        self._redoButton.enabled = not self.readOnly and self._logic.CanRedo()

    def _onSegmentationChosen(self, node) -> None:
        self.setSegmentationNode(node)

    def _onVolumeChosen(self, node) -> None:
        self.setSourceVolumeNode(node)

    def _onRowSelected(self) -> None:
        if self._node is None:
            return
        selected = next(iter(self._table.selectedSegmentIDs()), "")
        if selected == (self._node.GetSelectedSegmentID() or ""):
            return
        self._node.SetSelectedSegmentID(selected or None)
        if not selected and self._activeEffect and self._activeEffect.perSegment:
            self.setActiveEffect(None)
        self.updateWidgetFromMRML()
        self.currentSegmentIDChanged.emit(selected)


alias_signal(qMRMLSegmentEditorWidget, "segmentationNodeChanged(vtkMRMLSegmentationNode*)", "segmentationNodeChanged")
alias_signal(qMRMLSegmentEditorWidget, "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)", "sourceVolumeNodeChanged")
