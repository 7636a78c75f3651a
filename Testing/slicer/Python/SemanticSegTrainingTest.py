"""Training and applying in the real child process, for seconds; skipped where PyTorch is not installed."""

import numpy as np
import slicer
import slicer.util
from SemanticSegTestCase import SemanticSegTestCase, tag


class SemanticSegTrainingTest(SemanticSegTestCase):
    """What needs PyTorch."""

    def setUp(self):
        super().setUp()
        usable, reason = self.logic.dependencies.usable()
        if not usable:
            self.skipTest(f"{reason} (With --testing Slicer installs nothing.)")
        self.volume = self.addHead()
        self.dark, self.bright = self.addHalves()
        self.strokes = self.scribble(self.dark, self.bright)
        self.logic.parameters.budgetSeconds = 6.0  # a computer that is busy makes few steps in less
        self.logic.parameters.device = "cpu"

    def train(self):
        self.logic.training.start()
        self.until(lambda: self.logic.training.state == "idle", "the end of the training")
        return self.logic.training.result

    def test_what_is_scribbled_is_learned_and_applied_to_every_voxel(self):
        result = self.train()
        self.assertEqual((result.kind, result.message), ("done", ""))
        self.assertEqual([model.name for model in self.logic.models.list()], [result.model])
        self.assertEqual(self.logic.parameters.model, result.model)

        ended = []
        self.logic.results.finished.connect(ended.append)
        self.logic.results.apply()
        self.until(lambda: ended, "the end of applying")
        self.logic.results.finished.disconnect(ended.append)
        self.assertEqual((ended[0].kind, ended[0].message), ("done", ""))

        found = self.logic.parameters.result
        self.assertIsNot(found, self.logic.scribbles.node, "results never go where strokes are")
        self.logic.scribbles.refresh()
        self.assertEqual(sum(self.logic.scribbles.counts.values()), np.count_nonzero(self.strokes))
        truth = np.where(np.arange(24) < 12, self.dark, self.bright) * np.ones((16, 30, 1), dtype=np.int32)
        right = 0
        for index in range(found.GetSegmentation().GetNumberOfSegments()):
            segment = found.GetSegmentation().GetNthSegment(index)
            self.assertEqual(tag(segment, "DICOM.SegmentAlgorithmType"), "AUTOMATIC")
            voxels = slicer.util.arrayFromSegmentBinaryLabelmap(
                found, found.GetSegmentation().GetNthSegmentID(index), self.volume
            )
            right += np.count_nonzero((voxels > 0) & (truth == int(tag(segment, "SemanticSeg.LabelId"))))
        self.assertGreater(right, 0.8 * truth.size)

    def test_cancel_ends_the_child_and_closing_the_scene_leaves_the_next_one_alone(self):
        self.logic.parameters.budgetSeconds = 600.0
        training = self.logic.training
        training.start()
        self.until(lambda: training.state == "training", "the child has been started", 30)
        training.cancel()
        self.until(lambda: training.state == "idle", "the end after Cancel", 30)
        self.assertEqual(training.result.kind, "cancelled")

        self.logic.parameters.budgetSeconds = 1.0
        training.start()
        slicer.mrmlScene.Clear(False)
        self.until(lambda: training.state == "idle", "the end of the training")
        self.assertEqual((training.result.kind, training.result.message), ("done", ""))
