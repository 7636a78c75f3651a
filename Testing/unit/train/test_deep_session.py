"""The deep learner from files to a model, on a single slice of 60 channels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from semseg_core.data.cases import CaseFiles
from semseg_core.data.images import read_label_map, write_label_map
from semseg_core.errors import CancelledError, ModelError
from semseg_core.geometry import Grid
from semseg_core.labels.reading import load_tree
from semseg_core.labels.tree import LabelTree
from semseg_core.models.directory import CHECKPOINT, load_model
from semseg_core.train import joint
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Done, Event, Kept, Note, Progress, Score, Stage
from semseg_core.train.session import fine_tune_files

BANDS = tuple(f"band{number}" for number in range(60))
SIZE = 32
CONFIG = TrainConfig(budget=Budget(steps=40), batch_size=64, variants=0, learner="deep", device="cpu")
LEAVES = (3, 4, 6, 7)


@dataclass(frozen=True)
class Cube:
    """Files of a synthetic hyperspectral image: four leaves in four quarters, each with its own spectrum, and noise."""

    image: Path
    case: CaseFiles
    tree: LabelTree
    truth: np.ndarray


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory, phantom_files) -> Cube:
    """The image, and marks on a fifth of its voxels."""
    folder = tmp_path_factory.mktemp("cube")
    rng = np.random.default_rng(0)
    j, i = np.indices((SIZE, SIZE)) * 2 // SIZE
    which = j * 2 + i
    spectra = 0.5 + 0.2 * np.cumsum(rng.normal(size=(4, len(BANDS))), axis=1) / np.sqrt(len(BANDS))
    image = SimpleITK.GetImageFromArray(
        (spectra[which] + rng.normal(0.0, 0.1, (SIZE, SIZE, len(BANDS)))).astype(np.float32)[None], isVector=True
    )
    SimpleITK.WriteImage(image, str(folder / "cube.nrrd"))
    tree = load_tree(phantom_files.tree).tree
    truth = np.array([tree[label_id].value for label_id in LEAVES])[which][None].astype(np.int32)
    marks = np.where(rng.random(truth.shape) < 0.2, truth, 0).astype(np.int32)
    write_label_map(folder / "marks.nrrd", marks, Grid(truth.shape, np.diag([-1.0, -1.0, 1.0, 1.0])))
    return Cube(folder / "cube.nrrd", CaseFiles((str(folder / "cube.nrrd"),), str(folder / "marks.nrrd")), tree, truth)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One patch in each step."""
    monkeypatch.setattr(joint, "FLAT_PATCHES", 1)


Tune = Callable[..., list[Event]]


@pytest.fixture
def tune(cube: Cube) -> Tune:
    """Fine-tune on the cube and return the events; `cancel_in` cancels after so many questions in the joint phase."""

    def run(folder: Path, config: TrainConfig = CONFIG, cancel_in: int | None = None, **options: object) -> list[Event]:
        events: list[Event] = []
        asked = [0]

        def cancelled() -> bool:
            in_joint = Stage("Training the context network") in events
            asked[0] += in_joint
            return cancel_in is not None and asked[0] > cancel_in

        try:
            fine_tune_files(cube.tree, [cube.case], folder, config, events.append, cancelled, BANDS, **options)
        except CancelledError:
            assert cancel_in is not None
        return events

    return run


def test_a_single_slice_of_many_channels_is_learned_and_labelled(
    tune: Tune, cube: Cube, tmp_path: Path, in_process: Callable
) -> None:
    events = tune(tmp_path / "model")
    stages = [event.message for event in events if isinstance(event, Stage)]
    assert stages[-3:] == ["Training the context network", "Computing the context network's features", "Training on its features"]
    assert sum(isinstance(event, Score) for event in events) > 3
    assert all(0.0 <= event.fraction <= 1.0 for event in events if isinstance(event, Progress))
    summary = events[-1].summary
    assert isinstance(events[-1], Done)
    assert summary["joint_steps"] == 22  # of 40 steps, after 12 and before 6 of the point network alone
    assert summary["options"]["learner"] == "deep"
    assert summary["held_back_dice"]["leaf"] > 0.6
    assert 0.0 < summary["min_confidence"]["leaf"] <= 1.0
    model = load_model(tmp_path / "model")
    assert model.card.context.plane == 0
    assert model.card.context.maps == 60
    assert model.card.context.spacing_mm == model.card.spacing_mm
    result = tmp_path / "result.nrrd"
    code, _, error = in_process("predict", tmp_path / "model", cube.image, "-o", result)
    assert code == 0, error
    values = read_label_map(result).array.reshape(cube.truth.shape)
    assert (values == cube.truth).mean() > 0.95
    assert not (tmp_path / "model" / CHECKPOINT).exists()


def test_cancelled_in_the_joint_phase_it_keeps_a_model_and_goes_on_from_there(tune: Tune, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, budget=Budget(steps=16))
    whole = tune(tmp_path / "whole", config)
    events = tune(tmp_path / "part", config, cancel_in=4)
    assert isinstance(events[-1], Kept)
    assert events[-1].summary["joint_steps"] == 4
    assert load_model(tmp_path / "part").context is not None
    resumed = tune(tmp_path / "part", config, resume=True)
    assert Note("resumed after step 4") in resumed
    assert isinstance(resumed[-1], Done)
    first, second = (load_model(tmp_path / name) for name in ("whole", "part"))
    for one, other in ((first.network, second.network), (first.context, second.context)):
        pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        assert all((left == right).all() for left, right in pairs)
    assert whole[-1].summary["held_back_dice"] == resumed[-1].summary["held_back_dice"]


def test_resuming_the_deep_learner_needs_its_own_checkpoint(tune: Tune, tmp_path: Path) -> None:
    quick = dataclasses.replace(CONFIG, learner="quick", budget=Budget(steps=5))
    tune(tmp_path / "model", quick)
    with pytest.raises(ModelError, match="without --resume"):
        tune(tmp_path / "model", resume=True)


def test_it_goes_on_from_a_model_of_the_quick_learner(tune: Tune, tmp_path: Path) -> None:
    tune(tmp_path / "quick", dataclasses.replace(CONFIG, learner="quick", budget=Budget(steps=30)))
    events = tune(tmp_path / "deep", dataclasses.replace(CONFIG, budget=Budget(steps=4)), start=tmp_path / "quick")
    scores = [event for event in events if isinstance(event, Score)]
    assert scores[0].dice["leaf"] > 0.8  # after one step
    model = load_model(tmp_path / "deep")
    assert model.card.context is not None
    assert model.card.network.inputs == model.card.feature_count
