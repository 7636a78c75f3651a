"""A model of another program as the start of ours: its labels find those of the tree, and training goes on from its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.data.cases import CaseFiles
from semseg_core.data.image_files import read_image_file
from semseg_core.data.images import write_volume
from semseg_core.data.segmentation import write_segmentation
from semseg_core.data.volume import Volume
from semseg_core.errors import ModelError
from semseg_core.infer.session import predict_files
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.models.directory import load_model
from semseg_core.models.foreign.reading import read_model_to_apply, read_start_model
from semseg_core.models.transfer import transfer
from semseg_core.train.config import Budget, TrainConfig
from semseg_core.train.events import Done, Note
from semseg_core.train.session import fine_tune_files

TREE = LabelTree(
    (
        Label(1, "abdomen", 1),
        Label(2, "LIVER", 2, parent=1),
        Label(3, "kidney-left", 3, parent=1),
        Label(4, "cortex", 4, parent=3),
        Label(5, "pelvis", 5, parent=3),
        Label(6, "vertebra c7", 6, parent=1),
        Label(7, "spleen", 7, parent=1),
    )
)


def test_labels_match_by_folded_name_and_new_leaves_start_from_their_parent(make_nnu_net: Callable) -> None:
    model = read_start_model(make_nnu_net()[0])
    network, report = transfer(model, TREE)
    assert report.kept == ("LIVER", "vertebra c7")
    assert report.added == ("cortex", "pelvis", "spleen")
    assert report.lost == ("background", "kidney_left")
    before, now = model.network.direct.weight, network.direct.weight
    assert [leaf.name for leaf in TREE.leaves] == ["LIVER", "cortex", "pelvis", "vertebra c7", "spleen"]
    assert torch.equal(now[[0, 1, 2, 3]], before[[1, 2, 2, 3]])
    assert torch.equal(network.head.bias[[0, 1, 2, 3]], model.network.head.bias[[1, 2, 2, 3]])
    torch.testing.assert_close(now[4], before.mean(dim=0))


def test_labels_match_by_code(make_nnu_net: Callable) -> None:
    """Our tree of TotalSegmentator's organs has speaking names, and its class names as codes."""
    labels = {"background": 0, "vertebrae_C7": 1, "kidney_left": 2, "gluteus_maximus_left": 3}
    model = read_start_model(make_nnu_net(dataset={"labels": labels})[0])
    tree = load_preset("ct-organs")
    network, report = transfer(model, tree)
    assert len(report.kept) == 3
    assert report.lost == ("background",)
    row = [leaf.code for leaf in tree.leaves].index("vertebrae_C7")
    assert torch.equal(network.direct.weight[row], model.network.direct.weight[1])


def test_ids_that_agree_by_chance_match_nothing(make_nnu_net: Callable) -> None:
    model = read_start_model(make_nnu_net()[0])
    names = ["Dataset900_Abdomen", "background", "liver", "kidney_left", "lung"]  # the last has the place of the vertebra
    labels = tuple(Label(place, name, place, parent=None if place == 1 else 1) for place, name in enumerate(names, start=1))
    _, report = transfer(model, LabelTree(labels))
    assert report.kept == ("background", "liver", "kidney_left")
    assert report.lost == ("Vertebra-C7",)


def test_training_starts_from_its_answers(make_nnu_net: Callable, volume: Volume, tmp_path: Path) -> None:
    folder, _ = make_nnu_net()
    image, scribbles, result = (tmp_path / name for name in ("ct.nii.gz", "scribbles.nii.gz", "result.nii.gz"))
    write_volume(image, volume.array[0], volume.grid, "CT")
    predict_files(folder, [str(image)], tmp_path / "foreign.nii.gz", lambda event: None, bool)
    foreign = read_image_file(tmp_path / "foreign.nii.gz", "result").frames[0].astype(int)
    # Liver and vertebra as the foreign network sees them, its kidney split in two, which it cannot know.
    wanted = np.select([foreign == 1, foreign == 3, foreign == 2], [2, 6, 4], 0)
    wanted[:8][wanted[:8] == 4] = 5
    shown = np.where(np.random.default_rng(0).random(wanted.shape) < 0.1, wanted, 0)
    write_segmentation(scribbles, shown.astype(np.int32), volume.grid, TREE)
    events = []
    config = TrainConfig(budget=Budget(steps=40), device="cpu", variants=0)
    case = CaseFiles((str(image),), str(scribbles))
    fine_tune_files(TREE, [case], tmp_path / "model", config, events.append, bool, start=folder)
    assert any(isinstance(event, Note) and event.message.startswith("2 leaves taken over") for event in events)
    assert isinstance(events[-1], Done)
    model = load_model(tmp_path / "model")
    assert model.context.shape.kind == "nnU-Net"
    assert model.network.is_scaled
    assert torch.equal(model.network.direct.weight[0], read_start_model(folder).network.direct.weight[1])
    predict_files(tmp_path / "model", [str(image)], result, lambda event: None, bool)
    found = read_image_file(result, "result").frames[0].astype(int)
    agreeing = (found == wanted)[(wanted != 0) & (shown == 0)]
    assert agreeing.mean() > 0.8


def test_what_is_no_model_is_told_so(tmp_path: Path, make_nnu_net: Callable, brain_tree: LabelTree) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"empty: holds no model: neither model.json of SemanticSeg, nor a MONAI bundle"):
        read_start_model(tmp_path / "empty")
    with pytest.raises(ModelError, match="there is no such folder"):
        read_model_to_apply(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="no leaf of its tree 'Dataset900_Abdomen' is in"):
        transfer(read_start_model(make_nnu_net()[0]), replace(brain_tree, title="brain"))
