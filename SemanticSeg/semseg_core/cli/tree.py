"""`semseg tree`: show, check and convert label trees, and list the presets."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from semseg_core.cli.options import add_reading_options
from semseg_core.errors import InputError
from semseg_core.labels.colors import to_bytes, to_hex
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.train.events import EventSink, Note


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add `tree` with its four actions."""
    parser = commands.add_parser("tree", help="show, check and convert label trees; list the presets")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    show = _add_action(actions, "show", "print a tree with values, colors and counts", show_tree)
    show.add_argument("tree", metavar="TREE", help="a file, or a preset's name")
    show.add_argument("--level", type=int, metavar="N", help="down to this level only; 0 is the root")
    show.add_argument(
        "--distances", action="store_true", help="print the path length between every two leaves (of the level) too"
    )
    add_reading_options(show)

    validate = _add_action(actions, "validate", "say whether a file is a valid tree, and what was assumed", validate_tree)
    validate.add_argument("tree", metavar="TREE", help="a file, or a preset's name")
    add_reading_options(validate)

    convert = _add_action(actions, "convert", "write a tree in another format, chosen by suffix", convert_tree)
    convert.add_argument("tree", metavar="IN", help="a file, or a preset's name")
    convert.add_argument("output", metavar="OUT", help="file ending in .json, .csv, .ctbl, .txt or .term.json")
    add_reading_options(convert)

    presets = _add_action(actions, "presets", "list the presets, or tell where one comes from", show_presets)
    presets.add_argument("name", metavar="NAME", nargs="?", help="preset to describe")


def show_tree(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Print a tree with one label a line."""
    del cancelled
    tree = _read(arguments, on_event)
    level = tree.height if arguments.level is None else arguments.level
    shown = tree.level_cut(level)  # refuses a level the tree does not have
    print(_headline(tree))
    for line in _tree_lines(tree, level, _Palette(sys.stdout.isatty() and "NO_COLOR" not in os.environ)):
        print(line)
    if arguments.distances:
        _print_distances(tree, shown)


def validate_tree(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Read a tree; any fault has become an error by then."""
    del cancelled
    tree = _read(arguments, on_event)
    print(f"valid: {_headline(tree)}")
    coded = sum(label.terminology is not None for label in tree.leaves)
    print(f"  values {min(tree.by_value)}–{max(tree.by_value)}; terminology on {coded} of {len(tree.leaves)} leaves")
    if tree.ignored_values:
        print(f"  values that mean unknown: {', '.join(str(value) for value in sorted(tree.ignored_values))}")


def convert_tree(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Write a tree to another file."""
    del cancelled
    from semseg_core.labels.reading import save_tree

    tree = _read(arguments, on_event)
    for note in save_tree(arguments.output, tree):
        on_event(Note(note, "warning"))
    print(f"{arguments.output}: {_headline(tree)}")


def show_presets(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """List all presets, or describe one."""
    del on_event, cancelled
    from semseg_core.labels.presets.catalog import load_preset, preset_names

    if arguments.name is not None:
        tree = load_preset(arguments.name)
        print(_headline(tree))
        print(tree.provenance)
        return
    width = max(map(len, preset_names()))
    for name in preset_names():
        print(f"{name:{width}}  {_headline(load_preset(name))}")


class _Palette:
    """Paints a block of a label's color on terminals, and its hexadecimal code elsewhere."""

    def __init__(self, on_terminal: bool) -> None:
        self._on_terminal = on_terminal

    def __call__(self, label: Label) -> str:
        if not self._on_terminal:
            return to_hex(label.color)
        red, green, blue = to_bytes(label.color)
        return f"\x1b[48;2;{red};{green};{blue}m  \x1b[0m"


def _add_action(actions: argparse._SubParsersAction, name: str, words: str, run: Callable[..., None]) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _read(arguments: argparse.Namespace, on_event: EventSink) -> LabelTree:
    """The tree named first on the command line; what was assumed is told as notes."""
    from semseg_core.labels.reading import load_tree

    read = load_tree(arguments.tree, arguments.value_column, arguments.unknown_values)
    for note in read.notes:
        on_event(Note(note))
    return read.tree


def _headline(tree: LabelTree) -> str:
    return f"{tree.title or tree.root.name}: {len(tree)} labels, {len(tree.leaves)} leaves, {tree.height + 1} levels"


def _tree_lines(tree: LabelTree, level: int, paint: _Palette) -> list[str]:
    """One line a label down to a level: branches, color, name, value, edge length unless it is 1, number of leaves below."""
    lines = []
    last_child = {children[-1].id for label in tree if (children := tree.children(label.id))}
    rails: list[str] = []  # for each label above but the root: whether its siblings continue below
    for label, depth, (start, stop) in zip(tree.labels, tree.depths, tree.leaf_ranges, strict=True):
        if depth > level:
            continue
        branch = ""
        if depth > 0:
            is_last = label.id in last_child
            del rails[depth - 1 :]
            branch = "".join(rails) + ("└─ " if is_last else "├─ ")
            rails.append("   " if is_last else "│  ")
        leaves = "" if tree.is_leaf(label.id) else f"  ({stop - start} leaves)"
        length = "" if label.length == 1.0 or depth == 0 else f"  ~{label.length:g}"
        lines.append(f"{branch}{paint(label)} {label.name} = {label.value}{length}{leaves}")
    return lines


def _print_distances(tree: LabelTree, labels: tuple[Label, ...]) -> None:
    """A table of path lengths, tab-separated, in the order of the tree."""
    if len(labels) > MOST_DISTANCES:
        raise InputError(
            f"{len(labels)} labels make a table too wide to read (limit {MOST_DISTANCES}); choose a --level with fewer"
        )
    print("\t".join(["distance", *(label.name for label in labels)]))
    for row in labels:
        print("\t".join([row.name, *(f"{tree.distance(row.id, column.id):g}" for column in labels)]))


MOST_DISTANCES = 512
"""Labels in a distance table; beyond that nobody reads it, and a screen is no place for it."""
