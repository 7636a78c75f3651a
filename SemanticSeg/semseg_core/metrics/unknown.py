"""How well low confidence tells what a model has never seen from what it knows, and which confidence to ask for.

Source:
    Protocol of OOD-SEG (Wang et al., arXiv 2411.09553): whole labelled classes are left out of training and play the unknown;
    the score is the largest probability. Its choice of threshold is not known to us; both rules here are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.0, 1.0, 101)
"""Confidences tried."""

KEPT_RIGHT = 0.95
"""Part of the right answers that a recommended threshold keeps: what "true positive rate 95 %" is to out-of-distribution work."""


@dataclass(frozen=True, eq=False)
class RejectionCurve:
    """What happens as more confidence is asked for; arrays as long as `thresholds`.

    Args:
        thresholds: Least confidences of an answer.
        accuracy: Part of the voxels of known classes that are answered rightly.
        answered: Part of the voxels of known classes that are answered at all.
        recall: Part of the voxels of held-out classes that are unknown, as they should be.
        auroc: Chance that a voxel of a known class is more confident than one of a held-out class; 0.5 is no better than a coin.
    """

    thresholds: np.ndarray
    accuracy: np.ndarray
    answered: np.ndarray
    recall: np.ndarray
    auroc: float

    def best_threshold(self) -> float:
        """The threshold with the greatest mean of accuracy and recall; the lowest of equals."""
        return float(self.thresholds[np.argmax(self.accuracy + self.recall)])

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Accuracy, part answered and recall at the threshold next below or equal."""
        place = np.searchsorted(self.thresholds, threshold + 1e-9, side="right") - 1
        return float(self.accuracy[place]), float(self.answered[place]), float(self.recall[place])


def rejection_curve(confidence: np.ndarray, right: np.ndarray, known: np.ndarray) -> RejectionCurve:
    """The curve of some voxels.

    Args:
        confidence: Probability of each answer, (N,) in 0…1.
        right: Whether it is right, (N,) bool; of no account where not known.
        known: Whether the voxel's class was trained on, (N,) bool; both kinds must be there.
    """
    sure, unsure = confidence[known], confidence[~known]
    return RejectionCurve(
        thresholds=THRESHOLDS,
        accuracy=_part_from(sure[right[known]], len(sure)),
        answered=_part_from(sure, len(sure)),
        recall=1.0 - _part_from(unsure, len(unsure)),
        auroc=auroc(sure, unsure),
    )


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Chance that a random known voxel scores above a random unknown one, ties counting half (Mann and Whitney's U / n m)."""
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left") + np.searchsorted(ordered, known, side="right")
    return float(below.mean() / (2 * len(unknown)))


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: how far the mean confidence of voxels alike lies from the part of them that is right.

    Args:
        confidence: Of each answer, (N,) in 0…1; N at least 1.
        right: Whether it is right, (N,) bool.
        bins: Equal parts of 0…1 that voxels are put into; each counts as its voxels are many.

    Source:
        Guo et al., ICML 2017, equation 3.
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    excess = np.bincount(which, confidence - right, minlength=bins)
    return float(np.abs(excess).sum() / len(confidence))


def keeping_threshold(confidence: np.ndarray, right: np.ndarray, kept: float = KEPT_RIGHT) -> float:
    """The greatest threshold that leaves a part of the right answers answered, rounded down to hundredths; 0 if none is right."""
    if not right.any():
        return 0.0
    return float(np.floor(100.0 * np.quantile(confidence[right], 1.0 - kept, method="lower")) / 100.0)


def _part_from(confidence: np.ndarray, count: int) -> np.ndarray:
    """By threshold: how many confidences reach it, as a part of `count`."""
    # A thousandth of a hundredth: sums of float32 probabilities that ought to be 1 may lack as much.
    reached = len(confidence) - np.searchsorted(np.sort(confidence), THRESHOLDS - 1e-5, side="left")
    return reached / count
