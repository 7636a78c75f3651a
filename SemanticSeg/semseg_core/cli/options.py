"""Options that several commands share."""

from __future__ import annotations

import argparse

from semseg_core.errors import InputError
from semseg_core.labels.tree import LabelTree
from semseg_core.train.events import EventSink, Note


def add_tree_options(parser: argparse.ArgumentParser) -> None:
    """Add `--tree`, `--value-column` and `--unknown-values`."""
    parser.add_argument(
        "--tree", required=True, metavar="TREE", help="label tree: a file, or a preset's name (semseg tree presets)"
    )
    add_reading_options(parser)


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add how a tree and its label maps are read: `--value-column` and `--unknown-values`."""
    parser.add_argument(
        "--value-column", metavar="NAME", help="column with the label-map values, where the tree's file has several"
    )
    parser.add_argument(
        "--unknown-values",
        metavar="V,V…",
        type=parse_values,
        default=(),
        help="label-map values that mean unknown, besides 0",
    )


def read_tree(arguments: argparse.Namespace, on_event: EventSink) -> LabelTree:
    """The tree that `add_tree_options` asked for; what was assumed while reading is told as notes."""
    from semseg_core.labels.reading import load_tree

    read = load_tree(arguments.tree, arguments.value_column, arguments.unknown_values)
    for note in read.notes:
        on_event(Note(note))
    return read.tree


def parse_values(text: str) -> tuple[int, ...]:
    """Label-map values from `42,43`.

    Raises:
        InputError: If a part is not a whole number.
    """
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(f"values '{text}': expected whole numbers separated by commas, like 42,43") from None


def parse_names(text: str) -> tuple[str, ...]:
    """Names from `t1,flair`; blanks around them are dropped.

    Raises:
        InputError: If a name is empty or given twice.
    """
    names = tuple(part.strip() for part in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise InputError(f"names '{text}': expected different names separated by commas, like t1,flair")
    return names
