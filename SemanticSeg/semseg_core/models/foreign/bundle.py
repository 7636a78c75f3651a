"""MONAI bundles: `configs/metadata.json`, `configs/inference.json` or `train.json` (or YAML), and `models/model.pt`.

Of the configuration we need the network's definition, the preprocessing, the inferer's window and the names of the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from semseg_core.errors import ModelError
from semseg_core.models.foreign.bundle_config import BundleConfig, read_config
from semseg_core.models.foreign.description import ForeignModel, Intensities, to_model
from semseg_core.models.foreign.weights import only_tensors, read_checkpoint
from semseg_core.models.model import Model

CONFIGS, WEIGHTS, SCRIPT = "configs", "models/model.pt", "models/model.ts"
METADATA = "metadata.json"
NAMES = ("inference", "train")
"""Configurations that describe a network, the better first."""

PREPROCESSING = ("preprocessing", "validate#preprocessing", "train#deterministic_transforms", "train#preprocessing")
NETWORK = ("network_def", "network", "net_def", "net")
STATE = ("model", "state_dict", "network", "net", "model_state_dict")
"""Names under which trainers put the network's weights among others."""

WINDOW = ("inferer#roi_size", "validate#inferer#roi_size", "evaluator#inferer#roi_size")

HARMLESS = (
    *("LoadImage", "EnsureChannelFirst", "AddChannel", "AsChannelFirst", "EnsureType", "CastToType", "ToTensor", "ToDevice"),
    *("CropForeground", "DivisiblePad", "SpatialPad", "SelectItems", "DeleteItems", "CopyItems"),
)
"""Transforms that change neither a voxel's value nor its place; what they cut off, sliding windows see as well."""


def is_bundle(path: Path) -> bool:
    """Whether a folder looks like a bundle."""
    return (path / CONFIGS / METADATA).is_file() or any((path / WEIGHTS).parent.glob("model.*")) and (path / CONFIGS).is_dir()


def read_bundle(folder: Path) -> Model:
    """Read a bundle.

    Raises:
        ModelError: If a part is missing, damaged, not supported, or could only be had by running code.
    """
    config = bundle_config(folder)
    if not (folder / WEIGHTS).is_file() and (folder / SCRIPT).is_file():
        raise ModelError(
            f"MONAI bundle {folder}: holds {SCRIPT} alone; TorchScript can be applied (semseg predict) but not fine-tuned"
        )
    name = next((name for name in NETWORK if name in config), NETWORK[0])
    network = config.plain(name)
    if not isinstance(network, Mapping) or not isinstance(network.get("_target_"), str):
        raise ModelError(f"{config.what}: '{name}' names no network by '_target_'; choose a bundle of a MONAI network")
    arguments = {key: value for key, value in network.items() if not (key.startswith("_") and key.endswith("_"))}
    foreign = describe_bundle(folder.name, read_config(folder / CONFIGS / METADATA), config, network["_target_"], arguments)
    found = read_checkpoint(folder / WEIGHTS)
    inner = next((found[name] for name in STATE if isinstance(found.get(name), Mapping)), found)
    return to_model(foreign, only_tensors(inner, f"model weights {folder / WEIGHTS}"))


def bundle_config(folder: Path) -> BundleConfig:
    """The configuration that describes applying the model, else the one that describes training it.

    Raises:
        ModelError: If there is none.
    """
    for name in NAMES:
        for suffix in (".json", ".yaml", ".yml"):
            path = folder / CONFIGS / f"{name}{suffix}"
            if path.is_file():
                return read_config(path)
    raise ModelError(f"MONAI bundle {folder}: holds no {CONFIGS}/inference.json or train.json (or .yaml); copy it whole")


def describe_bundle(
    name: str, metadata: BundleConfig, config: BundleConfig, network: str, arguments: Mapping[str, object]
) -> ForeignModel:
    """What metadata and configuration say.

    Args:
        name: What the bundle is called where it does not say.
        metadata: Names of inputs and outputs.
        config: Preprocessing and window.
        network: Class of the network.
        arguments: Of that class.

    Raises:
        ModelError: If something needed is missing, not supported, or an expression.
    """
    try:
        channels = _names(metadata, "inputs")
        labels = _names(metadata, "outputs")
        axes, turned, spacing, intensities, notes = _preprocessing(config, len(channels))
        _refuse_overlap(config)
        window = next((config.plain(place) for place in WINDOW if place in config), None)
        if window is None:
            shape = _first(metadata, "inputs")["spatial_shape"]
            window = shape if all(isinstance(size, int) for size in shape) else [96, 96, 96]
        if len(window) != 3 or not all(isinstance(size, int) and size > 0 for size in window):
            raise ModelError(f"{config.what}: its window is {window}; three positive numbers are needed, for 3D images")
        background = labels[0].casefold() in ("background", "other", "everything else")
        return ForeignModel(
            source="MONAI bundle",
            title=" ".join(str(metadata.record.get("name", name)).split()),
            kind="MONAI",
            network=network,
            arguments=arguments,
            labels=tuple((label, index + (not background)) for index, label in enumerate(labels)),
            channels=channels,
            intensities=intensities,
            spacing_mm=spacing,
            window=tuple(window),
            axes=axes,
            turned=turned,
            notes=tuple(notes),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelError(f"{config.what}: a field is missing or wrong ({error!r}); copy the bundle anew") from error


def _first(metadata: BundleConfig, side: str) -> Mapping:
    """The image among the inputs, or the only output."""
    formats = metadata.plain(f"network_data_format#{side}")
    return formats["image"] if "image" in formats else next(iter(formats.values()))


def _names(metadata: BundleConfig, side: str) -> tuple[str, ...]:
    """Names of channels or labels, in order."""
    described = _first(metadata, side)
    named = described["channel_def"]
    names = tuple(" ".join(str(named[key]).split()) for key in sorted(named, key=int))
    count = int(described.get("num_channels", len(names)))
    if [int(key) for key in sorted(named, key=int)] != list(range(len(names))) or len(names) != count or not names:
        raise ModelError(f"{metadata.what}: names {len(names)} of {count} channels of its {side}; complete 'channel_def'")
    return tuple(name if names.count(name) == 1 else f"{name} {index}" for index, name in enumerate(names))


def _preprocessing(
    config: BundleConfig, count: int
) -> tuple[tuple[int, ...], tuple[bool, ...], tuple[float, ...], tuple[Intensities, ...], list[str]]:
    """Axes, directions, spacing and intensities, as the transforms before the network say."""
    place = next((place for place in PREPROCESSING if place in config), PREPROCESSING[0])
    transforms = config.find(place)
    listed = transforms["transforms"] if isinstance(transforms, Mapping) else transforms
    axcodes, spacing, intensities, notes = None, None, [], []
    for index, transform in enumerate(listed):
        where = f"{place}#{index}"
        name = str(transform["_target_"]).rpartition(".")[2].removesuffix("d").removesuffix("Dict")
        if name in HARMLESS:
            continue
        # Only of the image; what is done to labels does not matter.
        if transform.get("keys") in ("label", ["label"]):
            continue
        if name not in ("Orientation", "Spacing", *INTENSITIES):
            raise ModelError(f"{config.what}: its transform {name} is not supported; choose a bundle with simpler preprocessing")
        asked = {key: value for key, value in transform.items() if key not in ("_target_", "keys")}
        values = {key: config.resolved(value, f"{where}#{key}") for key, value in asked.items()}
        if name == "Orientation":
            axcodes = str(values["axcodes"])
        elif name == "Spacing":
            spacing = tuple(float(step) for step in values["pixdim"])
        else:
            intensities.append(INTENSITIES[name](values, count, f"{config.what}: '{where}'"))
    if spacing is None or len(spacing) != 3:
        raise ModelError(f"{config.what}: its preprocessing says no spacing (Spacingd); add it, in mm")
    if len(intensities) != 1:
        raise ModelError(
            f"{config.what}: its preprocessing scales intensities {len(intensities)} times; "
            f"supported is once, by {' or '.join(INTENSITIES)}"
        )
    if axcodes is None:
        axcodes = "RAS"
        notes.append("its axes are taken to run to the right, front and top, because it does not say (Orientationd)")
    letters = {"S": (0, False), "I": (0, True), "A": (1, False), "P": (1, True), "R": (2, False), "L": (2, True)}
    found = [letters[letter] for letter in axcodes.upper()]
    if sorted(axis for axis, _ in found) != [0, 1, 2]:
        raise ModelError(f"{config.what}: its axes '{axcodes}' are no three anatomical directions; correct them")
    return tuple(axis for axis, _ in found), tuple(turned for _, turned in found), spacing, intensities[0], notes


def _range(values: Mapping, count: int, what: str) -> tuple[Intensities, ...]:
    """ScaleIntensityRange: a window."""
    low, high = float(values["a_min"]), float(values["a_max"])
    start, stop = (0.0 if values.get(name) is None else float(values[name]) for name in ("b_min", "b_max"))
    if not low < high or not start < stop:
        raise ModelError(f"{what}: maps {low}…{high} to {start}…{stop}, which is no window; correct it")
    if not values.get("clip", False):
        raise ModelError(f"{what}: does not limit intensities to its window ('clip': true), which is not supported")
    divisor = 1.0 / (stop - start)
    return (Intensities(low, high, -start * divisor, divisor),) * count


def _standardized(values: Mapping, count: int, what: str) -> tuple[Intensities, ...]:
    """NormalizeIntensity: mean 0 and deviation 1 over the image, or over what is not 0."""
    if values.get("subtrahend") is not None or values.get("divisor") is not None:
        raise ModelError(f"{what}: subtracts and divides by given numbers without a window, which is not supported")
    if count > 1 and not values.get("channel_wise", False):
        raise ModelError(f"{what}: scales its {count} channels together ('channel_wise': false), which is not supported")
    return (Intensities(nonzero=bool(values.get("nonzero", False))),) * count


INTENSITIES = {"ScaleIntensityRange": _range, "NormalizeIntensity": _standardized}
"""Transforms of intensities that our rules can say."""


def _refuse_overlap(config: BundleConfig) -> None:
    """Refuse outputs that are decided on one by one: they may overlap, which a tree's leaves do not."""
    steps = config.record.get("postprocessing")
    listed = steps.get("transforms") if isinstance(steps, Mapping) else None
    for step in listed if isinstance(listed, list) else ():
        if isinstance(step, Mapping) and str(step.get("_target_", "")).endswith("Activationsd") and step.get("sigmoid") is True:
            raise ModelError(
                f"{config.what}: its outputs are decided on one by one (sigmoid) and may overlap, which a tree's leaves do not; "
                "choose a bundle whose outputs exclude each other"
            )
