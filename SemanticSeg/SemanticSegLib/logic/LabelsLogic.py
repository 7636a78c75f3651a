"""The label tree of the scene: edits, undo, files, and which label is the current one.

How strokes follow the tree: before an edit that changes label ids is announced, `carryMarks` is called with its remap. It moves
the voxels and returns a function that puts back exactly those, which the step keeps: undo calls it, redo carries again. At both
moments `tree` is already the tree to go to, and `treeChanged` has not been emitted yet, so whoever hears of a tree finds strokes
that fit it. The scribbles' side thereby keeps no history of its own for edits of the tree, and this side knows nothing of voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import slicer

from SemanticSegLib.logic.Signal import Signal
from SemanticSegLib.logic.TreeEdits import eachOf, matched, moved
from SemanticSegLib.logic.TreeHistory import EditStep, TakeBack, TreeHistory, nothingToTakeBack
from SemanticSegLib.nodes.ForeignTrees import Grouping, treeFromColors, treeFromSegmentation
from SemanticSegLib.nodes.TreeNodes import addTree, readTree, treeNodes, writeTree
from semseg_core.errors import LabelTreeError
from semseg_core.labels import edit
from semseg_core.labels.colors import Color
from semseg_core.labels.edit import Edit, Remap
from semseg_core.labels.reading import ReadTree, load_tree, save_tree
from semseg_core.labels.tree import Label, LabelTree, Terminology

if TYPE_CHECKING:
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode


class LabelsLogic:
    """Owns the tree; whoever shows or draws labels listens.

    Args:
        scene: Where the tree lives, as a text node.
        parameters: Says which text node and which label is the current one.

    Attributes:
        treeChanged: `(tree: LabelTree | None, remap: Remap | None)` after an edit, undo, redo, load, or a change of the text node
            by others. The remap says where marks of labels that vanished have gone; it is None where the tree is another one
            about which nothing is known (scene loaded or closed, text changed by others).
        currentChanged: `(labelId: int)`; 0 for none.
        visibilityChanged: `(labelIds: frozenset[int], visible: bool)`: segments of these labels should be shown or hidden.
        carryMarks: Moves marks after a remap, all ids at once (a remap may exchange two), and returns what puts them back.
            Where it puts back, a voxel painted since then keeps its paint.
        marksOf: Number of marked voxels by label id, for those that have any.
        confirmLoss: Asked before another tree is taken that has no label for so many marked voxels; False keeps the old tree.
    """

    def __init__(self, scene: slicer.vtkMRMLScene, parameters: SemanticSegParameterNode) -> None:
        self.treeChanged = Signal()
        self.currentChanged = Signal()
        self.visibilityChanged = Signal()
        self.carryMarks: Callable[[Remap], TakeBack] = lambda _remap: nothingToTakeBack
        self.marksOf: Callable[[Iterable[int]], dict[int, int]] = lambda _labelIds: {}
        self.confirmLoss: Callable[[int], bool] = lambda _voxels: True
        self.scene = scene
        self._history = TreeHistory()
        self._tree: LabelTree | None = None
        self._problem = ""
        self._node: slicer.vtkMRMLTextNode | None = None
        self._nodeObserver = 0
        self._writing = False
        self._sceneObserver = scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._onNodeRemoved)
        self.setParameters(parameters)

    def setParameters(self, parameters: SemanticSegParameterNode) -> None:
        """Take the tree that a parameter node names, else the first one in the scene; forgets what could be undone."""
        self._parameters = parameters
        if parameters.tree is None:
            parameters.tree = next(iter(treeNodes(self.scene)), None)
        self._observe(parameters.tree)
        self._read()

    def cleanup(self) -> None:
        """Stop observing the scene."""
        self._observe(None)
        self.scene.RemoveObserver(self._sceneObserver)

    # What is there

    @property
    def tree(self) -> LabelTree | None:
        """The tree; None as long as there is none, or none that can be read."""
        return self._tree

    @property
    def problem(self) -> str:
        """Why the scene's tree cannot be read, in a sentence; empty where it can."""
        return self._problem

    @property
    def currentLabelId(self) -> int:
        """The label that is painted and edited; 0 for none."""
        return self._parameters.currentLabelId

    def setCurrent(self, labelId: int) -> None:
        """Choose the label to paint and edit; 0 for none."""
        if labelId and (self._tree is None or labelId not in self._tree):
            raise LabelTreeError(f"label id {labelId}: not in the tree of the scene; choose another label")
        if labelId != self._parameters.currentLabelId:
            self._parameters.currentLabelId = labelId
            self.currentChanged.emit(labelId)

    def topmost(self, labelIds: Iterable[int]) -> tuple[int, ...]:
        """Those that lie below no other one of them, in the order of the tree."""
        tree, chosen = self._require(), set(labelIds)
        ordered = sorted(chosen, key=tree.position)
        return tuple(labelId for labelId in ordered if not any(above.id in chosen for above in tree.ancestors(labelId)))

    @property
    def hidden(self) -> frozenset[int]:
        """Ids of the labels that are hidden; of others than those in the tree as well, for they may come back by undo."""
        return frozenset(self._parameters.hiddenLabelIds)

    def setVisible(self, labelIds: Iterable[int], visible: bool) -> None:
        """Show or hide labels; only those named, so a subtree is named whole."""
        hidden = self.hidden
        changed = frozenset(labelIds) & hidden if visible else frozenset(labelIds) - hidden
        if changed:
            self._parameters.hiddenLabelIds = sorted(hidden - changed if visible else hidden | changed)
            self.visibilityChanged.emit(changed, visible)

    # Edits: each may raise LabelTreeError, and then nothing has changed

    def add(self, parentId: int, name: str, index: int | None = None) -> int:
        """Add a label under another one, at a place among its children (the last when None), and give its id."""
        labelId = self._require().next_id
        self._edit("add", name, lambda tree: edit.add(tree, parentId, name, index=index))
        return labelId

    def rename(self, labelId: int, name: str) -> None:
        """Give a label another name."""
        self._edit("rename", self._named(labelId), lambda tree: edit.rename(tree, labelId, name))

    def move(self, labelIds: Iterable[int], parentId: int, index: int | None = None) -> None:
        """Put labels, with all below them, under another parent, from a place among its present children on (last when None)."""
        labelIds = self.topmost(labelIds)
        self._edit("move", self._subject(labelIds), lambda tree: moved(tree, labelIds, parentId, index))

    def merge(self, labelIds: Iterable[int], targetId: int) -> None:
        """Put labels together into one of them, or into another one."""
        labelIds = tuple(labelIds)
        self._edit("merge", self._subject(labelIds), lambda tree: edit.merge(tree, labelIds, targetId))

    def remove(self, labelIds: Iterable[int], marksTo: Literal["parent", "discard"] | int = "parent") -> None:
        """Remove labels and all below them; their marks go to their parents, to the label named, or become unknown."""
        labelIds = self.topmost(labelIds)
        subject = self._subject(labelIds)
        self._edit("remove", subject, lambda tree: eachOf(tree, labelIds, lambda t, i: edit.remove(t, i, marksTo)))

    def recolor(self, labelIds: Iterable[int], color: Color) -> None:
        """Give labels a color."""
        labelIds = tuple(labelIds)
        subject = self._subject(labelIds)
        self._edit("recolor", subject, lambda tree: eachOf(tree, labelIds, lambda t, i: edit.recolor(t, i, color)))

    def shade(self, labelId: int, color: Color | None = None) -> None:
        """Give a label a color (its own when None) and all below it shades of that color."""
        self._edit("shade", self._named(labelId), lambda tree: edit.shade(tree, labelId, color))

    def setLength(self, labelId: int, length: float) -> None:
        """Set how far a label lies from its parent."""
        self._edit("setLength", self._named(labelId), lambda tree: edit.set_length(tree, labelId, length))

    def setValue(self, labelId: int, value: int) -> None:
        """Give a label another value in label maps."""
        self._edit("setValue", self._named(labelId), lambda tree: edit.set_value(tree, labelId, value))

    def setTerminology(self, labelId: int, terminology: Terminology | None) -> None:
        """Set what a label means in codes, or remove that."""
        self._edit("setTerminology", self._named(labelId), lambda tree: edit.set_terminology(tree, labelId, terminology))

    # Undo

    @property
    def undoable(self) -> EditStep | None:
        """The step that `undo` would take back."""
        return self._history.undoable

    @property
    def redoable(self) -> EditStep | None:
        """The step that `redo` would do again."""
        return self._history.redoable

    def undo(self) -> None:
        """Take the latest step back, strokes included; nothing happens where there is none."""
        if self._history.undoable:
            step = self._history.undo()
            self._write(step.before)
            step.takeBack()
            self._announce(step.after, Remap())

    def redo(self) -> None:
        """Do again what was undone last; nothing happens where there is nothing."""
        if self._history.redoable:
            self._do(self._history.redo())

    # Whole trees; each can be undone, and carries strokes along to labels of the same path, name or codes

    def new(self, title: str) -> None:
        """Begin a tree of nothing but a root."""
        self.replace(LabelTree((Label(id=1, name=title, value=1),), title=title))

    def load(self, source: str | Path) -> tuple[str, ...]:
        """Read a tree from a file of any known format, or a preset by name.

        Returns:
            What was assumed or repaired, in sentences for the user.

        Raises:
            InputError: If there is no such file.
            LabelTreeError: If it is no label tree.
        """
        return self._take(load_tree(source))

    def fromSegmentation(self, segmentationNode: slicer.vtkMRMLSegmentationNode, grouping: Grouping = "path") -> tuple[str, ...]:
        """Make a tree of a segmentation's segments; gives what was assumed, in sentences."""
        return self._take(treeFromSegmentation(segmentationNode, grouping))

    def fromColors(self, colorNode: slicer.vtkMRMLColorNode) -> tuple[str, ...]:
        """Make a tree of a color table; gives what was assumed, in sentences."""
        return self._take(treeFromColors(colorNode))

    def replace(self, tree: LabelTree) -> bool:
        """Take another tree; False if that was not wanted, because strokes would lose their labels."""
        if self._tree is None:
            self._begin(tree)
            return True
        remap = matched(self._tree, tree)
        lost = sum(self.marksOf([old for old, new in remap.ids.items() if new is None]).values())
        if lost and not self.confirmLoss(lost):
            return False
        self.setVisible(self.hidden, True)  # in another tree these ids mean other labels
        self._edit("replace", tree.title or tree.root.name, lambda _old: Edit(tree, remap))
        return True

    def save(self, path: str | Path) -> tuple[str, ...]:
        """Write the tree in the format of the suffix; gives what the format could not keep, in sentences."""
        return save_tree(path, self._require())

    # How

    def _take(self, read: ReadTree) -> tuple[str, ...]:
        return read.notes if self.replace(read.tree) else ()

    def _edit(self, kind: str, subject: str, change: Callable[[LabelTree], Edit]) -> None:
        before = self._require()
        after, remap = change(before)
        if after != before:
            step = EditStep(kind, subject, before, after, remap)
            self._history.record(step)  # before anybody hears of it and asks what can be undone
            self._do(step)

    def _do(self, step: EditStep) -> None:
        self._write(step.after)
        step.takeBack = self.carryMarks(step.remap) if step.remap.ids else nothingToTakeBack
        self._announce(step.before, step.remap)

    def _begin(self, tree: LabelTree) -> None:
        """The first tree of a scene; there is nothing to go back to."""
        node = addTree(self.scene, tree)
        self._parameters.tree = node
        self._observe(node)
        self._tree, self._problem = tree, ""
        self._announce(None, None)

    def _write(self, tree: LabelTree) -> None:
        self._tree = tree
        self._writing = True
        try:
            writeTree(self._node, tree)
        finally:
            self._writing = False

    def _read(self) -> None:
        """Take what the node holds; its past is not ours to undo."""
        before = self._tree
        self._history.clear()
        self._tree, self._problem = None, ""
        if self._node is not None:
            try:
                self._tree = readTree(self._node)
            except LabelTreeError as error:
                self._problem = str(error)
        self._announce(before, None)

    def _announce(self, before: LabelTree | None, remap: Remap | None) -> None:
        labelId = self._heir(self.currentLabelId, before, remap)
        hasMoved = labelId != self.currentLabelId
        self._parameters.currentLabelId = labelId  # before anybody hears of a tree that lacks the old one
        self.treeChanged.emit(self._tree, remap)
        if hasMoved:
            self.currentChanged.emit(labelId)

    def _heir(self, labelId: int, before: LabelTree | None, remap: Remap | None) -> int:
        """The label to go on with: the same, the one its marks went to, or the nearest above it that is still there."""
        if self._tree is None or labelId == 0:
            return 0
        heirs = [labelId, (remap or Remap()).ids.get(labelId)]
        if before is not None and labelId in before:
            heirs += [label.id for label in before.ancestors(labelId)]
        return next((heir for heir in heirs if heir in self._tree), 0)

    def _observe(self, node: slicer.vtkMRMLTextNode | None) -> None:
        if self._node is not None:
            self._node.RemoveObserver(self._nodeObserver)
        self._node = node
        if node is not None:
            self._nodeObserver = node.AddObserver(slicer.vtkMRMLTextNode.TextModifiedEvent, self._onTextModified)

    def _onTextModified(self, _node: object, _event: str) -> None:
        if not self._writing:
            self._read()

    def _onNodeRemoved(self, _scene: object, _event: str) -> None:
        if self._node is not None and self._node.GetScene() is None:
            self._observe(None)
            self._read()

    def _require(self) -> LabelTree:
        if self._tree is None:
            raise LabelTreeError("label tree: there is none yet; choose a preset or start an empty one")
        return self._tree

    def _named(self, labelId: int) -> str:
        return self._require()[labelId].name

    def _subject(self, labelIds: tuple[int, ...]) -> str:
        return ", ".join(self._named(labelId) for labelId in labelIds[:3]) + ("…" if len(labelIds) > 3 else "")
