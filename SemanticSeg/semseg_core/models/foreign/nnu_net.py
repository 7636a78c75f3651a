"""Model folders of nnU-Net v2, TotalSegmentator's among them: `plans.json`, `dataset.json`, `fold_*/checkpoint_final.pth`.

Source:
    Isensee et al., Nature Methods 2021; the format is that of nnunetv2 2.0 to 2.8.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from semseg_core.errors import InputError, ModelError
from semseg_core.files import require_file
from semseg_core.models.foreign.description import ForeignModel, Intensities, to_model
from semseg_core.models.foreign.weights import only_tensors, read_checkpoint
from semseg_core.models.model import Model

PLANS, DATASET = "plans.json", "dataset.json"
CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
PREFERRED = "3d_fullres"


def find_nnu_net(path: Path) -> Path | None:
    """The folder of one training at a path or one level below it, as nnU-Net names data sets; None if there is none.

    Raises:
        ModelError: If there are several, and none or several are of the configuration 3d_fullres.
    """
    if (path / PLANS).is_file():
        return path
    found = sorted(plans.parent for plans in path.glob(f"*/{PLANS}")) if path.is_dir() else []
    preferred = [folder for folder in found if folder.name.endswith(PREFERRED)]
    if len(found) > 1 and len(preferred) != 1:
        names = ", ".join(folder.name for folder in found)
        raise ModelError(f"nnU-Net model {path}: holds several trainings ({names}); name one of these folders")
    return (preferred or found or [None])[0]


def read_nnu_net(folder: Path) -> Model:
    """Read a model folder.

    Raises:
        ModelError: If a part is missing, damaged, or of a kind that is not supported.
    """
    plans, dataset = (_json(folder / name) for name in (PLANS, DATASET))
    checkpoint_path = _checkpoint(folder)
    checkpoint = read_checkpoint(checkpoint_path)
    what = f"nnU-Net model {folder}"
    try:
        foreign = _describe(folder, what, plans, dataset, checkpoint)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelError(f"{what}: a field of {PLANS} or {DATASET} is missing or wrong ({error!r}); copy it anew") from error
    return to_model(foreign, only_tensors(checkpoint.get("network_weights"), f"model weights {checkpoint_path}"))


def _describe(folder: Path, what: str, plans: Mapping, dataset: Mapping, checkpoint: Mapping) -> ForeignModel:
    name = _configuration_name(folder, plans, checkpoint)
    configuration = _configuration(plans["configurations"], name, what)
    if configuration.get("previous_stage"):
        raise ModelError(f"{what}: is the second stage of a cascade, which needs the first one's answers; choose 3d_fullres")
    labels, notes = _labels(dataset, what)
    channels = _channel_names(dataset)
    network, arguments = _architecture(configuration)
    # Readers give arrays along z, y, x, which transpose_forward puts into another order.
    axes = tuple(int(axis) for axis in plans["transpose_forward"])
    spacing = [float(step) for step in configuration["spacing"]]
    window = [int(size) for size in configuration["patch_size"]]
    flat = len(window) == 2
    if flat:
        spacing, window = [float(plans["original_median_spacing_after_transp"][0]), *spacing], [1, *window]
    reader = plans.get("image_reader_writer")
    if reader != "NibabelIOWithReorient":
        notes.append(
            f"its images were read by {reader}, which keeps the axes of each file; "
            "they are taken to run to the right, front and top"
        )
    return ForeignModel(
        source="nnU-Net model",
        title=str(plans.get("dataset_name") or dataset.get("name") or folder.name),
        kind="nnU-Net",
        network=network,
        arguments={
            **arguments,
            "input_channels": len(channels),
            "num_classes": len(labels),
            # Only the output at full resolution is asked for; the others stay in the weights.
            "deep_supervision": False,
        },
        labels=tuple(labels),
        channels=channels,
        intensities=_intensities(plans, configuration, len(channels), what),
        spacing_mm=tuple(spacing),
        window=tuple(window),
        axes=axes,
        plane=axes[0] if flat else None,
        notes=tuple(notes),
    )


def _configuration_name(folder: Path, plans: Mapping, checkpoint: Mapping) -> str:
    """What the checkpoint was trained with; else what the folder's name says."""
    arguments = checkpoint.get("init_args")
    named = arguments.get("configuration") if isinstance(arguments, Mapping) else None
    return str(named or next((name for name in plans["configurations"] if folder.name.endswith(f"__{name}")), PREFERRED))


def _configuration(configurations: Mapping, name: str, what: str, above: tuple[str, ...] = ()) -> dict[str, object]:
    """A configuration with all that it takes over from others."""
    if name not in configurations or name in above:
        raise ModelError(f"{what}: its plans hold no sound configuration '{name}'; copy the model anew")
    own = dict(configurations[name])
    parent = own.pop("inherits_from", None)
    return own if parent is None else {**_configuration(configurations, parent, what, (*above, name)), **own}


def _architecture(configuration: Mapping) -> tuple[str, dict[str, object]]:
    """Name and arguments of the network; plans before nnU-Net 2.4 give its measures one by one."""
    if "architecture" in configuration:
        architecture = configuration["architecture"]
        return str(architecture["network_class_name"]), dict(architecture["arch_kwargs"])
    name = str(configuration["UNet_class_name"])
    stages = len(configuration["n_conv_per_stage_encoder"])
    dimensions = len(configuration["patch_size"])
    largest = int(configuration["unet_max_num_features"])
    return name, {
        "n_stages": stages,
        "features_per_stage": [min(int(configuration["UNet_base_num_features"]) << stage, largest) for stage in range(stages)],
        "conv_op": f"torch.nn.Conv{dimensions}d",
        "kernel_sizes": configuration["conv_kernel_sizes"],
        "strides": configuration["pool_op_kernel_sizes"],
        "n_conv_per_stage" if name == "PlainConvUNet" else "n_blocks_per_stage": configuration["n_conv_per_stage_encoder"],
        "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
        "conv_bias": True,
        "norm_op": f"torch.nn.InstanceNorm{dimensions}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }


def _labels(dataset: Mapping, what: str) -> tuple[list[tuple[str, int]], list[str]]:
    """Name and value of every output, by value, and what there is to say about them."""
    found, notes = [], []
    for name, value in dataset["labels"].items():
        values = value if isinstance(value, list) else [value]
        if name == "ignore":
            notes.append("its label 'ignore' has no output and is left out")
        elif len(values) != 1:
            raise ModelError(
                f"{what}: its label '{name}' is a region of several values, so that its answers overlap, "
                "which a tree's leaves do not; choose a model of plain labels"
            )
        else:
            found.append((str(name), int(values[0])))
    found.sort(key=lambda pair: pair[1])
    if len({value for _, value in found}) != len(found) or not found or found[0][1] != 0:
        raise ModelError(f"{what}: the values of its labels repeat, or none is 0, the background; correct {DATASET}")
    return found, notes


def _channel_names(dataset: Mapping) -> tuple[str, ...]:
    """Names of the channels in order, each once; nnU-Net's first versions called them modalities."""
    names = dataset.get("channel_names") or dataset["modality"]
    ordered = [str(names[key]) for key in sorted(names, key=int)]
    return tuple(name if ordered.count(name) == 1 else f"{name} {index}" for index, name in enumerate(ordered))


def _intensities(plans: Mapping, configuration: Mapping, count: int, what: str) -> tuple[Intensities, ...]:
    schemes: Sequence[str] = configuration["normalization_schemes"]
    masked: Sequence[bool] = configuration["use_mask_for_norm"]
    if len(schemes) != count or len(masked) != count:
        raise ModelError(f"{what}: its plans normalize {len(schemes)} channels, its dataset has {count}; copy the model anew")
    return tuple(
        _one_channel(scheme, use_mask, lambda index=index: plans["foreground_intensity_properties_per_channel"][str(index)], what)
        for index, (scheme, use_mask) in enumerate(zip(schemes, masked, strict=True))
    )


def _one_channel(scheme: str, use_mask: bool, properties: object, what: str) -> Intensities:
    if scheme == "ZScoreNormalization":
        return Intensities(nonzero=bool(use_mask))
    if scheme == "RGBTo01Normalization":
        return Intensities(0.0, 255.0)
    if scheme != "CTNormalization":
        raise ModelError(
            f"{what}: normalizes by {scheme}, which is not supported; choose a model with CTNormalization or ZScoreNormalization"
        )
    numbers = properties()
    low, high, mean, deviation = (float(numbers[name]) for name in ("percentile_00_5", "percentile_99_5", "mean", "std"))
    if not (all(map(math.isfinite, (low, high, mean, deviation))) and low < high and deviation > 0):
        raise ModelError(f"{what}: its intensities are impossible ({low} to {high}, {mean} ± {deviation}); copy it anew")
    return Intensities(low, high, (mean - low) / (high - low), deviation / (high - low))


def _checkpoint(folder: Path) -> Path:
    """The weights of the first fold there is."""
    for name in CHECKPOINTS:
        found = sorted(folder.glob(f"fold_*/{name}"))
        if found:
            return found[0]
    raise ModelError(f"nnU-Net model {folder}: there is no fold_*/{CHECKPOINTS[0]}; copy the whole folder of a finished training")


def _json(path: Path) -> Mapping:
    try:
        record = json.loads(require_file(path, "nnU-Net model").read_text(encoding="utf-8"))
    except InputError as error:
        raise ModelError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"nnU-Net model: {path} is not valid JSON ({error}); copy it again") from error
    if not isinstance(record, Mapping):
        raise ModelError(f"nnU-Net model: {path} is not what nnU-Net writes there; copy it again")
    return record
