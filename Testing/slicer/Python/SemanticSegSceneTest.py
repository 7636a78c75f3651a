"""Labels, strokes and choices live in the scene: what is done in the panel is there, and it survives a file."""

import numpy as np
import slicer
import slicer.util
from SemanticSegTestCase import SemanticSegTestCase, tag

CHOICES = {
    "brushDiameterMm": 7.5,
    "brushSphere": True,
    "hiddenLabelIds": [7, 9],
    "channelNames": "t1, flair",
    "loss": "cross-entropy + 0.3*tree-cross-entropy",
    "budgetSeconds": 33.0,
    "certainty": 0.65,
    "level": "2",
    "fileCases": [["one/t1.nii.gz", "one/marks.nii.gz"]],
    "allFrames": True,
}


class SemanticSegSceneTest(SemanticSegTestCase):
    """What a scene holds."""

    def test_a_label_is_added_to_a_preset(self):
        labels = self.logic.labels
        labels.load("head-tissue")
        brain = labels.tree.find("brain")
        tumor = labels.add(brain.id, "tumor")
        self.assertEqual(labels.tree.path(tumor), "/head/intracranial/brain/tumor")
        self.assertIn("tumor", self.logic.parameters.tree.GetText())
        labels.undo()
        self.assertNotIn(tumor, labels.tree)
        labels.redo()
        self.assertIn(tumor, labels.tree)

    def test_strokes_are_counted_for_structures_and_for_groups(self):
        self.addHead()
        labels, scribbles = self.logic.labels, self.logic.scribbles
        labels.load("head-tissue")
        skull, brain = labels.tree.find("skull").id, labels.tree.find("brain").id
        strokes = np.zeros((16, 30, 24), dtype=np.int32)
        strokes[4, 5, 2:12], strokes[8, 5:25, 6] = skull, brain
        self.assertEqual(scribbles.addMarks(strokes), 30)
        scribbles.refresh()
        self.assertEqual(scribbles.counts, {skull: 10, brain: 20})

    def test_voxels_that_others_write_into_a_segment_are_strokes(self):
        volume = self.addHead()
        dark, _bright = self.addHalves()
        labels, scribbles = self.logic.labels, self.logic.scribbles
        labels.setCurrent(dark)
        segmentId = scribbles.segmentFor(dark)
        drawn = np.zeros((16, 30, 24), dtype=np.uint8)
        drawn[3, 4, 2:9] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, scribbles.node, segmentId, volume)
        self.until(lambda: scribbles.counts == {dark: 7}, "the strokes are counted by themselves", 10)
        segment = scribbles.node.GetSegmentation().GetSegment(segmentId)
        self.assertEqual((segment.GetName(), tag(segment, "SemanticSeg.LabelId")), ("dark", str(dark)))

    def test_removing_a_label_gives_its_strokes_to_the_group_and_undo_gives_them_back(self):
        self.addHead()
        dark, bright = self.addHalves()
        self.scribble(dark, bright)
        before = dict(self.logic.scribbles.counts)
        labels = self.logic.labels
        root = labels.tree.root.id
        labels.remove([dark])
        self.logic.scribbles.refresh()
        self.assertEqual(self.logic.scribbles.counts, {root: before[dark], bright: before[bright]})
        labels.undo()
        self.logic.scribbles.refresh()
        self.assertEqual(self.logic.scribbles.counts, before)

    def test_a_scene_that_is_saved_and_loaded_has_the_same_labels_strokes_and_choices(self):
        self.addHead()
        dark, bright = self.addHalves()
        self.scribble(dark, bright)
        self.choose(CHOICES)
        self.logic.labels.setCurrent(bright)
        tree, counts, marks = self.logic.labels.tree, dict(self.logic.scribbles.counts), self.logic.scribbles.marks().marks
        self.saveAndLoad()
        self.assertEqual(self.logic.labels.tree, tree)
        self.assertEqual(self.logic.labels.currentLabelId, bright)
        self.logic.scribbles.refresh()
        self.assertEqual(self.logic.scribbles.counts, counts)
        loaded = self.logic.scribbles.marks().marks
        self.assertTrue(np.array_equal(placed(loaded), placed(marks)))
        self.assertEqual(self.chosen(), CHOICES)
        self.assertEqual(self.logic.parameters.volume.GetName(), "Head")

    def test_a_segment_renamed_elsewhere_is_still_known_after_loading(self):
        self.addHead()
        dark, bright = self.addHalves()
        self.scribble(dark, bright)
        segmentation = self.logic.scribbles.node.GetSegmentation()
        segmentation.GetSegment(self.logic.scribbles.segmentFor(dark)).SetName("Segment_1")
        self.saveAndLoad()
        self.logic.scribbles.refresh()
        self.assertEqual(set(self.logic.scribbles.counts), {dark, bright})
        segment = self.logic.scribbles.node.GetSegmentation().GetSegment(self.logic.scribbles.segmentFor(dark))
        self.assertEqual(segment.GetName(), "dark")

    def test_choices_go_through_the_parameter_node_and_impossible_ones_are_refused(self):
        from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode

        self.choose(CHOICES)
        again = SemanticSegParameterNode(self.logic.parameters.parameterNode)
        self.assertEqual({name: getattr(again, name) for name in CHOICES}, CHOICES)
        for name, value in (("certainty", 1.5), ("brushDiameterMm", 0.0), ("budgetSeconds", 0.0)):
            with self.assertRaises(ValueError):
                setattr(again, name, value)
        self.assertEqual({name: getattr(again, name) for name in CHOICES}, CHOICES)

    def choose(self, choices):
        for name, value in choices.items():
            setattr(self.logic.parameters, name, value)

    def chosen(self):
        return {name: getattr(self.logic.parameters, name) for name in CHOICES}

    def saveAndLoad(self):
        path = str(self.folder / "scène 測試.mrb")
        self.assertTrue(slicer.mrmlScene.WriteToMRB(path))
        slicer.mrmlScene.Clear(False)
        self.assertIsNone(self.logic.labels.tree)
        self.assertTrue(slicer.mrmlScene.ReadFromMRB(path, True))


def placed(marks):
    """Marks with their places in the world, sorted: the same whichever way the axes run."""
    rows = np.column_stack([np.round(marks.grid.index_to_ras(marks.indices), 3) + 0.0, marks.label_ids])
    return rows[np.lexsort(rows.T)]
