"""Fixtures of the tests of step 4: a desk, the step on it, a small real model, and a result that it gave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import slicer
from widgets.results_desk import ANSWERS, MODEL, ResultsDesk, Step, train
from widgets.training_desk import TREE

from SemanticSegLib.nodes.ResultNodes import addResult
from semseg_core.data.answer_paths import AnswerPaths


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("model"))


@pytest.fixture
def desk(slicer_scene: slicer.vtkMRMLScene, tmp_path: Path) -> Iterator[ResultsDesk]:
    made = ResultsDesk(slicer_scene, tmp_path)
    yield made
    made.cleanup()


@pytest.fixture
def step(desk: ResultsDesk) -> Iterator[Step]:
    made = Step(desk)
    yield made
    made.step.cleanup()


@pytest.fixture
def applied(step: Step, model: Path) -> Step:
    """The step with what the model answered for the volume of the panel."""
    desk = step.desk
    desk.prepare()
    desk.store(model)
    paths = AnswerPaths.load(model.parent / ANSWERS, TREE)
    desk.parameters.result = addResult(desk.scene, paths, desk.parameters.volume, MODEL, TREE)
    desk.settle()
    return step
