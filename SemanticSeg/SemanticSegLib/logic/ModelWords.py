"""The card of a model in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from semseg_core.models.card import ModelCard


def cardLines(card: ModelCard) -> tuple[tuple[str, str], ...]:
    """Titles and texts: what a model is for and where it comes from."""
    tree, training = card.tree, card.training
    labels = _("{title}: {leaves} labels on {height} levels").format(
        title=tree.title or _("untitled"), leaves=len(tree.leaves), height=tree.height
    )
    size = " × ".join(f"{step:.3g}" for step in card.spacing_mm[::-1])
    rules = dict.fromkeys((rule.kind, rule.low, rule.high) for rule in card.rules)
    return (
        (_("Labels"), labels),
        (_("Images"), ", ".join(card.channels)),
        (_("Orientation"), _("any; taken from the image")),
        (_("Voxels"), _("works at {size} mm; the result keeps the voxels of the image").format(size=size)),
        (_("Intensities"), "; ".join(_rule(*rule) for rule in rules)),
        (_("Air"), _("gets labels, too") if card.everywhere else _("stays unknown")),
        (_("Unfamiliar tissue"), _("gets labels, too") if card.known_floor is None else _("stays unknown, unless asked for")),
        (_("Learned from"), _learned(training)),
        (_("Agreement"), _agreement(training.get("held_back_dice"))),
    )


def diskWords(size: int) -> str:
    """Disk space in the unit that suits it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _rule(kind: str, low: float, high: float) -> str:
    if kind == "window":
        return _("fixed window from {low:g} to {high:g}").format(low=low, high=high)
    return _("fitted to the range of each image")


def _learned(training: dict[str, object]) -> str:
    if not training.get("voxels"):
        return _("not said")
    voxels = f"{int(training['voxels']):,}".replace(",", "\u202f")
    words = _("{voxels} voxels in {cases} images").format(voxels=voxels, cases=training.get("cases", "?"))
    if training.get("cases") == 1:
        words = _("{voxels} voxels in one image").format(voxels=voxels)
    return ", ".join(filter(None, (words, training.get("date"))))


def _agreement(dice: object) -> str:
    """Dice on strokes that were kept back, coarse levels first."""
    if not isinstance(dice, dict) or not dice:
        return _("not measured")
    told = [
        _("leaves {dice:.2f}").format(dice=value)
        if level == "leaf"
        else _("level {level} {dice:.2f}").format(level=level, dice=value)
        for level, value in dice.items()
        if isinstance(value, (int, float)) and level in ("1", "2", "leaf")
    ]
    return _("Dice on strokes kept back: {figures}").format(figures=", ".join(told))
