"""MONAI's losses behind our call: positions of the tree in, MONAI's channels out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from semseg_core.errors import DependencyError, InputError
from semseg_core.labels.encode import leaf_distances
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.functional import check_targets
from semseg_core.losses.marks import Marks


class MonaiLoss(nn.Module):
    """A loss of `monai.losses` on softmax probabilities of the leaves.

    Unless the options say otherwise, MONAI applies a softmax, makes the target one-hot, counts every leaf (it calls the first
    one background), and takes the tree's distances where it wants a distance matrix. Unknown voxels become its `ignore_index`
    where the loss has one, and are refused where not; marks on inner labels always are. Rows count as one item. Without
    annotated voxels: 0 with a zero gradient. Everything else is MONAI's.

    Args:
        tree: The label tree; leaves in its order are the channels.
        loss: Name of the class, for example `DiceFocalLoss`.
        options: Its keyword arguments: numbers, words, yes or no.

    Raises:
        DependencyError: If MONAI is not installed.
        InputError: If MONAI has no such segmentation loss, or it does not take an option.
    """

    def __init__(self, tree: LabelTree, loss: str, options: Mapping[str, object] | None = None) -> None:
        super().__init__()
        try:
            import monai.losses
        except ModuleNotFoundError as error:
            raise DependencyError(
                "loss 'monai': the package monai is not installed; install it with: pip install monai"
            ) from error
        self.name = loss
        kind = getattr(monai.losses, self.name, None)
        known = _segmentation_losses(vars(monai.losses))
        if kind not in known.values():
            raise InputError(f"loss 'monai': MONAI has no segmentation loss '{loss}'; choose among {', '.join(sorted(known))}")
        self.marks = Marks(tree)
        parameters = inspect.signature(kind).parameters
        self.unknown = len(tree.leaves) if "ignore_index" in parameters else None
        given = {name: _as_default(value, parameters, name, self.name) for name, value in (options or {}).items()}
        preset: dict[str, object] = {"to_onehot_y": True, "include_background": True, "ignore_index": self.unknown}
        if not given.get("sigmoid"):
            preset |= {"softmax": True, "use_softmax": True}
        if "dist_matrix" in parameters:
            preset["dist_matrix"] = leaf_distances(tree).astype(np.float32)
        try:
            self.loss = kind(**{name: value for name, value in preset.items() if name in parameters} | given)
        except (TypeError, ValueError) as error:
            raise InputError(f"loss 'monai': {self.name} refuses its options: {error}") from error

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar; arguments as those of `TreeLoss`.

        Raises:
            InputError: If there are unknown voxels and the loss cannot leave them out, or marks on inner labels.
        """
        check_targets(logits, targets, self.marks.leaf_count, self.marks.label_count)
        positions = targets.long()
        known = positions > 0
        if not bool(known.any()):
            return (logits * 0.0).sum()
        if self.unknown is None and not bool(known.all()):
            raise InputError(
                f"loss 'monai': {self.name} cannot leave out unknown voxels; use one of our losses, or label densely"
            )
        if not bool(self.marks.is_leaf[positions[known]].all()):
            raise InputError(f"loss 'monai': {self.name} knows no marks on inner labels; mark leaves, or use one of our losses")
        leaves = torch.where(known, self.marks.first_leaf[positions.clamp_min(0)], self.unknown or 0)
        if logits.dim() == 2:
            logits, leaves = logits.t().unsqueeze(0), leaves.unsqueeze(0)
        return self.loss(logits, leaves.unsqueeze(1))


def _segmentation_losses(names: Mapping[str, object]) -> dict[str, object]:
    """Losses that take logits and a label map: those that can make it one-hot, or want a distance matrix."""
    found = {}
    for name, kind in names.items():
        if inspect.isclass(kind) and issubclass(kind, nn.Module):
            parameters = inspect.signature(kind).parameters
            if ("to_onehot_y" in parameters and ({"softmax", "use_softmax"} & set(parameters))) or "dist_matrix" in parameters:
                found[name] = kind
    return found


def _as_default(value: object, parameters: Mapping[str, inspect.Parameter], name: str, loss: str) -> object:
    """The option's value, a whole number where MONAI has one."""
    if name not in parameters:
        raise InputError(f"loss 'monai': {loss} has no option '{name}'; it has {', '.join(parameters)}")
    default = parameters[name].default
    return int(value) if isinstance(default, int) and not isinstance(default, bool) and isinstance(value, float) else value
