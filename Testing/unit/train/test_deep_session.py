"""The deep learner from files to a model, on a single slice of 60 channels."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
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
from semseg_core.models.model import Model
from semseg_core.train import joint, loop, session
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Done, Event, Kept, Note, Progress, Score, Stage
from semseg_core.train.session import fine_tune_files

BANDS = tuple(f"band{number}" for number in range(60))
SIZE = 32
CONFIG = TrainConfig(budget=Budget(steps=40), batch_size=64, variants=0, learner="deep", device="cpu")
LEAVES = (3, 4, 6, 7)
JOINT, FEATURES = "Training the context network", "Computing the context network's features"
LAST = "Training on its features"
COMPARED = ("steps", "joint_steps", "planned_steps", "held_back_dice", "min_confidence")


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


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """One patch in each step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joint, "FLAT_PATCHES", 1)
        yield


Tune = Callable[..., list[Event]]


@pytest.fixture(scope="module")
def tune(cube: Cube) -> Tune:
    """Fine-tune on the cube and return the events; `cancel` is a stage and the number of questions in it that are answered no."""

    def run(
        folder: Path, config: TrainConfig = CONFIG, cancel: tuple[str, int] | None = None, **options: object
    ) -> list[Event]:
        events: list[Event] = []
        asked = [0]

        def cancelled() -> bool:
            asked[0] += cancel is not None and Stage(cancel[0]) in events
            return cancel is not None and asked[0] > cancel[1]

        try:
            fine_tune_files(cube.tree, [cube.case], folder, config, events.append, cancelled, BANDS, **options)
        except CancelledError:
            assert cancel is not None
        return events

    return run


def test_a_single_slice_of_many_channels_is_learned_and_labelled(
    tune: Tune, cube: Cube, tmp_path: Path, in_process: Callable
) -> None:
    events = tune(tmp_path / "model")
    stages = [event.message for event in events if isinstance(event, Stage)]
    assert stages[-3:] == [JOINT, FEATURES, LAST]
    assert sum(isinstance(event, Score) for event in events) > 3
    assert all(0.0 <= event.fraction <= 1.0 for event in events if isinstance(event, Progress))
    summary = events[-1].summary
    assert isinstance(events[-1], Done)
    assert summary["joint_steps"] == 22  # of 40 steps, after 12 and before 6 of the point network alone
    assert summary["steps"] == summary["planned_steps"] == 40
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


SHORT = dataclasses.replace(CONFIG, budget=Budget(steps=16))
STOPS = {
    "before the joint phase": ((JOINT, 0), 5, 0),
    "while the networks are scored": ((JOINT, 4), 8, 3),
    "in the joint phase": ((JOINT, 6), 9, 4),
    "while the joint phase is scored at its end": ((JOINT, 14), 14, 9),
    "while features are computed": ((FEATURES, 0), 14, 9),
    "in the last phase": ((LAST, 1), 15, 9),
}
"""Where a run of 5, 9 and 2 steps is cancelled, and its steps then: over all phases, and of the joint phase."""


@pytest.fixture(scope="module")
def whole(tune: Tune, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], Model]:
    """A short run that nobody cancels."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    return tune(folder, SHORT), load_model(folder)


@pytest.mark.parametrize("where", STOPS)
def test_wherever_it_is_cancelled_it_keeps_a_model_and_goes_on_from_there(
    tune: Tune, whole: tuple[list[Event], Model], tmp_path: Path, where: str
) -> None:
    cancel, steps, joint_steps = STOPS[where]
    events = tune(tmp_path / "model", SHORT, cancel)
    assert isinstance(events[-1], Kept)
    kept = events[-1].summary
    assert (kept["steps"], kept["joint_steps"], kept["cancelled"]) == (steps, joint_steps, True)
    assert load_model(tmp_path / "model").context is not None
    resumed = tune(tmp_path / "model", SHORT, resume=True)
    assert Note(f"resumed after step {min(steps, 14)}") in resumed  # the last phase is repeated
    assert isinstance(resumed[-1], Done)
    done, undisturbed = resumed[-1].summary, whole[0][-1].summary
    assert [done[name] for name in COMPARED] == [undisturbed[name] for name in COMPARED]
    first, second = whole[1], load_model(tmp_path / "model")
    for one, other in ((first.network, second.network), (first.context, second.context)):
        pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        assert all((left == right).all() for left, right in pairs)


@pytest.mark.parametrize(("learner", "steps"), [("quick", (40, 0)), ("deep", (40, 22))])
def test_resumed_in_seconds_it_has_the_time_that_was_left(
    cube: Cube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learner: str, steps: tuple[int, int]
) -> None:
    now = [0.0]

    def lasting(seconds: float, call: Callable) -> Callable:
        def timed(*arguments: object) -> object:
            now[0] += seconds
            return call(*arguments)

        return timed

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(session, "_rows", lasting(200.0, session._rows))
    for module, name in ((loop, "take_step"), (joint, "joint_step")):
        monkeypatch.setattr(module, name, lasting(10.0, getattr(module, name)))
    # Of 400 s after reading and describing, the deep learner gives 120 s, 220 s and 60 s to its phases.
    config = dataclasses.replace(CONFIG, learner=learner, budget=Budget(seconds=600.0), precision="float32")
    events: list[Event] = []
    with pytest.raises(CancelledError):
        fine_tune_files(
            cube.tree, [cube.case], tmp_path / "model", config, events.append, lambda: now[0] >= 430.0, BANDS
        )
    assert (events[-1].summary["steps"], events[-1].summary["seconds"]) == (23, 430.0)
    now[0] = 5000.0
    fine_tune_files(cube.tree, [cube.case], tmp_path / "model", config, events.append, bool, BANDS, resume=True)
    done = events[-1].summary
    assert ((done["steps"], done["joint_steps"]), done["seconds"]) == (steps, 600.0)
    assert now[0] == 5000.0 + 200.0 + 170.0


def test_resuming_the_deep_learner_needs_its_own_checkpoint(tune: Tune, tmp_path: Path) -> None:
    quick = dataclasses.replace(CONFIG, learner="quick", budget=Budget(steps=5))
    tune(tmp_path / "model", quick)
    with pytest.raises(ModelError, match="without --resume"):
        tune(tmp_path / "model", resume=True)


def test_it_goes_on_from_a_model_of_the_quick_learner(tune: Tune, tmp_path: Path) -> None:
    tune(tmp_path / "quick", dataclasses.replace(CONFIG, learner="quick", budget=Budget(steps=60)))
    events = tune(tmp_path / "deep", dataclasses.replace(CONFIG, budget=Budget(steps=4)), start=tmp_path / "quick")
    scores = [event for event in events if isinstance(event, Score)]
    assert scores[0].dice["leaf"] > 0.8  # after one step
    model = load_model(tmp_path / "deep")
    assert model.card.context is not None
    assert model.card.network.inputs == model.card.feature_count
