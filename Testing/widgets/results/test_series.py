"""Several images in one child process, and more than fit into one."""

from __future__ import annotations

import numpy as np
import qt
from host import gestures
from widgets.training_desk import GRID

from SemanticSegLib.logic import Applying
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.job import PredictSeriesJob


def test_images_share_a_process_and_those_before_a_bad_one_are_kept(step, desk, model, monkeypatch):
    monkeypatch.setattr(Applying, "MOST_IMAGES", 2)
    jobs, start = [], desk.runner.start
    monkeypatch.setattr(desk.runner, "start", lambda job, folder: jobs.append(job) or start(job, folder))
    desk.prepare()
    desk.parameters.everything = True
    desk.store(model)
    desk.add("second", 1)
    desk.add("third", 2)
    addVolume(desk.scene, "blank", np.zeros(GRID.shape, np.int16), GRID)
    desk.settle()
    gestures.choose(step.ui.toSelector, "chosen volumes…")
    for row in range(4):
        step.ui.volumesList.item(row).setCheckState(qt.Qt.Checked)
    gestures.click(step.ui.applyButton)
    desk.wait()
    assert [len(job.series) for job in jobs] == [2, 2]
    assert {(type(job), job.everything) for job in jobs} == {(PredictSeriesJob, True)}
    applied = desk.applied[-1]
    assert (applied.kind, applied.count) == ("failed", 3)
    assert "'blank'" in applied.message
    found = desk.scene.GetNodesByClass("vtkMRMLSegmentationNode")
    results = {found.GetItemAsObject(index).GetName() for index in range(found.GetNumberOfItems())}
    assert {"second result", "third result"} <= results
    assert "blank result" not in results
