"""What a reader of another program's model found out, and how that becomes a model of ours.

The network without its last layer is the context network; its last layer, a convolution of one voxel, becomes the direct way
from the context's features to the logits. So the model answers as the foreign network does, before anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from semseg_core.data.intensity import IntensityRule
from semseg_core.errors import LabelTreeError, ModelError
from semseg_core.features.layout import COORDINATES, feature_names
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree, grow
from semseg_core.labels.formats.total_segmentator import complete
from semseg_core.labels.tree import LabelTree
from semseg_core.models.card import ModelCard
from semseg_core.models.context import ContextNetwork
from semseg_core.models.foreign.bodies import NETWORKS, ForeignBody, first_output
from semseg_core.models.model import Model
from semseg_core.models.network import PointNetwork
from semseg_core.models.shape import ContextShape, NetworkShape

FIRST_ID = 1 << 20
"""Ids of an imported tree begin here: they mean nothing, and must not agree with those of a user's tree by chance."""

TRIED_SIZE = 64
"""Voxels along each side of the noise that a network is tried with; the whole window where this is too small for it."""

AGREEMENT = 1e-4
"""Largest difference, relative to the largest logit, between what a network says and what its parts say."""


@dataclass(frozen=True)
class Intensities:
    """How the foreign program scaled one channel.

    Args:
        low: Value below which all is alike, and which becomes 0 by our rule; None where the channel is scaled by each volume.
        high: Value above which all is alike, and which becomes 1.
        offset: Subtracted from what our rule gives.
        divisor: Divides the difference.
        nonzero: For a scaling by each volume: by its nonzero part alone, which leaves the rest at 0.
    """

    low: float | None = None
    high: float | None = None
    offset: float = 0.0
    divisor: float = 1.0
    nonzero: bool = False


@dataclass(frozen=True)
class ForeignModel:
    """All about a foreign network but its weights.

    Args:
        source: What wrote it, for the card.
        title: What it is called.
        kind: Kind of network, of `NETWORKS`.
        network: Name of its class.
        arguments: Of that class, plain values.
        labels: Name and label-map value of each output; the background has value 0.
        channels: Names of the image channels.
        intensities: One per channel.
        spacing_mm: Along the network's own axes.
        window: Voxels of a window along the network's own axes.
        axes: Which of S, A, R (0, 1, 2) each of the network's axes is.
        turned: Which of them run against S, A, R.
        plane: Axis across the slices of a network of two dimensions, 0 (S), 1 (A) or 2 (R); None for three.
        notes: What was assumed.
    """

    source: str
    title: str
    kind: str
    network: str
    arguments: Mapping[str, object]
    labels: tuple[tuple[str, int], ...]
    channels: tuple[str, ...]
    intensities: tuple[Intensities, ...]
    spacing_mm: tuple[float, float, float]
    window: tuple[int, int, int]
    axes: tuple[int, int, int] = (0, 1, 2)
    turned: tuple[bool, bool, bool] = (False, False, False)
    plane: int | None = None
    notes: tuple[str, ...] = field(default=())

    def along(self, values: tuple) -> tuple:
        """Values along the network's axes, put into the order S, A, R."""
        return tuple(values[self.axes.index(axis)] for axis in range(3))


def foreign_tree(foreign: ForeignModel) -> LabelTree:
    """The outputs as leaves, in their order; the background is a leaf, too. A foreign name is also its code.

    Raises:
        ModelError: If they are no labels.
    """
    entries = ForeignTree(
        [ForeignLabel(str(index), name, None, value or None, code=name) for index, (name, value) in enumerate(foreign.labels)],
        foreign.title,
        f"{foreign.source} '{foreign.title}'",
        channels=foreign.channels,
    )
    complete(entries)
    try:
        tree = grow(entries)
    except LabelTreeError as error:
        raise ModelError(f"{foreign.source} '{foreign.title}': its labels are no tree ({error})") from error
    labels = (
        replace(label, id=label.id + FIRST_ID, parent=None if label.parent is None else label.parent + FIRST_ID) for label in tree
    )
    return LabelTree(tuple(labels), tree.title, tree.provenance, tree.channels)


def to_model(foreign: ForeignModel, weights: Mapping[str, torch.Tensor]) -> Model:
    """The model that answers as the foreign network does.

    Raises:
        ModelError: If the weights do not fit the network, or it does not answer with one map for every label.
    """
    with torch.device("meta"):  # the weights say how much memory there must be, not the file that describes the network
        network = NETWORKS[foreign.kind](foreign.network, foreign.arguments)
    fit_weights(network, weights, foreign)
    head = find_head(network, foreign)
    return assemble(foreign, head, lambda: network)


def fit_weights(network: nn.Module, weights: Mapping[str, torch.Tensor], foreign: ForeignModel) -> None:
    """Give a network without memory its weights.

    Raises:
        ModelError: If they are not its own.
    """
    expected = network.state_dict()
    wrong = sorted({*expected} ^ {*weights}) or sorted(name for name in expected if expected[name].shape != weights[name].shape)
    if wrong:
        raise ModelError(
            f"{foreign.source} '{foreign.title}': its weights do not fit its network {foreign.network} "
            f"({len(wrong)} differ, '{wrong[0]}' first); copy the model anew"
        )
    floating = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    network.load_state_dict(floating, assign=True)
    network.requires_grad_(False).eval()


@dataclass(frozen=True, eq=False)
class Head:
    """The end of a network.

    Args:
        name: Name of the layer that gives the logits; None where the outputs themselves serve as features.
        weight: From features to logits, (K, F).
        bias: Of the logits, (K,).
    """

    name: str | None
    weight: torch.Tensor
    bias: torch.Tensor


def find_head(network: nn.Module, foreign: ForeignModel) -> Head:
    """Where a network's linear end begins: its last convolution of one voxel, if that alone makes the outputs.

    Raises:
        ModelError: If the network cannot be run, or does not give one map for each label.
    """
    count = len(foreign.labels)
    seen: list[tuple[str, torch.Tensor]] = []

    def notice(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        return lambda _, given: seen.append((name, given[0]))

    hooks = [
        layer.register_forward_pre_hook(notice(name))
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Conv3d) and layer.out_channels == count and set(layer.kernel_size) == {1}
    ]
    try:
        output = tried_output(network, foreign, seen.clear)
    finally:
        for hook in hooks:
            hook.remove()
    if output.shape[1] != count:
        raise ModelError(
            f"{foreign.source} '{foreign.title}': gives {output.shape[1]} maps for {count} labels; correct its list of labels"
        )
    name, features = seen[-1] if seen else ("", output)
    with torch.inference_mode():
        layer = network.get_submodule(name) if seen else None
        alike = layer is not None and (again := layer(features)).shape == output.shape
        if alike and float((again - output).abs().max()) <= AGREEMENT * max(1.0, float(output.abs().max())):
            bias = layer.bias if layer.bias is not None else torch.zeros(count)
            return Head(name, layer.weight.reshape(count, -1).clone(), bias.clone())
    return Head(None, torch.eye(count), torch.zeros(count))


def tried_output(network: nn.Module, foreign: ForeignModel, before: Callable[[], object] = tuple) -> torch.Tensor:
    """What a network says to noise, (1, K, D, H, W): to a small piece of it, or a whole window where that is too small.

    Args:
        network: With its weights.
        foreign: Its channels and window.
        before: Called before every trial.

    Raises:
        ModelError: If it cannot be run, or answers with other voxels than it is shown.
    """
    window = [size for axis, size in zip(foreign.axes, foreign.window, strict=True) if axis != foreign.plane]
    generator = torch.Generator().manual_seed(0)
    failure = ""
    for shape in ([min(size, TRIED_SIZE) for size in window], window):
        before()
        try:
            image = torch.randn(1, len(foreign.channels), *shape, generator=generator)
            with torch.inference_mode():
                output = first_output(network(image))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            failure = " ".join(str(error).split())[:200]
            continue
        if isinstance(output, torch.Tensor) and output.shape[2:] == image.shape[2:]:
            return output
        failure = "it answers with other voxels than it is shown"
    raise ModelError(f"{foreign.source} '{foreign.title}': its network {foreign.network} cannot be run ({failure})")


def assemble(foreign: ForeignModel, head: Head, network: Callable[[], nn.Module]) -> Model:
    """The model of a network whose head is known.

    Args:
        foreign: What was found out.
        head: Where its features are.
        network: Gives the network with its weights.
    """
    tree = foreign_tree(foreign)
    scaling, low, high = _scaling(foreign)
    # A network of two dimensions sees our image without the axis across its slices.
    seen = [axis for axis in range(3) if axis != foreign.plane]
    outside = {
        "head": head.name,
        "axes": [seen.index(axis) for axis in foreign.axes if axis != foreign.plane],
        "turned": [turned for axis, turned in zip(foreign.axes, foreign.turned, strict=True) if axis != foreign.plane],
        "low": low,
        "high": high,
    }
    shape = ContextShape(
        maps=len(foreign.channels),
        features=head.weight.shape[1],
        spacing_mm=foreign.along(foreign.spacing_mm),
        kind=foreign.kind,
        arguments={"network": foreign.network, "arguments": dict(foreign.arguments), **outside},
        window=foreign.along(foreign.window),
        plane=foreign.plane,
        **scaling,
    )
    context = ContextNetwork(shape, ForeignBody(network(), **outside)).eval()
    names = feature_names(tuple(str(index) for index in range(len(foreign.channels))), shape.features)
    known = len(names) - shape.features - len(COORDINATES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        point = PointNetwork(NetworkShape(inputs=len(names), known=known, direct=shape.features), len(tree.leaves))
    with torch.no_grad():
        point.head.weight.zero_()
        point.head.bias.copy_(head.bias)
        point.direct.weight.copy_(head.weight)
    card = ModelCard(
        tree=tree,
        channels=foreign.channels,
        rules=tuple(_rule(name, one) for name, one in zip(foreign.channels, foreign.intensities, strict=True)),
        spacing_mm=shape.spacing_mm,
        network=point.shape,
        loss="",
        everywhere=True,
        training={"imported": {"from": foreign.source, "title": foreign.title, "notes": list(foreign.notes)}},
        context=shape,
    )
    return Model(card, point.eval(), context)


def _rule(channel: str, scaled: Intensities) -> IntensityRule:
    return IntensityRule(channel) if scaled.low is None else IntensityRule(channel, "window", scaled.low, scaled.high)


def _scaling(foreign: ForeignModel) -> tuple[dict[str, object], list[float], list[float]]:
    """How the context network's image is scaled after our rules, and between which values it is cut."""
    fixed = [one.low is not None for one in foreign.intensities]
    nonzero = {one.nonzero for one in foreign.intensities}
    if any(fixed) and not all(fixed) or not any(fixed) and len(nonzero) > 1:
        raise ModelError(
            f"{foreign.source} '{foreign.title}': scales its channels in different ways, which is not supported; "
            "choose a model of one modality"
        )
    if not any(fixed):
        return {"scaling": "nonzero" if nonzero == {True} else "volume"}, [], []
    offset = [one.offset for one in foreign.intensities]
    divisor = [one.divisor for one in foreign.intensities]
    ends = [((0.0 - a) / b, (1.0 - a) / b) for a, b in zip(offset, divisor, strict=True)]
    scaling = {"scaling": "fixed", "offset": tuple(offset), "divisor": tuple(divisor)}
    return scaling, [low for low, _ in ends], [high for _, high in ends]
