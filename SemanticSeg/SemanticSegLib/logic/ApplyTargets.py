"""What a model is applied to: volumes matched to its channels, and the frames of a sequence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import slicer
from slicer.i18n import tr as _

from SemanticSegLib.nodes.SequenceNodes import browserOf, frameCount, frameNode
from semseg_core.data.images import SINGLE_CHANNEL
from semseg_core.errors import InputError

NUMBERED = re.compile(re.escape(SINGLE_CHANNEL) + r"\d*")
"""Channels that were never named: they are taken in their order."""


@dataclass(frozen=True)
class Target:
    """One image to apply a model to.

    Args:
        volumes: A volume for each channel of the model, in its order; the result is laid beside the first.
        frame: Number of the frame in the volume's sequence; None where the volume itself is meant.
    """

    volumes: tuple[slicer.vtkMRMLScalarVolumeNode, ...]
    frame: int | None = None

    @property
    def name(self) -> str:
        """What it is to the user."""
        name = self.volumes[0].GetName()
        return name if self.frame is None else _("{volume}, frame {number}").format(volume=name, number=self.frame + 1)

    @property
    def images(self) -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
        """The nodes that hold the voxels.

        Raises:
            InputError: If a channel has no such frame.
        """
        if self.frame is None:
            return self.volumes
        return tuple(frameNode(volume, self.frame) for volume in self.volumes)


def matchChannels(
    channels: Sequence[str], volumes: Sequence[slicer.vtkMRMLScalarVolumeNode], names: Sequence[str] = ()
) -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
    """A volume for each channel of a model.

    A channel is found by the name given to a volume, else by a volume's own name, which may hold further words; channels that
    were never named are taken in their order. A model of one channel takes the one volume whatever it is called.

    Args:
        channels: Of the model, in its order.
        volumes: What there is, in the panel's order.
        names: Names given to them there, in the same order; may be empty.

    Raises:
        InputError: If a channel is missing; the message names it.
    """
    if not volumes:
        raise InputError(_("no volume is chosen; choose one on top of the panel"))
    if len(channels) == 1 and len(volumes) == 1:
        return tuple(volumes)
    if all(NUMBERED.fullmatch(channel) for channel in channels) and len(volumes) >= len(channels):
        return tuple(volumes[: len(channels)])
    given = names if len(names) == len(volumes) else [volume.GetName() for volume in volumes]
    found = []
    for channel in channels:
        exact = [volume for volume, name in zip(volumes, given, strict=True) if name.casefold() == channel.casefold()]
        word = re.compile(rf"(?<![^\W_]){re.escape(channel.casefold())}(?![^\W_])")
        near = exact or [volume for volume, name in zip(volumes, given, strict=True) if word.search(name.casefold())]
        if len(near) != 1:
            there = ", ".join(f"'{volume.GetName()}'" for volume in volumes)
            reason = _("is missing") if not near else _("fits several volumes")
            raise InputError(
                _("channel '{channel}' {reason}: the model takes {channels}, chosen are {volumes}; add the volume on top of the "
                  "panel, or name it after its channel")
                .format(channel=channel, reason=reason, channels=", ".join(channels), volumes=there)
            )  # fmt: skip
        found.append(near[0])
    return tuple(found)


def framesOf(volumes: tuple[slicer.vtkMRMLScalarVolumeNode, ...]) -> tuple[Target, ...]:
    """A target for every frame of the sequence the first volume shows.

    Raises:
        InputError: If it shows none.
    """
    if browserOf(volumes[0]) is None:
        raise InputError(_("volume '{name}' shows no sequence; apply to this volume").format(name=volumes[0].GetName()))
    return tuple(Target(volumes, frame) for frame in range(frameCount(volumes[0])))
