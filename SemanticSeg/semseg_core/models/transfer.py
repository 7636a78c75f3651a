"""Starting from an earlier model: the body is taken over, the head leaf by leaf.

Heads are matched by label id, the one thing about a label that never changes. A new leaf under a label that was a leaf before
starts from that leaf's weights, and a group that became a leaf from the mean of its leaves: what was learned is not lost when
the tree grows or shrinks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from semseg_core.errors import ModelError
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.models.model import Model
from semseg_core.models.network import PointNetwork

BY_LEAF = {"head.weight", "head.bias", "direct.weight"}
"""Weights of the network with one row per leaf."""


@dataclass(frozen=True)
class TransferReport:
    """What was matched, by names for the user.

    Args:
        kept: Leaves that both models have.
        added: Leaves that are new; those with nothing related in the earlier model start from the mean of all its leaves.
        lost: Leaves of the earlier model that have no counterpart.
    """

    kept: tuple[str, ...]
    added: tuple[str, ...]
    lost: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """The report in figures."""
        return {"kept": len(self.kept), "added": len(self.added), "lost": len(self.lost)}

    def sentence(self) -> str:
        """The report in words."""
        parts = [f"{len(self.kept)} leaves taken over from the start model"]
        for word, names in (("new", self.added), ("dropped", self.lost)):
            if names:
                parts.append(f"{len(names)} {word} ({', '.join(names[:6])}{', …' if len(names) > 6 else ''})")
        return ", ".join(parts)


def transfer(model: Model, tree: LabelTree) -> tuple[PointNetwork, TransferReport]:
    """A network for `tree` that starts from `model`.

    Raises:
        ModelError: If no leaf has a counterpart: it is a model of another tree.
    """
    earlier = model.card.tree
    counterparts = _counterparts(tree, earlier)
    sources = [_source(label, tree, counterparts, earlier) for label in tree.leaves]
    if all(source is None for source in sources):
        raise ModelError(
            f"start model: no leaf of its tree '{earlier.title}' is in '{tree.title}'; "
            "choose a model of this tree, or train without a start model"
        )
    network = PointNetwork(model.card.network, len(tree.leaves))
    before, state = model.network.state_dict(), network.state_dict()
    network.load_state_dict({name: value for name, value in before.items() if name not in BY_LEAF}, strict=False)
    with torch.no_grad():
        for name in BY_LEAF & before.keys():
            for index, source in enumerate(sources):
                rows = slice(None) if source is None else slice(*source)
                state[name][index] = before[name][rows].mean(dim=0)
    leaves = {label.id for label in earlier.leaves}
    kept = {label.id: label for label in tree.leaves if counterparts.get(label.id) in leaves}
    found = {counterparts[label_id] for label_id in kept}
    return network, TransferReport(
        kept=tuple(label.name for label in kept.values()),
        added=tuple(label.name for label in tree.leaves if label.id not in kept),
        lost=tuple(label.name for label in earlier.leaves if label.id not in found),
    )


def _counterparts(tree: LabelTree, earlier: LabelTree) -> dict[int, int]:
    """Id in the earlier tree of each label that has one.

    Ids of trees that were made apart coincide without meaning the same. So ids count only where most of those in common
    agree in name or code; otherwise labels are matched by code, else by a name that occurs once.
    """
    shared = [label for label in tree if label.id in earlier]
    agreeing = sum(_alike(label, earlier[label.id]) for label in shared)
    if 2 * agreeing >= len(shared) > 0:
        return {label.id: label.id for label in shared}
    names: dict[str, list[Label]] = {}
    for label in earlier:
        names.setdefault(_folded(label.name), []).append(label)
    matches = {}
    for label in tree:
        named = names.get(_folded(label.name), ())
        coded = earlier.by_code.get(label.code) if label.code is not None else None
        if coded is not None and _alike(label, coded):
            matches[label.id] = coded.id
        elif len(named) == 1:
            matches[label.id] = named[0].id
    return matches


def _alike(label: Label, other: Label) -> bool:
    return _folded(label.name) == _folded(other.name) or (label.code is not None and label.code == other.code)


def _folded(name: str) -> str:
    """A name without case, underscores and hyphens: "Vertebra-C7" and "vertebra_c7" are one."""
    return " ".join(re.split(r"[\s_-]+", name.casefold())).strip()


def _source(label: Label, tree: LabelTree, counterparts: dict[int, int], earlier: LabelTree) -> tuple[int, int] | None:
    """Range of rows of the earlier head that a leaf starts from: its own, else that of the nearest ancestor that was a leaf."""
    if label.id in counterparts:
        return earlier.leaf_range(counterparts[label.id])
    known = (counterparts[above.id] for above in tree.ancestors(label.id) if above.id in counterparts)
    return next((earlier.leaf_range(label_id) for label_id in known if earlier.is_leaf(label_id)), None)
