"""Folders of nnU-Net v2 as start models: they answer as nnU-Net's network does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.data.volume import Volume
from semseg_core.errors import ModelError
from semseg_core.models.directory import load_model, save_model
from semseg_core.models.foreign.reading import read_start_model

VALUES = np.array([5, 1, 2, 3])
"""Values of the imported leaves by output: the root and the background get free ones."""


def own_answer(network: torch.nn.Module, image: np.ndarray, axes: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """The arg max of a network over a scaled image (D, H, W), whose axes it wants in another order, as values."""
    shown = torch.from_numpy(np.ascontiguousarray(image.transpose(axes))).float()[None, None]
    with torch.inference_mode():
        return VALUES[network(shown)[0].argmax(0).numpy().transpose(np.argsort(axes))]


@pytest.mark.parametrize("transpose", [(0, 1, 2), (2, 0, 1)])
def test_it_answers_as_the_network_in_the_folder(make_nnu_net: Callable, volume: Volume, answers: Callable, transpose) -> None:
    folder, network = make_nnu_net(transpose)
    model = read_start_model(folder)
    wanted = own_answer(network, (np.clip(volume.array[0], -200, 300) - 60) / 90, transpose)
    assert len(np.unique(wanted)) > 1
    np.testing.assert_array_equal(answers(model, volume), wanted)
    assert [leaf.name for leaf in model.card.tree.leaves] == ["background", "liver", "kidney_left", "Vertebra-C7"]
    assert model.card.channels == ("CT",)
    assert model.card.spacing_mm == (3.0, 2.0, 1.5)


def test_z_scores_and_residual_encoders_and_the_folder_above(make_nnu_net: Callable, volume: Volume, answers: Callable) -> None:
    folder, network = make_nnu_net(scheme="ZScoreNormalization", network="ResidualEncoderUNet")
    image = volume.array[0]
    wanted = own_answer(network, (image - image.mean()) / image.std())
    # Our rule limits the brightest voxels of a volume to twice its 99th percentile, of which this one has none.
    assert (answers(read_start_model(folder.parent), volume) == wanted).mean() > 0.999


@pytest.mark.parametrize("transpose", [(0, 1, 2), (1, 2, 0)])
def test_a_network_of_slices(make_nnu_net: Callable, volume: Volume, answers: Callable, transpose) -> None:
    folder, network = make_nnu_net(transpose, flat=True)
    model = read_start_model(folder)
    image = ((np.clip(volume.array[0], -200, 300) - 60) / 90).transpose(transpose)
    with torch.inference_mode():
        wanted = VALUES[network(torch.from_numpy(image.copy()).float()[:, None]).argmax(1).numpy()]
    assert len(np.unique(wanted)) > 1
    np.testing.assert_array_equal(answers(model, volume), wanted.transpose(np.argsort(transpose)))
    assert model.context.shape.plane == transpose[0]


def test_it_can_be_saved_and_loaded_as_ours(make_nnu_net: Callable, volume: Volume, answers: Callable, tmp_path: Path) -> None:
    folder, _ = make_nnu_net()
    model = read_start_model(folder)
    save_model(tmp_path / "ours", model)
    again = load_model(tmp_path / "ours")
    assert again.card == model.card
    np.testing.assert_array_equal(answers(again, volume), answers(model, volume))
    # Each weight once, though nnU-Net's blocks register theirs several times, and the head not at all.
    weights = sum(tensor.numel() for tensor in model.context.state_dict().values())
    assert weights == sum(parameter.numel() for parameter in model.context.parameters())
    assert model.network.direct.weight.shape == (4, 4)


def test_plans_of_before_version_2_4(make_nnu_net: Callable, volume: Volume, answers: Callable) -> None:
    folder, network = make_nnu_net()
    plans = json.loads((folder / "plans.json").read_text())
    configuration = plans["configurations"]["3d_fullres"]
    arguments = configuration.pop("architecture")["arch_kwargs"]
    configuration |= {
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 8,
        "n_conv_per_stage_encoder": arguments["n_conv_per_stage"],
        "n_conv_per_stage_decoder": arguments["n_conv_per_stage_decoder"],
        "num_pool_per_axis": [2, 2, 2],
        "pool_op_kernel_sizes": arguments["strides"],
        "conv_kernel_sizes": arguments["kernel_sizes"],
    }
    (folder / "plans.json").write_text(json.dumps(plans))
    wanted = own_answer(network, (np.clip(volume.array[0], -200, 300) - 60) / 90)
    np.testing.assert_array_equal(answers(read_start_model(folder), volume), wanted)


def test_what_a_configuration_takes_over_from_another(make_nnu_net: Callable) -> None:
    folder, _ = make_nnu_net()
    plans = json.loads((folder / "plans.json").read_text())
    whole = plans["configurations"].pop("3d_fullres")
    plans["configurations"] |= {"base": whole, "3d_fullres": {"inherits_from": "base", "spacing": [6.0, 4.0, 3.0]}}
    (folder / "plans.json").write_text(json.dumps(plans))
    assert read_start_model(folder).card.spacing_mm == (6.0, 4.0, 3.0)
    plans["configurations"]["base"]["inherits_from"] = "3d_fullres"
    (folder / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(ModelError, match="no sound configuration '3d_fullres'"):
        read_start_model(folder)


def test_the_ignore_label_has_no_output_and_is_told(make_nnu_net: Callable) -> None:
    labels = {"background": 0, "liver": 1, "kidney_left": 2, "Vertebra-C7": 3, "ignore": 4}
    folder, _ = make_nnu_net(dataset={"labels": labels})
    model = read_start_model(folder)
    assert len(model.card.tree.leaves) == 4
    assert model.card.training["imported"]["notes"] == ["its label 'ignore' has no output and is left out"]


def built(name: str, **changes: object) -> dict:
    """The part of a configuration that says which network to build."""
    from .conftest import PLAIN

    return {"architecture": {"network_class_name": name, "arch_kwargs": {**PLAIN, **changes}}}


NAME = "dynamic_network_architectures.architectures.unet.PlainConvUNet"


@pytest.mark.parametrize(
    ("configuration", "dataset", "message"),
    [
        (built("os.system"), {}, "network 'os.system': is none of nnU-Net's PlainConvUNet, ResidualEncoderUNet"),
        (built("evil.PlainConvUNet"), {}, "network 'evil.PlainConvUNet': is none"),
        (built(NAME, conv_op="subprocess.Popen"), {}, "conv_op 'subprocess.Popen' is none of Conv2d"),
        (built(NAME, nonlin="evil.ReLU"), {}, "nonlin 'evil.ReLU' is none"),
        (built(NAME, n_stages=2), {}, "refuses its arguments"),
        (built(NAME, features_per_stage=[8, 8, 8]), {}, "its weights do not fit its network"),
        ({"normalization_schemes": ["NoNormalization"]}, {}, "normalizes by NoNormalization, which is not supported"),
        ({"normalization_schemes": ["CTNormalization"] * 2}, {}, "normalize 2 channels, its dataset has 1"),
        ({"previous_stage": "3d_lowres"}, {}, "second stage of a cascade"),
        ({"patch_size": None}, {}, "a field of plans.json or dataset.json is missing or wrong"),
        ({}, {"labels": {"background": 0, "whole": [1, 2], "core": 2}}, "'whole' is a region of several values"),
        ({}, {"labels": {"background": 0, "a": 1, "b": 1}}, "the values of its labels repeat"),
        ({}, {"labels": {"background": 0, "liver": 1}}, "its weights do not fit its network"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(make_nnu_net: Callable, configuration, dataset, message) -> None:
    folder, _ = make_nnu_net(configuration=configuration, dataset=dataset)
    with pytest.raises(ModelError, match=message):
        read_start_model(folder)


def test_a_folder_without_weights_or_with_several_trainings(make_nnu_net: Callable) -> None:
    folder, _ = make_nnu_net()
    other = folder.parent / "nnUNetTrainer__nnUNetPlans__2d"
    other.mkdir()
    (other / "plans.json").write_text("{}")
    assert read_start_model(folder.parent).card.tree.title == "Dataset900_Abdomen"
    (folder / "fold_0" / "checkpoint_final.pth").unlink()
    with pytest.raises(ModelError, match=r"there is no fold_\*/checkpoint_final.pth"):
        read_start_model(folder.parent)
    folder.rename(folder.parent / "another")
    with pytest.raises(ModelError, match=r"holds several trainings \(another, nnUNetTrainer__nnUNetPlans__2d\)"):
        read_start_model(folder.parent)
