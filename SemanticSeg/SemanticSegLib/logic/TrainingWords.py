"""What a training tells its user: where it stands, and what came of it, in words one can act on."""

from __future__ import annotations

from slicer.i18n import tr as _

from SemanticSegLib.logic.TrainingLogic import FINISHING, PREPARING, TrainingResult
from SemanticSegLib.logic.TrainingRun import TrainingRun, levelWords
from semseg_core.labels.tree import LabelTree

GOOD, FAIR = 0.8, 0.6
"""Dice from which the labels of a level are called told apart well, or mostly: rules of thumb, for words only."""

NAMED = 3
"""Labels of a level that are named."""


def statusWords(state: str, run: TrainingRun) -> str:
    """What is going on, in one line."""
    if state == PREPARING:
        return _("Preparing the images: {percent} %").format(percent=round(100 * run.fraction))
    if state == FINISHING:
        return _("Saving the best model so far…")
    parts = [run.stage]
    if run.losses:
        parts.append(_("step {step}").format(step=run.losses[-1][0]))
    if run.secondsLeft:
        parts.append(_("{time} left").format(time=clock(run.secondsLeft)))
    return " · ".join(part for part in parts if part)


def clock(seconds: float) -> str:
    """A time as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def resultLines(result: TrainingResult, run: TrainingRun) -> list[str]:
    """What came of a training, and what to do next."""
    if not result.model:
        return [result.message]
    summary = run.summary
    if result.kind == "cancelled":
        opening = _("Cancelled. The best model so far is kept as '{model}': {steps} steps on {voxels} voxels.")
    else:
        opening = _("Model '{model}' is ready: {steps} steps on {voxels} voxels in {time}.")
    lines = [
        opening.format(
            model=result.model,
            steps=summary.get("steps", 0),
            voxels=summary.get("voxels", 0),
            time=clock(float(summary.get("seconds", 0.0))),
        )
    ]
    if not run.dice:
        return [*lines, _("Too few strokes to hold any back, so nothing was measured. Apply it and check by eye.")]
    held = summary.get("held_back_voxels", 0)
    lines.append(_("Agreement (Dice) on {held} voxels of strokes it was not shown:").format(held=held))
    return lines + [f"• {levelLine(level, dice, run.tree)}" for level, dice in run.dice.items()]


def levelLine(level: str, dice: float, tree: LabelTree) -> str:
    """How well the labels of a level are told apart."""
    labels = tree.leaves if level == "leaf" else tree.level_cut(int(level))
    names = ", ".join(label.name for label in labels[:NAMED]) + ("…" if len(labels) > NAMED else "")
    if dice >= GOOD:
        verdict = _("told apart well")
    elif dice >= FAIR:
        verdict = _("mostly right; check borders")
    else:
        verdict = _("often confused; scribble more there")
    return _("{where} ({count}: {names}): {dice:.2f}, {verdict}").format(
        where=levelWords(level), count=len(labels), names=names, dice=dice, verdict=verdict
    )
