"""Hierarchies of the Open Anatomy project, such as the SPL brain atlas: groups with members, structures with label-map values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semseg_core.errors import LabelTreeError
from semseg_core.labels.formats.columns import parse_color, whole_number
from semseg_core.labels.formats.foreign import ForeignLabel, ForeignTree, listed


def is_open_anatomy(nodes: Sequence[object]) -> bool:
    """Whether a JSON list is an Open Anatomy structure file."""
    return bool(nodes) and all(isinstance(node, Mapping) and "@id" in node and "@type" in node for node in nodes)


def read_open_anatomy(nodes: Sequence[Mapping[str, object]], title: str) -> ForeignTree:
    """The tree of its groups and structures; data sources are passed over.

    Two structures that share a label value are two surfaces of one region: the second is left out.

    Raises:
        LabelTreeError: If a structure is a member of two groups, or a group names a member that is not there.
        KeyError, TypeError, AttributeError: If something in it has another form.
    """
    kept = [node for node in nodes if node["@type"] in ("Group", "Structure")]
    known = {str(node["@id"]) for node in kept}
    parents: dict[str, str] = {}
    for node in kept:
        for member in node.get("member", ()):
            if member not in known:
                raise LabelTreeError(
                    f"group '{node['@id']}': its member '{member}' is not in the file; add it or remove the link"
                )
            if parents.setdefault(member, str(node["@id"])) != node["@id"]:
                raise LabelTreeError(f"'{member}': it has two parents, '{parents[member]}' and '{node['@id']}'; keep one of them")
    header = next((node for node in nodes if node["@type"] == "Header"), {})
    foreign = ForeignTree([], str(header.get("title") or title), linked=True)
    values: set[int] = set()
    twins = []
    for node in kept:
        name = str(node.get("annotation", {}).get("name") or node["@id"])
        value = _value(node)
        if value is not None and value in values:
            twins.append(name)
            continue
        values.add(value)
        color = parse_color(node.get("renderOption", {}).get("color"))
        key = str(node["@id"])
        foreign.labels.append(ForeignLabel(key, name, parents.get(key), value, color, key))
    _in_member_order(foreign, kept)
    if twins:
        foreign.notes.append(
            f"{len(twins)} structures share the label value of an earlier one and were left out: {listed(twins)}"
        )
    return foreign


def _value(node: Mapping[str, object]) -> int | None:
    """The value a structure has in the label map, None for groups."""
    keys = [selector.get("dataKey") for selector in node.get("sourceSelector", ()) if "LabelMapSelector" in selector["@type"]]
    return whole_number(keys[0]) if keys else None


def _in_member_order(foreign: ForeignTree, nodes: Sequence[Mapping[str, object]]) -> None:
    """Sort entries so that siblings follow the order in which their group lists them."""
    places = {member: place for node in nodes for place, member in enumerate(node.get("member", ()))}
    foreign.labels.sort(key=lambda entry: places.get(entry.key, -1))
