"""Networks of other programs as context networks: built from names of our own tables.

A card says which network, its arguments, and how our image (channels, then S, A, R) becomes what it was trained on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from semseg_core.errors import DependencyError, ModelError

MONAI_NETWORKS = ("AttentionUnet", "BasicUNet", "DynUNet", "SegResNet", "SegResNetDS", "UNet")
"""Segmentation networks of MONAI that may be named: they take numbers, names of layers and lists of them, fetch nothing, and
can be built without memory (SwinUNETR cannot) and without further packages."""

NNU_NET_NETWORKS = ("PlainConvUNet", "ResidualEncoderUNet")

LAYERS: Mapping[str, type[nn.Module]] = {
    kind.__name__: kind
    for kind in (
        *(nn.Conv2d, nn.Conv3d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.BatchNorm2d, nn.BatchNorm3d),
        *(nn.Dropout2d, nn.Dropout3d, nn.LeakyReLU, nn.ReLU, nn.GELU, nn.SiLU),
    )
}
"""Layers that plans of nnU-Net may name."""

NAMED_LAYERS = ("conv_op", "norm_op", "dropout_op", "nonlin")
"""Arguments of nnU-Net's networks that are layers."""

REFUSALS = (
    *(TypeError, ValueError, RuntimeError, AssertionError, KeyError, IndexError, AttributeError, NotImplementedError),
    ZeroDivisionError,
)
"""What networks raise when they cannot be built from arguments."""


def monai_network(name: str, arguments: Mapping[str, object]) -> nn.Module:
    """A network of MONAI by the name of its class.

    Raises:
        ModelError: If it is not in our table, or refuses its arguments.
        DependencyError: If MONAI is not installed.
    """
    known = {kind.casefold(): kind for kind in MONAI_NETWORKS}
    place, _, bare = name.rpartition(".")
    if bare.casefold() not in known or not re.fullmatch(r"(monai\.networks\.nets(\.\w+)?)?", place):
        raise ModelError(f"network '{name}': is none of MONAI's {', '.join(MONAI_NETWORKS)}; only these are built")
    try:
        from monai.networks import nets
    except ImportError as error:
        raise DependencyError("MONAI is not installed; this model needs it, install it with: pip install monai") from error
    return _built(getattr(nets, known[bare.casefold()]), name, arguments)


def nnu_net_network(name: str, arguments: Mapping[str, object]) -> nn.Module:
    """A network of nnU-Net by the name of its class; layers among its arguments are names, too.

    Raises:
        ModelError: If it or one of its layers is not in our tables, or it refuses its arguments.
        DependencyError: If the package of nnU-Net's networks is not installed.
    """
    place, _, bare = name.rpartition(".")
    if bare not in NNU_NET_NETWORKS or not re.fullmatch(r"(dynamic_network_architectures\.architectures\.\w+)?", place):
        raise ModelError(f"network '{name}': is none of nnU-Net's {', '.join(NNU_NET_NETWORKS)}; only these are built")
    try:
        from dynamic_network_architectures.architectures import unet
    except ImportError as error:
        raise DependencyError(
            "the networks of nnU-Net are not installed; install them with: pip install dynamic-network-architectures"
        ) from error
    ready = {key: _layer(key, value) if key in NAMED_LAYERS else value for key, value in arguments.items()}
    return _built(getattr(unet, bare), name, ready)


NETWORKS: Mapping[str, Callable[[str, Mapping[str, object]], nn.Module]] = {"MONAI": monai_network, "nnU-Net": nnu_net_network}
"""Builders by the kind that a card names."""


class ForeignBody(nn.Module):
    """A foreign network whose head was taken off: our image in, its dense features out, both along S, A, R.

    Args:
        network: The network.
        head: Name of its last layer, a convolution of one voxel; None where its outputs serve as features.
        axes: Which axis of our image, counted without channels, each axis of the network's is.
        turned: Which axes of the network's run against ours.
        low: Smallest value of each channel that it was trained on; empty where there is none.
        high: Largest.
    """

    whole_windows = True
    """It normalizes over its window, so that smaller ones would change its answers."""

    def __init__(
        self,
        network: nn.Module,
        head: str | None,
        axes: Sequence[int],
        turned: Sequence[bool],
        low: Sequence[float] = (),
        high: Sequence[float] = (),
    ) -> None:
        super().__init__()
        if sorted(axes) != list(range(len(axes))) or len(turned) != len(axes) or len(low) != len(high):
            raise ModelError(f"context network: its axes {list(axes)} or limits are impossible; copy the model anew")
        if head is not None:
            parent, _, last = head.rpartition(".")
            network.get_submodule(head)
            setattr(network.get_submodule(parent), last, nn.Identity())
        _register_once(network)
        self.network = network
        self.to_network = (0, 1, *(2 + axis for axis in axes))
        self.back = tuple(self.to_network.index(axis) for axis in range(len(self.to_network)))
        self.turned = tuple(2 + axis for axis, against in enumerate(turned) if against)
        self.low, self.high = tuple(low), tuple(high)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Features (B, F, D, H, W) of an image (B, C, D, H, W); without one axis for a network of two dimensions."""
        if self.low:
            low, high = (image.new_tensor(limits).reshape(-1, *[1] * (image.ndim - 2)) for limits in (self.low, self.high))
            image = torch.maximum(torch.minimum(image, high), low)
        features = first_output(self.network(image.permute(self.to_network).flip(self.turned)))
        return features.flip(self.turned).permute(self.back)


def first_output(answer: object) -> torch.Tensor:
    """The answer at full resolution of a network that may give several."""
    return answer[0] if isinstance(answer, list | tuple) else answer


def foreign_body(kind: str) -> Callable[..., nn.Module]:
    """The builder for a kind of `NETWORKS`, as the table of context networks wants it."""

    def build(network: str, arguments: Mapping[str, object], **outside: object) -> nn.Module:
        return ForeignBody(NETWORKS[kind](network, arguments), **outside)

    return build


def _layer(key: str, name: object) -> type[nn.Module] | None:
    if name is None:
        return None
    bare = str(name).rpartition(".")[2]
    if bare not in LAYERS or not str(name).startswith("torch.nn."):
        raise ModelError(f"plans: {key} '{name}' is none of {', '.join(LAYERS)}; only these layers are built")
    return LAYERS[bare]


def _built(kind: type[nn.Module], name: str, arguments: Mapping[str, object]) -> nn.Module:
    try:
        return kind(**arguments).eval()
    except REFUSALS as error:
        raise ModelError(f"network {name}: refuses its arguments ({error}); copy it anew, or update the package") from error


def _register_once(network: nn.Module) -> None:
    """Keep one registration of parts that stand in several places; weights would be written as often as they are registered.

    Parts of nnU-Net's blocks stand in a sequence, which runs them, and beside it; its decoder knows its encoder.
    """
    places: dict[int, list[tuple[nn.Module, str]]] = {}
    parts: dict[int, nn.Module] = {}
    for parent in network.modules():
        for name, part in parent._modules.items():  # named_children() leaves out repeats
            if part is not None:
                places.setdefault(id(part), []).append((parent, name))
                parts[id(part)] = part
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    for key, found in places.items():
        kept = next((place for place in found if isinstance(place[0], containers)), found[0])
        for parent, name in found:
            if (parent, name) != kept and not isinstance(parent, containers):
                delattr(parent, name)
                parent.__dict__[name] = parts[key]
