"""MONAI bundles as start models: read as data, they answer as the network in them does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.data.volume import Volume
from semseg_core.errors import ModelError
from semseg_core.geometry import Grid
from semseg_core.models.directory import load_model, save_model
from semseg_core.models.foreign.bodies import monai_network
from semseg_core.models.foreign.bundle_config import BundleConfig
from semseg_core.models.foreign.reading import read_start_model

VALUES = np.array([4, 1, 2])
"""Values of the imported leaves by output: the root has 3, the background the next."""


def own_answer(network: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """The arg max over a scaled image (D, H, W), which MONAI's transforms hand over as (X, Y, Z), as values."""
    shown = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 1, 0))).float()[None, None]
    with torch.inference_mode():
        answer = network(shown)
    answer = answer[0] if isinstance(answer, list | tuple) else answer
    return VALUES[answer[0].argmax(0).numpy().transpose(2, 1, 0)]


def windowed(volume: Volume) -> np.ndarray:
    return (np.clip(volume.array[0], -200, 300) + 200) / 500


def changed(folder: Path, name: str, **fields: object) -> None:
    path = folder / "configs" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


DIMENSIONS, WIDTHS = {"spatial_dims": 3}, {"filters": [4, 4, 4]}

NETWORKS = [
    ("SegResNet", None, 8),
    ("SegResNetDS", {"init_filters": 8, "blocks_down": [1, 1], "dsdepth": 2}, 8),
    ("BasicUNet", {"features": [4, 4, 8, 8, 8, 4]}, 4),
    ("DynUNet", {**DIMENSIONS, "kernel_size": [3] * 3, "strides": [1, 2, 1], "upsample_kernel_size": [2, 1], **WIDTHS}, 4),
    ("AttentionUnet", {**DIMENSIONS, "channels": [4, 8], "strides": [2]}, 4),
    # The last convolution stands in a residual unit beside another way to the outputs, which then are the features.
    ("UNet", {**DIMENSIONS, "channels": [4, 8, 8], "strides": [2, 2], "num_res_units": 1, "norm": "batch"}, 3),
]


@pytest.mark.parametrize(("network", "arguments", "features"), NETWORKS, ids=[name for name, _, _ in NETWORKS])
def test_it_answers_as_the_network_in_the_bundle(make_bundle, volume, answers, tmp_path, network, arguments, features) -> None:
    if network == "BasicUNet":  # it halves its image four times
        volume = Volume(np.tile(volume.array, (1, 1, 2, 2))[:, :, :32, :32], Grid((16, 32, 32), volume.grid.ijk_to_ras), ("CT",))
    inferer = {"inferer": {"roi_size": list(volume.grid.shape[::-1])}}
    folder, built = make_bundle(network, arguments, inferer)
    model = read_start_model(folder)
    assert model.context.shape.features == features
    wanted = own_answer(built, windowed(volume))
    assert len(np.unique(wanted)) > 1
    # Logits of random networks are close together; a few voxels are decided by the last bit.
    assert (answers(model, volume) == wanted).mean() > 0.999
    save_model(tmp_path / "ours", model)
    np.testing.assert_array_equal(answers(load_model(tmp_path / "ours"), volume), answers(model, volume))


def test_labels_channels_and_grid_come_from_the_configuration(make_bundle: Callable) -> None:
    folder, _ = make_bundle()
    card = read_start_model(folder).card
    assert [leaf.name for leaf in card.tree.leaves] == ["background", "Liver", "kidney left"]
    assert (card.tree.title, card.channels, card.spacing_mm) == ("Organs in CT", ("CT",), (3.0, 2.0, 1.5))
    assert (card.rules[0].kind, card.rules[0].low, card.rules[0].high) == ("window", -200.0, 300.0)
    assert card.context.window == (16, 24, 20)


def test_a_network_trained_in_another_orientation_and_range(make_bundle: Callable, volume: Volume, answers: Callable) -> None:
    folder, network = make_bundle(intensity={"b_min": -1.0, "b_max": 1.0})
    config = json.loads((folder / "configs" / "inference.json").read_text())
    config["preprocessing"]["transforms"][2]["axcodes"] = "LPS"
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    image = 2 * windowed(volume) - 1
    wanted = own_answer(network, image[:, ::-1, ::-1])[:, ::-1, ::-1]
    assert (answers(read_start_model(folder), volume) == wanted).mean() > 0.999


def test_a_scaling_by_what_is_not_zero(make_bundle: Callable, volume: Volume, answers: Callable) -> None:
    transforms = [
        {"_target_": "monai.transforms.Spacingd", "keys": ["image", "label"], "pixdim": [1.5, 2.0, 3.0]},
        {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True},
        {"_target_": "ScaleIntensityd", "keys": "label"},
    ]
    folder, network = make_bundle(inference={"preprocessing": transforms})
    array = np.abs(volume.array) + 50
    array[:, :5] = 0
    masked = Volume(array, volume.grid, volume.channels)
    shown = array[0] != 0
    values = array[0][shown]
    wanted = own_answer(network, np.where(shown, (array[0] - values.mean()) / values.std(), 0))
    model = read_start_model(folder)
    assert (answers(model, masked) == wanted).mean() > 0.98  # our rule limits the brightest to twice the 99th percentile
    assert model.card.training["imported"]["notes"] == [
        "its axes are taken to run to the right, front and top, because it does not say (Orientationd)"
    ]


def test_a_training_configuration_in_yaml(make_bundle: Callable, volume: Volume, answers: Callable) -> None:
    import yaml

    folder, network = make_bundle()
    config = json.loads((folder / "configs" / "inference.json").read_text())
    training = {"validate": {"preprocessing": config.pop("preprocessing"), "inferer": config.pop("inferer")}, **config}
    (folder / "configs" / "inference.json").unlink()
    (folder / "configs" / "train.yaml").write_text(yaml.safe_dump(training))
    weights = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"model": weights, "epoch": 3}, folder / "models" / "model.pt")
    assert (answers(read_start_model(folder), volume) == own_answer(network, windowed(volume))).mean() > 0.999
    (folder / "configs" / "train.yaml").write_text("a: !!python/object/apply:os.system ['true']")
    with pytest.raises(ModelError, match="cannot be read"):
        read_start_model(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"network_def": {"_target_": "os.system", "command": "true"}}, "network 'os.system': is none of MONAI's AttentionUnet"),
        ({"network_def": {"_target_": "evil.SegResNet"}}, "network 'evil.SegResNet': is none"),
        ({"network_def": "$monai.networks.nets.UNet(3)"}, "'network_def' is the expression '.monai.networks.nets.UNet"),
        ({"outputs": "$1 + 2"}, "'outputs' is the expression '.1 . 2', and nothing in a bundle is run"),
        ({"outputs": "@missing"}, "'outputs' refers to '@missing', which is missing"),
        ({"outputs": "@outputs"}, "'outputs' refers to itself"),
        ({"outputs": 4}, "its weights do not fit its network"),
        ({"pixdim": "$[1, 1, 1] if True else 2"}, "'pixdim' is the expression"),
        ({"preprocessing": [{"_target_": "Lambdad", "keys": "image", "func": "$print"}]}, "transform Lambda is not supported"),
        ({"preprocessing": [{"_target_": "LoadImaged", "keys": "image"}]}, "says no spacing"),
        ({"preprocessing": [{"_target_": "Spacingd", "keys": "image", "pixdim": [1, 1, 1]}]}, "scales intensities 0 times"),
        ({"preprocessing": 3}, "a field is missing or wrong"),
        ({"inferer": {"roi_size": [64, 64]}}, "its window is .64, 64."),
        (
            {"postprocessing": {"transforms": [{"_target_": "Activationsd", "keys": "pred", "sigmoid": True}]}},
            "decided on one by one .sigmoid. and may overlap",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(make_bundle: Callable, fields: dict, message: str) -> None:
    folder, _ = make_bundle()
    changed(folder, "inference.json", **fields)
    with pytest.raises(ModelError, match=message):
        read_start_model(folder)


def test_outputs_without_names_are_refused(make_bundle: Callable) -> None:
    folder, _ = make_bundle()
    formats = json.loads((folder / "configs" / "metadata.json").read_text())["network_data_format"]
    del formats["outputs"]["pred"]["channel_def"]["1"]
    changed(folder, "metadata.json", network_data_format=formats)
    with pytest.raises(ModelError, match="names 2 of 3 channels of its outputs; complete 'channel_def'"):
        read_start_model(folder)


def test_only_networks_of_the_table_are_built_by_any_spelling() -> None:
    arguments = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]}
    for name in ("UNet", "Unet", "monai.networks.nets.UNet", "monai.networks.nets.unet.UNet"):
        assert type(monai_network(name, arguments)).__name__ == "UNet"
    for name in ("monai.networks.nets.FlexibleUNet", "monai.networks.nets.os.system", "monai.bundle.load", "evil.UNet"):
        with pytest.raises(ModelError, match="only these are built"):
            monai_network(name, arguments)


def test_references_are_followed_into_lists_and_names() -> None:
    config = BundleConfig({"a": {"b": [1, {"c": 2.5}]}, "d": "@a#b#1#c", "e": ["@d", "@a::b#0"], "mail": "a@b.org @d"}, "config")
    assert config.plain("e") == [2.5, 1]
    assert config.plain("a") == {"b": [1, {"c": 2.5}]}
    with pytest.raises(ModelError, match="config: 'f' is missing"):
        config.plain("f")
    with pytest.raises(ModelError, match="refers to more than one value"):
        config.plain("mail")
