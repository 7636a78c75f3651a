"""The editor with a small tree, and strokes that only say where they are carried."""

from __future__ import annotations

import pytest
from widgets.labels_desk import Editor

from SemanticSegLib.logic.LabelsLogic import LabelsLogic
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode


@pytest.fixture
def labels(slicer_scene):
    logic = LabelsLogic(slicer_scene, SemanticSegParameterNode(slicer_scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")))
    yield logic
    logic.cleanup()


@pytest.fixture
def empty(labels):
    """The editor before there is a tree."""
    return Editor(labels)


@pytest.fixture
def brain(labels, brain_tree):
    """The editor with brain → (left → (cortex, white matter), right, fluid), all open."""
    labels.replace(brain_tree)
    editor = Editor(labels)
    editor.view.expandAll()
    return editor


@pytest.fixture
def strokes(labels):
    """Marks by label id, which follow the tree."""
    marks = {3: 120, 4: 30}
    labels.marksOf = lambda ids: {i: marks[i] for i in ids if i in marks}
    moves = []

    def carry(remap):
        moves.append(dict(remap.ids))
        return lambda: moves.append("back")

    labels.carryMarks = carry
    return moves
