"""`semseg losses`: what each loss is, where it comes from, when to use it, and with which options."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from semseg_core.train.events import EventSink

if TYPE_CHECKING:
    from semseg_core.losses.entries import Entry

WIDTH = 100


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add `losses`."""
    parser = commands.add_parser(
        "losses",
        help="list the losses that --loss takes",
        description="List the losses that --loss takes. They can be summed and weighted: "
        "--loss '0.9*tversky + 0.1*log-hausdorff', --loss 'wasserstein(beta=2, inner=mass)'.",
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, on_event: EventSink, cancelled: Callable[[], bool]) -> None:
    """Print the table of losses, or some of its entries.

    Raises:
        InputError: If a name is not in the table.
    """
    del on_event, cancelled
    from semseg_core.losses.table import LOSSES, find_entry

    chosen = [find_entry(name) for name in arguments.names] or list(LOSSES.values())
    print("\n\n".join(_described(entry) for entry in chosen))


def _described(entry: Entry) -> str:
    """An entry as a block of text: its name, and what it says about itself."""
    from semseg_core.losses.table import default_options

    options = ", ".join(f"{name}={_written(value)}" for name, value in default_options(entry).items()) or "none"
    if entry.takes_any_option:
        options += ", and those of the loss"
    facts = {
        "formula": entry.formula,
        "options": options,
        "source": entry.source,
        "use": entry.when,
    }
    lines = [entry.name, *textwrap.wrap(entry.sentence, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    for name, fact in facts.items():
        lines += textwrap.wrap(fact, WIDTH, initial_indent=f"  {name:<9}", subsequent_indent=" " * 11, break_long_words=False)
    return "\n".join(lines)


def _written(value: object) -> str:
    """A default as one writes it in an expression."""
    if value is None:
        return "…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
