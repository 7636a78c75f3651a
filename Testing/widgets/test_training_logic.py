"""Training on real MRML with the real child process: what may start, what the job folder holds, how a training can end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import slicer
from widgets.training_desk import GRID, PERSON, TREE, Desk, anatomy, image, strokes

from SemanticSegLib.logic.JobFolders import JobFolders
from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode
from SemanticSegLib.logic.TrainingLogic import FINISHING, IDLE, PREPARING, TRAINING
from SemanticSegLib.nodes.SegmentationNodes import addSegmentation
from SemanticSegLib.nodes.TreeNodes import addTree
from SemanticSegLib.nodes.VolumeNodes import addVolume
from semseg_core.data.images import write_label_map, write_volume
from semseg_core.data.intensity import IntensityRule
from semseg_core.errors import InputError
from semseg_core.features.layout import feature_names
from semseg_core.job import FineTuneJob, load_job
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.shape import NetworkShape
from semseg_core.train.events import Note, Score


@pytest.fixture
def desk(slicer_scene: slicer.vtkMRMLScene, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(slicer_scene, tmp_path)
    yield made
    made.cleanup()


class NoChild:
    """Takes jobs and does nothing with them."""

    def __init__(self, desk: Desk) -> None:
        self._folders = JobFolders(desk.jobs.parent)
        self.job: FineTuneJob | None = None

    def newFolder(self):
        return self._folders.new()

    def start(self, job, folder):
        folder.writeJob(job)
        self.folder = shutil.copytree(folder.path, folder.path.parents[1] / "as it was")
        self.job = load_job(self.folder)
        raise InputError("this is as far as the test goes")


@pytest.fixture
def noChild(desk: Desk) -> NoChild:
    """A desk without child processes: a training fails when its files are written."""
    desk.training._runner = NoChild(desk)
    return desk.training._runner


# What may start


def test_what_is_missing_is_said_one_thing_after_the_other(desk):
    training, parameters = desk.training, desk.parameters
    assert training.canStart() == (False, "There are no labels yet. Choose or make them in step 1.")
    parameters.tree = addTree(desk.scene, LabelTree((Label(1, "all", 1), Label(2, "one", 2, parent=1))))
    desk.labels.setParameters(parameters)
    assert "only one label" in training.canStart()[1]
    parameters.tree = addTree(desk.scene, TREE)
    desk.labels.setParameters(parameters)
    assert training.canStart() == (False, "No volume is chosen. Choose one on top of the panel.")
    parameters.volume = addVolume(desk.scene, "T1", image(), GRID)
    assert "Nothing is drawn yet" in training.canStart()[1]
    desk.scribbles.addMarks(np.where(strokes() == 3, 3, 0))
    desk.scribbles.refresh()
    assert "Only one label is drawn" in training.canStart()[1]
    desk.scribbles.addMarks(np.where(strokes() == 4, TREE.root.id, 0))  # every voxel is part of it
    desk.scribbles.refresh()
    assert "Only one label is drawn" in training.canStart()[1]
    desk.scribbles.addMarks(strokes(), overwrite=True)
    desk.scribbles.refresh()
    assert training.canStart() == (True, "")
    for name, value, words in (
        ("loss", "cross-entropy +", "expected the name of a loss"),
        ("loss", "crossentropy", "there is none of this name"),
        ("unknownValues", "a", "expected whole numbers"),
        ("channelNames", "t1, t2", "the image has 1"),
        ("startModel", "gone", "not there any more"),
    ):
        setattr(parameters, name, value)
        assert words in training.canStart()[1]
        with pytest.raises(InputError, match=words):
            training.start()
        setattr(parameters, name, "default" if name == "loss" else "")
    assert training.state == IDLE
    assert not desk.jobs.exists() or not list(desk.jobs.iterdir())


def test_whoever_shows_it_hears_of_every_change(desk):
    heard = []
    desk.training.changed.connect(lambda: heard.append(desk.training.canStart()[0]))
    desk.prepare()
    assert heard[-1] is True
    desk.scene.RemoveNode(desk.parameters.volume)
    assert heard[-1] is False


# Cases


def test_a_dense_segmentation_serves_as_truth_and_a_volume_without_strokes_takes_no_part(desk):
    desk.prepare()
    other = addVolume(desk.scene, "other", image(1), GRID)
    dense = addSegmentation(desk.scene, "dense", anatomy(), other, TREE)
    desk.training.cases.addFromScene([other], dense)
    assert [case.image for case in desk.training.cases.all] == [PERSON, "other"]
    desk.scene.RemoveNode(desk.parameters.scribbles)
    desk.scribbles.refresh()
    assert [case.image for case in desk.training.cases.all] == ["other"]
    assert desk.training.canStart() == (True, "")
    with pytest.raises(InputError, match="in the list already"):
        desk.training.cases.addFromScene([other], dense)
    with pytest.raises(InputError, match="choose a volume and a segmentation"):
        desk.training.cases.addFromScene([None], dense)
    desk.scene.RemoveNode(dense)
    assert "no longer in the scene" in desk.training.canStart()[1]
    desk.training.cases.remove(0)
    assert desk.training.cases.added == ()


def test_cases_must_have_the_same_channels(desk):
    desk.prepare()
    second = addVolume(desk.scene, "T2", image(2), GRID)
    desk.parameters.furtherChannels = [second]
    other = addVolume(desk.scene, "other", image(1), GRID)
    desk.training.cases.addFromScene([other], addSegmentation(desk.scene, "dense", anatomy(), other, TREE))
    assert "1 and 2 channels" in desk.training.canStart()[1]
    desk.training.cases.remove(0)
    desk.parameters.channelNames = "t1, t2"
    assert desk.training.canStart() == (True, "")
    assert desk.training.channels() == ("t1", "t2")


def test_files_of_a_folder_are_cases_and_get_names_that_say_nothing(desk, noChild, tmp_path):
    folder = tmp_path / PERSON
    folder.mkdir()
    write_volume(folder / f"{PERSON}_t1.nii.gz", image(), GRID)
    write_label_map(folder / f"{PERSON}_seg.nii.gz", anatomy(), GRID)
    (folder / "left over.nrrd").write_bytes(b"")
    desk.prepare()
    notes = desk.training.cases.addFolder(folder)
    assert "left over.nrrd" in notes[0]
    assert desk.training.cases.addFolder(folder) == notes
    assert len(desk.training.cases.all) == 2
    assert desk.parameters.channelNames == "t1"
    desk.training.start()
    desk.finish()
    written = sorted(path.relative_to(noChild.folder).as_posix() for path in noChild.folder.rglob("*") if path.is_file())
    assert written == [
        "case1/image1.nrrd",
        "case1/marks.nrrd",
        "case2/image1.nii.gz",
        "case2/marks.nii.gz",
        "job.json",
        "tree.json",
    ]
    assert PERSON not in (noChild.folder / "job.json").read_text()
    (folder / f"{PERSON}_seg.nii.gz").unlink()
    assert "no longer there" in desk.training.canStart()[1]


# The job


def test_the_job_says_what_was_chosen(desk, noChild, tmp_path):
    model = tmp_path / "some model"
    model.mkdir()
    rule = IntensityRule("flair", "window", 0.0, 1.0)
    card = ModelCard(
        TREE, ("flair",), (rule,), (1.0, 1.0, 1.0), NetworkShape(len(feature_names(("0",)))), "dice", everywhere=False
    )
    (model / "model.json").write_text(json.dumps(card.to_record()))
    (model / "model.safetensors").write_bytes(b"weights")
    desk.prepare()
    desk.parameters.loss = "0.5*dice + focal"
    desk.parameters.learner = "deep"
    desk.parameters.budgetSeconds = 90.0
    desk.parameters.device = "cpu"
    desk.parameters.unknownValues = "255, 7"
    desk.parameters.startModel = str(model)
    desk.training.start()
    desk.finish()
    job = noChild.job
    assert job.config.loss == "0.5*dice + focal"
    assert (job.config.learner, job.config.budget.seconds, job.config.device) == ("deep", 90.0, "cpu")
    assert job.unknown_values == (255, 7)
    assert job.channels == ("flair",)
    assert Path(job.start, "model.safetensors").read_bytes() == b"weights"
    assert Path(job.start).parent == noChild.folder
    assert desk.results[-1].message == "this is as far as the test goes"


def test_nothing_is_left_of_a_training_that_is_refused_or_cancelled_before_it_began(desk):
    desk.prepare()
    desk.training.start()
    assert desk.training.canStart()[0] is False
    assert desk.training.state == PREPARING
    desk.training.cancel()
    assert desk.states == [PREPARING, IDLE]
    assert desk.results[-1].kind == "cancelled"
    assert list(desk.jobs.iterdir()) == []
    desk.scene.RemoveNode(desk.parameters.volume)
    with pytest.raises(InputError):
        desk.training.start()
    assert list(desk.jobs.iterdir()) == []


# The child


def test_a_training_survives_a_closed_scene_and_its_model_is_kept_and_chosen(desk):
    desk.prepare()
    desk.parameters.budgetSeconds = 12.0
    desk.training.start()
    desk.until(lambda: desk.training.state == TRAINING)
    folder = next(desk.jobs.iterdir())
    told = [path.read_text(encoding="utf-8") for path in (folder / "job.json", folder / "tree.json")]
    desk.scene.RemoveNode(desk.parameters.volume)
    desk.scene.Clear(0)
    fresh = SemanticSegParameterNode(desk.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    for logic in (desk.labels, desk.scribbles, desk.training):
        logic.setParameters(fresh)
    desk.until(lambda: bool(desk.training.run.scores))
    told.append((folder / "events.jsonl").read_text(encoding="utf-8"))
    desk.finish()
    assert desk.states == [PREPARING, TRAINING, IDLE]
    result, run = desk.results[-1], desk.training.run
    assert (result.kind, result.message) == ("done", "")
    stored = next(model for model in desk.models.list() if model.name == result.model)
    assert fresh.model == result.model
    assert result.model.startswith(f"{PERSON} {datetime.now():%H}")
    assert sorted(path.name for path in stored.folder.iterdir()) == ["model.json", "model.safetensors", "strokes.safetensors"]
    told.append((stored.folder / "model.json").read_text(encoding="utf-8"))
    assert PERSON not in "".join(told)
    assert list(desk.jobs.iterdir()) == []
    assert list(run.dice) == ["1", "leaf"]
    assert run.dice["leaf"] > 0.9
    assert run.summary["voxels"] == np.count_nonzero(strokes())


def test_a_cancelled_training_keeps_its_best_model_and_one_can_go_on_from_it(desk):
    desk.prepare()
    desk.parameters.budgetSeconds = 600.0
    desk.training.start()
    desk.until(lambda: bool(desk.training.run.losses))
    desk.training.cancel()
    assert desk.training.state == FINISHING
    desk.finish()
    assert desk.results[-1].kind == "cancelled"
    first = desk.results[-1].model
    assert desk.parameters.model == first
    desk.parameters.budgetSeconds = 1.0
    desk.training.start(startModel=first)
    desk.finish()
    assert desk.results[-1].kind == "done"
    assert desk.results[-1].model not in ("", first)
    assert desk.training.run.summary["start"] == {"kept": 3, "added": 0, "lost": 0}
    assert len(desk.models.list()) == 2


def test_a_child_that_is_killed_is_told_and_the_next_training_works(desk):
    desk.prepare()
    desk.parameters.budgetSeconds = 600.0
    desk.training.start()
    desk.until(lambda: bool(desk.training.run.log))
    os.kill(desk.training._running._process.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    desk.finish()
    result = desk.results[-1]
    assert result.kind == "crashed"
    assert result.model == ""
    assert result.message
    assert len(list(desk.jobs.iterdir())) == 1  # for a report, until the next training
    assert desk.training.canStart() == (True, "")
    desk.training.start()
    desk.training.cancel()
    assert list(desk.jobs.iterdir()) == []


def test_what_the_child_refuses_is_told_with_the_names_of_the_scene(desk):
    desk.prepare()
    flat = addVolume(desk.scene, "flat", np.full(GRID.shape, 7, dtype=np.int16), GRID)
    desk.training.cases.addFromScene([flat], addSegmentation(desk.scene, "dense", anatomy(), flat, TREE))
    desk.training.start()
    desk.finish()
    result = desk.results[-1]
    assert result.kind == "failed"
    assert result.message.startswith("image 'flat', channel")
    assert "has the value 7 everywhere" in result.message


# What is known of a run


def test_notes_speak_of_nodes_and_not_of_files(desk):
    desk.prepare()
    desk.training.start()
    run = desk.training.run
    run.take(Note(f"scribbles {run.folder / 'case1' / 'marks.nrrd'}: 3 voxels", "warning"))
    run.take(Note("list their values with --unknown-values"))
    assert run.log[-1] == "list their values with 'Unknown values'"
    run.take(Score(5, 0.5, {"leaf": 0.25, "1": 0.5}))
    assert run.warnings == [f"scribbles '{desk.parameters.scribbles.GetName()}': 3 voxels"]
    assert run.dice == {"1": 0.5, "leaf": 0.25}
    desk.training.cancel()
