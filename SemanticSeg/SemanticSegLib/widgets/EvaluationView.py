"""How good a result is: Dice by level, and the most frequent mistakes, near and far in the tree."""

from __future__ import annotations

import math

import qt
from slicer.i18n import tr as _

from SemanticSegLib.logic.Evaluating import Mistakes
from semseg_core.metrics.records import Confusion, Report

LISTED = 5
"""Mistakes shown of each kind."""


class EvaluationView:
    """A few lines and a tree of numbers.

    Args:
        layout: Where it is put.
    """

    def __init__(self, layout: qt.QLayout) -> None:
        self.widget = qt.QWidget()
        box = qt.QVBoxLayout(self.widget)
        box.setContentsMargins(0, 0, 0, 0)
        self._summary = qt.QLabel()
        self._summary.setTextFormat(qt.Qt.PlainText)
        self._summary.wordWrap = True
        self._summary.toolTip = _("Shares of the voxels whose truth is known; cautious answers name a label above the true one")
        box.addWidget(self._summary)
        self._table = qt.QTreeWidget()
        self._table.setColumnCount(2)
        self._table.setHeaderLabels([_("Measure"), _("Value")])
        self._table.header().stretchLastSection = False
        self._table.header().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        self._table.header().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)
        self._table.accessibleName = _("Evaluation")
        self._table.toolTip = _("Dice of 1 is full agreement. Mistakes are told as: truth → answer, number of voxels.")
        self._table.setMinimumHeight(220)
        box.addWidget(self._table)
        layout.addWidget(self.widget)
        self.widget.hide()

    def show(self, report: Report) -> None:
        """Show a report in place of an earlier one."""
        scores = report.tree
        self._summary.text = _(
            "Correct {correct}, cautious {cautious}, wrong {wrong} (of these {sibling} for a sibling)."
        ).format(
            correct=percent(scores.accuracy),
            cautious=percent(scores.caution),
            wrong=percent(scores.mistakes),
            sibling=percent(scores.sibling_mistakes),
        )
        self._table.clear()
        self._addGroup(
            _("Dice by level"),
            [
                (_("leaves") if level == "leaf" else _("level {level}").format(level=level), number(value), "")
                for level, value in report.dice.items()
            ],
            expanded=True,
        )
        mistakes = Mistakes.of(report)
        self._addGroup(_("Mistaken for a sibling"), [_line(pair) for pair in mistakes.siblings[:LISTED]], expanded=True)
        self._addGroup(_("Mistaken for a stranger"), [_line(pair) for pair in mistakes.strangers[:LISTED]], expanded=True)
        labels = [(label.path.rpartition("/")[2], number(label.dice), label.path) for label in report.labels]
        self._addGroup(_("Dice by label"), labels, expanded=False)
        self.widget.show()

    def hide(self) -> None:
        """Show nothing."""
        self.widget.hide()

    def _addGroup(self, title: str, rows: list[tuple[str, str, str]], expanded: bool) -> None:
        group = qt.QTreeWidgetItem(self._table)
        group.setText(0, title if rows else _("{title}: none").format(title=title))
        for name, value, tip in rows:
            row = qt.QTreeWidgetItem(group)
            row.setText(0, name)
            row.setText(1, value)
            row.setToolTip(0, tip or name)
            row.setTextAlignment(1, qt.Qt.AlignRight)
        group.setExpanded(expanded)


def percent(share: float) -> str:
    """A share in words; a dash where there is none."""
    return "–" if math.isnan(share) else f"{100 * share:.1f}\u00a0%"


def number(value: float) -> str:
    """A Dice in words; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def _line(pair: Confusion) -> tuple[str, str, str]:
    names = [path.rpartition("/")[2] for path in (pair.truth, pair.answer)]
    return " → ".join(names), f"{pair.voxels}", f"{pair.truth} → {pair.answer}"
