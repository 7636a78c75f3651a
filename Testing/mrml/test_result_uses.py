"""What a result is good for: scribbles made from it, volumes, DICOM, and how a model finds its channels."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from mrml.result_bench import CORTEX, FLUID, LEFT, SHAPE, Bench, paths_on

from SemanticSegLib.logic.ApplyTargets import matchChannels
from SemanticSegLib.logic.Measurements import labelVolumes
from SemanticSegLib.nodes.DicomReadiness import exportProblems, labelsWithoutCodes
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.data.answer_paths import AnswerPaths
from semseg_core.errors import InputError
from semseg_core.geometry import Grid
from semseg_core.labels.tree import Code, Label, LabelTree, Terminology


def drawn(bench: Bench) -> np.ndarray:
    marks = bench.scribbles.marks().marks
    array = np.zeros(marks.grid.shape, dtype=np.int32)
    array[tuple(marks.indices.T)] = marks.label_ids
    return array


def test_accepted_labels_become_scribbles_and_never_change_strokes(plain_bench, brain_tree):
    plain_bench.show(paths_on(plain_bench.volume, brain_tree))
    stroke = np.zeros(SHAPE, dtype=np.int32)
    stroke[0, 0, :5] = FLUID
    plain_bench.scribbles.addMarks(stroke)
    assert plain_bench.shown.acceptAsScribbles([LEFT]) == 4 * 11 * 13 - 5
    found = drawn(plain_bench)
    assert (found[0, 0, :5] == FLUID).all()
    assert (found[1:4] == CORTEX).all()
    assert not found[4:].any()


def test_only_certain_answers_and_only_a_region_are_accepted(plain_bench, brain_tree):
    paths = paths_on(plain_bench.volume, brain_tree)
    paths.leaves[5] = 0  # parts the fluid in two regions
    paths.shares[:, 6, 0, 0] = 190
    plain_bench.show(paths)
    assert plain_bench.shown.acceptAsScribbles([brain_tree.root.id], minConfidence=0.9) == 1
    assert plain_bench.shown.acceptAsScribbles([FLUID], point=(0.0, 0.0, 4.0)) == 11 * 13
    assert sorted(np.unique(drawn(plain_bench)[6]).tolist()) == [0, FLUID]
    with pytest.raises(InputError, match="that certain"):
        plain_bench.shown.acceptAsScribbles([CORTEX], minConfidence=0.8)
    with pytest.raises(InputError, match="that certain"):
        plain_bench.shown.acceptAsScribbles([FLUID], point=(0.0, 0.0, 99.0))


def test_without_a_result_of_the_chosen_volume_nothing_is_accepted(plain_bench, brain_tree):
    with pytest.raises(InputError, match="no result of the chosen volume"):
        plain_bench.shown.acceptAsScribbles([CORTEX])
    plain_bench.show(paths_on(plain_bench.volume, brain_tree))
    plain_bench.parameters.volume = addVolume(plain_bench.scene, "MR", np.zeros(SHAPE, dtype=np.float32), Grid(SHAPE, np.eye(4)))
    with pytest.raises(InputError, match="no result of the chosen volume"):
        plain_bench.shown.acceptAsScribbles([CORTEX])


# Numbers


def test_volumes_add_up_along_the_tree(brain_tree):
    volumes = {item.name: item for item in labelVolumes(brain_tree, {CORTEX: 10, LEFT: 5, FLUID: 1}, 0.002)}
    assert {name: item.voxels for name, item in volumes.items()} == {"brain": 16, "left": 15, "cortex": 10, "fluid": 1}
    assert volumes["left"].milliliters == pytest.approx(0.03)
    assert (volumes["cortex"].level, volumes["cortex"].path) == (2, "/brain/left/cortex")


# DICOM


def test_labels_without_codes_are_told_and_still_valid_for_dicom(plain_bench):
    liver = Terminology(Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "10200004", "Liver"))
    tree = LabelTree((Label(1, "body", 1), Label(2, "liver", 2, parent=1, terminology=liver), Label(3, "rest", 3, parent=1)))
    plain_bench.labels.replace(tree)
    leaves = np.ones(SHAPE, dtype=np.uint8)
    leaves[4:] = 2
    paths = AnswerPaths(tree, Grid(SHAPE, np.eye(4)), leaves, np.full((1, *SHAPE), 200, dtype=np.uint8))
    node = plain_bench.show(paths)
    assert labelsWithoutCodes(node) == ("rest",)
    assert exportProblems(node) == ()
    assert plain_bench.shown.dicomNotes() == (
        "DICOM: labels without codes would be called tissue (1: rest); choose their terminology in step 1.",
    )
    segment = node.GetSegmentation().GetSegment("SemanticSeg_3")
    segment.RemoveTag("TerminologyEntry")
    node.GetSegmentation().GetSegment("SemanticSeg_2").SetTag("DICOM.SegmentAlgorithmName", "")
    assert [text.split(":")[0] for text in exportProblems(node)] == ["segment 'liver'", "segment 'rest'"]


# Channels


def test_volumes_are_matched_to_channels_by_name(scene):
    def volume(name: str) -> slicer.vtkMRMLScalarVolumeNode:
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetName(name)
        return node

    t1, flair, other = volume("case 7 T1"), volume("case-7_FLAIR"), volume("T10")
    assert matchChannels(("FLAIR", "T1"), (t1, flair, other)) == (flair, t1)
    assert matchChannels(("anything",), (other,)) == (other,)
    assert matchChannels(("image1", "image2"), (flair, t1)) == (flair, t1), "never named: in their order"
    assert matchChannels(("a", "b"), (flair, t1), ("b", "a")) == (t1, flair), "named by the user"
    with pytest.raises(
        InputError, match="channel 'T2' is missing: the model takes T1, T2, chosen are 'case 7 T1', 'case-7_FLAIR'"
    ):
        matchChannels(("T1", "T2"), (t1, flair))
    with pytest.raises(InputError, match="channel 'T1' fits several volumes"):
        matchChannels(("T1", "FLAIR"), (t1, volume("T1 again"), flair))
    with pytest.raises(InputError, match="no volume is chosen"):
        matchChannels(("T1",), ())
