"""Small models of other programs, made with their own packages and written as those programs write them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from semseg_core.data.volume import Volume
from semseg_core.geometry import Grid
from semseg_core.infer.decode import build_decoder
from semseg_core.infer.predict import predict
from semseg_core.models.model import Model

SPACING_MM = (3.0, 2.0, 1.5)
"""Along S, A, R."""

SHAPE = (16, 24, 20)
"""Voxels along S, A, R; also the window of every network here."""

PLAIN = {
    "n_stages": 3,
    "features_per_stage": [4, 8, 8],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[3, 3, 3]] * 3,
    "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
    "n_conv_per_stage": [1, 1, 1],
    "n_conv_per_stage_decoder": [1, 1],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}


def shake(network: torch.nn.Module) -> None:
    """Random weights that are not as they were made: all of norms and biases differ, and no output wins everywhere."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))


@pytest.fixture
def volume() -> Volume:
    """A smooth CT-like image of -500 to 500, along the axes of the anatomy, each voxel as large as the networks want it."""
    rng = np.random.default_rng(0)
    k, j, i = np.meshgrid(*(np.linspace(0, 3, size) for size in SHAPE), indexing="ij")
    array = 400 * np.sin(2 * k + j) * np.cos(1.5 * i + k) + rng.normal(0, 60, SHAPE)
    affine = np.diag([*SPACING_MM[::-1], 1.0])
    affine[:3, 3] = (-20.0, 10.0, 5.0)
    return Volume(array[None].astype(np.float32), Grid(SHAPE, affine), ("CT",))


@pytest.fixture
def answers() -> Callable[[Model, Volume], np.ndarray]:
    """What a model answers to a volume: values at the leaves."""

    def answer(model: Model, volume: Volume) -> np.ndarray:
        decoder = build_decoder(model.card.tree, "leaf", 0.0)
        return predict(model, volume, decoder, torch.device("cpu"), lambda _: None, bool).values

    return answer


@pytest.fixture
def make_nnu_net(tmp_path: Path) -> Callable[..., tuple[Path, torch.nn.Module]]:
    """Makes a folder as nnU-Net v2 writes it, with random weights, and the network in it.

    `configuration` changes what stands in the plans for 3d_fullres, `dataset` what stands in dataset.json; `flat` is the
    configuration 2d.
    """

    def make(
        transpose: tuple[int, ...] = (0, 1, 2),
        scheme: str = "CTNormalization",
        network: str = "PlainConvUNet",
        configuration: dict | None = None,
        dataset: dict | None = None,
        flat: bool = False,
    ) -> tuple[Path, torch.nn.Module]:
        from dynamic_network_architectures.architectures import unet

        arguments = dict(PLAIN)
        if network == "ResidualEncoderUNet":
            arguments["n_blocks_per_stage"] = arguments.pop("n_conv_per_stage")
        first, name = (1, "2d") if flat else (0, "3d_fullres")
        if flat:
            arguments |= {"kernel_sizes": [[3, 3]] * 3, "strides": [[1, 1], [2, 2], [2, 2]]}
            arguments |= {key: arguments[key].replace("3d", "2d") for key in ("conv_op", "norm_op")}
        plans = {
            "dataset_name": "Dataset900_Abdomen",
            "plans_name": "nnUNetPlans",
            "original_median_spacing_after_transp": [SPACING_MM[axis] for axis in transpose],
            "image_reader_writer": "NibabelIOWithReorient",
            "transpose_forward": list(transpose),
            "transpose_backward": [transpose.index(axis) for axis in range(3)],
            "configurations": {
                "another": {},
                name: {
                    "patch_size": [SHAPE[axis] for axis in transpose[first:]],
                    "spacing": [SPACING_MM[axis] for axis in transpose[first:]],
                    "normalization_schemes": [scheme],
                    "use_mask_for_norm": [False],
                    "architecture": {
                        "network_class_name": f"dynamic_network_architectures.architectures.unet.{network}",
                        "arch_kwargs": arguments,
                        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
                    },
                    **(configuration or {}),
                },
            },
            "foreground_intensity_properties_per_channel": {
                "0": {"mean": 60.0, "std": 90.0, "percentile_00_5": -200.0, "percentile_99_5": 300.0}
            },
        }
        described = {
            "channel_names": {"0": "CT"},
            "labels": {"background": 0, "liver": 1, "kidney_left": 2, "Vertebra-C7": 3},
            "numTraining": 3,
            "file_ending": ".nii.gz",
            **(dataset or {}),
        }
        torch.manual_seed(1)
        layers = {"conv_op": torch.nn.Conv3d, "norm_op": torch.nn.InstanceNorm3d, "nonlin": torch.nn.LeakyReLU}
        if flat:
            layers |= {"conv_op": torch.nn.Conv2d, "norm_op": torch.nn.InstanceNorm2d}
        built = getattr(unet, network)(1, num_classes=4, deep_supervision=True, **{**arguments, **layers})
        shake(built)
        optimizer = torch.optim.SGD(built.parameters(), lr=0.01, momentum=0.99, nesterov=True)
        folder = tmp_path / "Dataset900_Abdomen" / f"nnUNetTrainer__nnUNetPlans__{name}"
        (folder / "fold_0").mkdir(parents=True)
        (folder / "plans.json").write_text(json.dumps(plans))
        (folder / "dataset.json").write_text(json.dumps(described))
        # What nnUNetTrainer.save_checkpoint writes, NumPy scalars in the log and a device among the arguments included.
        checkpoint = {
            "network_weights": built.state_dict(),
            "optimizer_state": optimizer.state_dict(),
            "grad_scaler_state": None,
            "logging": {"mean_fg_dice": [np.float32(0.5)], "dice_per_class_or_region": [[np.float64(0.25), np.float64(0.5)]]},
            "_best_ema": np.float64(0.7),
            "current_epoch": 1,
            "init_args": {"plans": plans, "configuration": name, "fold": 0, "device": torch.device("cpu")},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1, 2),
        }
        torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
        built.decoder.deep_supervision = False
        return folder, built.eval()

    return make


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., tuple[Path, torch.nn.Module]]:
    """Makes a MONAI bundle with random weights, laid out as those of the model zoo, and the network in it."""

    def make(
        network: str = "SegResNet",
        arguments: dict | None = None,
        inference: dict | None = None,
        intensity: dict | None = None,
        script: bool = False,
    ) -> tuple[Path, torch.nn.Module]:
        from monai.networks import nets

        chosen = arguments or {"spatial_dims": 3, "init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]}
        torch.manual_seed(2)
        built = getattr(nets, network)(**chosen, in_channels=1, out_channels=3).eval()
        shake(built)
        folder = tmp_path / "organ_ct"
        (folder / "configs").mkdir(parents=True)
        (folder / "models").mkdir()
        inputs = {"image": {"num_channels": 1, "channel_def": {"0": "CT"}}}
        outputs = {"pred": {"num_channels": 3, "channel_def": {"0": "background", "1": "Liver", "2": "kidney left"}}}
        metadata = {"name": "Organs in CT", "network_data_format": {"inputs": inputs, "outputs": outputs}}
        (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
        window = {"a_min": -200, "a_max": 300, "b_min": 0.0, "b_max": 1.0, "clip": True}
        config = {
            "imports": ["$import glob"],
            "image_key": "image",
            "outputs": 3,
            "pixdim": list(SPACING_MM[::-1]),
            "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
            "network_def": {"_target_": network, **chosen, "in_channels": 1, "out_channels": "@outputs"},
            "network": "$@network_def.to(@device)",
            "preprocessing": {
                "_target_": "Compose",
                "transforms": [
                    {"_target_": "LoadImaged", "keys": "@image_key"},
                    {"_target_": "EnsureChannelFirstd", "keys": "@image_key"},
                    {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
                    {"_target_": "Spacingd", "keys": "@image_key", "pixdim": "@pixdim", "mode": "bilinear"},
                    {"_target_": "ScaleIntensityRanged", "keys": "@image_key", **window, **(intensity or {})},
                    {"_target_": "EnsureTyped", "keys": "@image_key"},
                ],
            },
            "inferer": {"_target_": "SlidingWindowInferer", "roi_size": list(SHAPE[::-1]), "overlap": 0.5},
            **(inference or {}),
        }
        (folder / "configs" / "inference.json").write_text(json.dumps(config))
        if script:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of TorchScript; files of it will be about for years
                torch.jit.save(torch.jit.trace(built, torch.randn(1, 1, *SHAPE[::-1])), folder / "models" / "model.ts")
        else:
            torch.save(built.state_dict(), folder / "models" / "model.pt")
        return folder, built

    return make
