"""qMRMLNodeComboBox: the nodes of some classes in the scene, followed live, with actions below them."""

from __future__ import annotations

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .connecting import alias_signal
from .ctk_property import held
from .scene_watch import SceneWatch
from .ui_loader import register_widget

_KIND, _DATA = QtCore.Qt.ItemDataRole.UserRole, QtCore.Qt.ItemDataRole.UserRole + 1
_EVENTS = (
    slicer.vtkMRMLScene.NodeAddedEvent,
    slicer.vtkMRMLScene.NodeRemovedEvent,
    slicer.vtkMRMLScene.EndBatchProcessEvent,
    slicer.vtkMRMLScene.EndCloseEvent,
)


@register_widget
class qMRMLNodeComboBox(QtWidgets.QWidget):  # noqa: N801
    """A combo box within a widget: None, then the nodes, then what can be done.

    Without None the first node that comes is chosen; when the chosen node goes, its neighbor is.
    """

    currentNodeChanged = QtCore.Signal(object)
    _currentNodeValid = QtCore.Signal(bool)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeActivated = QtCore.Signal(object)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeAddedByUserAction = QtCore.Signal(object)
    nodeAboutToBeEdited = QtCore.Signal(object)
    currentNodeRenamed = QtCore.Signal(str)

    nodeTypes = held("QStringList", [], "_update")
    hideChildNodeTypes = held("QStringList", [], "_update")
    showHidden = held(bool, False, "_update")
    showChildNodeTypes = held(bool, True, "_update")
    noneEnabled = held(bool, False, "_update")
    noneDisplay = held(str, "None", "_update")
    addEnabled = held(bool, True, "_update")
    removeEnabled = held(bool, True, "_update")
    editEnabled = held(bool, False, "_update")
    renameEnabled = held(bool, False, "_update")
    selectNodeUponCreation = held(bool, True)
    baseName = held(str, "")
    interactionNodeSingletonTag = held(str, "Singleton")
    sizeAdjustPolicy = held(int, 0)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None
        self._requested = ""
        self._current = None
        self._attributes: list[tuple[str, str, str | None]] = []
        self._labels: dict[str, str] = {}
        self._actions: list[QtGui.QAction] = []
        self._combo = QtWidgets.QComboBox(self)
        self._combo.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self.setFocusProxy(self._combo)
        self.setEnabled(False)
        self._combo.connect("currentIndexChanged(int)", self._onIndexChanged)
        self._combo.connect("activated(int)", self._onActivated)
        self._sceneWatch = SceneWatch(self, lambda _scene, _event: self._update())
        self._nodeWatches: list[SceneWatch] = []

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        wanted = self._requested or self.currentNodeID
        self._scene = scene
        self._sceneWatch.watch(scene, _EVENTS)
        self._update()
        if wanted:
            self.setCurrentNodeID(wanted)
        self._requested = ""
        self.setEnabled(scene is not None)

    def currentNode(self):
        return self._current if self._scene else None

    def currentNodeId(self) -> str:
        return self._identity()

    def setCurrentNode(self, node) -> None:
        self.setCurrentNodeID(node if isinstance(node, str) else node.GetID() if node else "")

    def setCurrentNodeID(self, nodeID: str) -> None:
        if self._scene is None:
            self._requested = nodeID
            return
        index = next((i for i in range(self._combo.count) if nodeID and self._id(i) == nodeID), -1)
        if index < 0 and self.noneEnabled:
            index = 0
        self._combo.setCurrentIndex(index)

    def setCurrentNodeIndex(self, index: int) -> None:
        self._combo.setCurrentIndex(-1 if index >= self.nodeCount() else index + bool(self.noneEnabled))

    def nodeCount(self) -> int:
        return sum(1 for index in range(self._combo.count) if self._id(index))

    def nodeFromIndex(self, index: int):
        ids = [self._id(each) for each in range(self._combo.count) if self._id(each)]
        return self._scene.GetNodeByID(ids[index]) if 0 <= index < len(ids) else None

    def addAttribute(self, nodeType: str, attributeName: str, attributeValue=None) -> None:
        value = None if attributeValue is None else str(attributeValue)
        self._attributes.append((nodeType, attributeName, value))
        self._update()

    def removeAttribute(self, nodeType: str, attributeName: str) -> None:
        self._attributes = [each for each in self._attributes if each[:2] != (nodeType, attributeName)]
        self._update()

    def setNodeTypeLabel(self, label: str, nodeType: str) -> None:
        self._labels[nodeType] = label
        self._update()

    def nodeTypeLabel(self, nodeType: str) -> str:
        shown = self._scene.GetTypeDisplayNameByClassName(nodeType) if self._scene and nodeType else ""
        return self._labels.get(nodeType) or shown or "node"

    def addMenuAction(self, action: QtGui.QAction) -> None:
        if action.text not in [each.text for each in self._actions]:
            self._actions.append(action)
            self._update()

    def addNode(self, nodeType: str | None = None):
        if nodeType is None and not self.nodeTypes:
            return None
        nodeType = nodeType or self.nodeTypes[0]
        if nodeType not in self.nodeTypes:
            QtCore.qWarning(f"qMRMLNodeComboBox::addNode() attempted with node type {nodeType}")
            return None
        node = self._scene.CreateNodeByClass(nodeType)
        node.UnRegister(None)
        name = self.baseName or node.GetName() or node.GetDefaultNodeNamePrefix()
        node.SetName(self._scene.GetUniqueNameByString(name))
        for _type, attribute, value in self._attributes:
            node.SetAttribute(attribute, value or "")
        node = self._scene.AddNode(node)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        if self._current:
            self._scene.RemoveNode(self._current)

    def editCurrentNode(self) -> None:
        self.nodeAboutToBeEdited.emit(self._current)

    def renameCurrentNode(self) -> None:
        if self._current:
            label = self.nodeTypeLabel(self._current.GetClassName())
            name = self._ask(f"Rename {label}", self._current.GetName())
            if name:
                self._current.SetName(name)
                self.currentNodeRenamed.emit(name)

    def _identity(self) -> str:
        return self._current.GetID() or "" if self._current and self._scene else self._requested

    currentNodeID = QtCore.Property(str, _identity, setCurrentNodeID)

    def _ask(self, title: str, text: str) -> str:
        return QtWidgets.QInputDialog.getText(self, title, "New name:", QtWidgets.QLineEdit.EchoMode.Normal, text)

    def _id(self, index: int) -> str:
        return self._combo.itemData(index, _DATA) if self._combo.itemData(index, _KIND) == "node" else ""

    def _shows(self, node) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        matching = [
            each for each in self.nodeTypes if (node.IsA(each) if self.showChildNodeTypes else node.GetClassName() == each)
        ]
        if not matching or any(node.IsA(each) for each in self.hideChildNodeTypes):
            return False
        wanted = [(name, value) for kind, name, value in self._attributes if node.IsA(kind)]
        return all((has := node.GetAttribute(name)) is not None and (value is None or has == value) for name, value in wanted)

    def _update(self) -> None:
        """Show what the scene has now; the chosen node stays chosen while it is there."""
        if not hasattr(self, "_nodeWatches") or (self._scene is not None and self._scene.IsBatchProcessing()):
            return
        before = [self._id(index) for index in range(self._combo.count) if self._id(index)]
        row = self._combo.currentIndex
        candidates = [self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes())] if self._scene else []
        nodes = [node for node in candidates if self._shows(node)]
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        if self.noneEnabled and self._scene:
            self._append(self.noneDisplay, "none", "")
        for node in nodes:
            self._append(node.GetName() or "", "node", node.GetID())
        self._appendActions()
        ids = [node.GetID() for node in nodes]
        offset = int(bool(self.noneEnabled))
        chosen = self._current.GetID() if self._current else None
        if chosen in ids:
            index = ids.index(chosen) + offset
        elif chosen is not None and nodes and self._current.GetScene() is None:
            index = min(row, len(nodes) - 1 + offset)  # the chosen node went: its neighbor
        elif self.noneEnabled:
            index = 0
        else:
            index = 0 if nodes and not before else -1
        self._combo.setCurrentIndex(index if self._scene else -1)
        self._combo.blockSignals(blocked)
        self._watchNodes(nodes)
        self._onIndexChanged()
        for node in nodes:
            if node.GetID() not in before:
                self.nodeAdded.emit(node)

    def _watchNodes(self, nodes) -> None:
        for watch in self._nodeWatches:
            watch.watch(None, ())
        self._nodeWatches = [SceneWatch(self, self._onNodeModified) for _ in nodes]
        for watch, node in zip(self._nodeWatches, nodes, strict=True):
            watch.watch(node, ("ModifiedEvent",))

    def _onNodeModified(self, node, _event: str) -> None:
        """Names, attributes and hiding are part of what is shown."""
        index = next((i for i in range(self._combo.count) if self._id(i) == node.GetID()), -1)
        if not self._shows(node):
            self._update()
        elif index >= 0 and self._combo.itemText(index) != (node.GetName() or ""):
            self._combo.setItemText(index, node.GetName() or "")

    def _append(self, text: str, kind: str, data: object) -> None:
        self._combo.addItem(text)
        self._combo.setItemData(self._combo.count - 1, kind, _KIND)
        self._combo.setItemData(self._combo.count - 1, data, _DATA)

    def _appendActions(self) -> None:
        if not self._scene:
            return
        label = self.nodeTypeLabel(self.nodeTypes[0] if len(self.nodeTypes) == 1 else "")
        entries = []
        if self.renameEnabled:
            entries.append((f"Rename current {label}", self.renameCurrentNode))
        if self.editEnabled:
            entries.append((f"Edit current {label}", self.editCurrentNode))
        for nodeType in self.nodeTypes if self.addEnabled else ():
            own = self.nodeTypeLabel(nodeType)
            entries.append((f"Create new {own}", lambda kind=nodeType: self._create(kind)))
            if self.renameEnabled:
                entries.append((f"Create new {own} as...", lambda kind=nodeType, what=own: self._createAs(kind, what)))
        if self.removeEnabled:
            entries.append((f"Delete current {label}", self.removeCurrentNode))
        entries += [(action.text, action.trigger) for action in self._actions]
        if entries:
            self._combo.insertSeparator(self._combo.count)
        for text, do in entries:
            self._append(text, "action", do)

    def _create(self, nodeType: str) -> None:
        node = self.addNode(nodeType)
        self.setCurrentNode(node)
        self.nodeAddedByUserAction.emit(node)

    def _createAs(self, nodeType: str, label: str) -> None:
        name = self._ask(f"Create new {label}", "")
        if name:
            node = self.addNode(nodeType)
            node.SetName(name)
            self.setCurrentNode(node)
            self.nodeAddedByUserAction.emit(node)

    def _onIndexChanged(self, _index: int = 0) -> None:
        index = self._combo.currentIndex
        if self._combo.itemData(index, _KIND) == "action":
            return
        node = self._scene.GetNodeByID(self._id(index)) if self._scene and self._id(index) else None
        if node is not self._current:
            self._current = node
            self.currentNodeChanged.emit(node)
            self._currentNodeValid.emit(node is not None)
            self.currentNodeIDChanged.emit(node.GetID() if node else "")

    def _onActivated(self, index: int) -> None:
        if self._combo.itemData(index, _KIND) != "action":
            self.nodeActivated.emit(self._current)
            return
        do = self._combo.itemData(index, _DATA)
        chosen = self._identity()
        blocked = self._combo.blockSignals(True)
        self.setCurrentNodeID(chosen)
        self._combo.blockSignals(blocked)
        do()


for _name in ("currentNodeChanged", "nodeActivated", "nodeAdded", "nodeAddedByUser", "nodeAddedByUserAction",
              "nodeAboutToBeEdited"):  # fmt: skip
    alias_signal(qMRMLNodeComboBox, f"{_name}(vtkMRMLNode*)", _name)
alias_signal(qMRMLNodeComboBox, "currentNodeChanged(bool)", "_currentNodeValid")
