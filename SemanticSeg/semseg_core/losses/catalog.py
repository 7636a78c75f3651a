"""Every loss in words. Needs no torch, so that a program can offer the choice before that is installed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """One loss in words.

    Args:
        name: As in expressions.
        title: What a list for people calls it.
        sentence: What it is, in one sentence.
        formula: Of one annotated voxel or, for overlap and boundary losses, of one item and leaf.
        source: Paper or code, and what is our choice.
        when: When to use it.
        expression: What the name stands for; empty where it is a loss of its own.
    """

    name: str
    title: str
    sentence: str
    formula: str
    source: str
    when: str
    expression: str = ""


DEFAULT_LOSS = "cross-entropy + 0.3*tree-cross-entropy"
"""What training uses where nothing is said; costs little more than cross-entropy, and helps the coarse levels most."""

DESCRIPTIONS = (
    Description(
        "default",
        "Recommended",
        "Recommended: cross-entropy on the leaves, and a little of it on every level above.",
        DEFAULT_LOSS,
        "Our choice: from 3 500 scribbled voxels of a brain it was level with or above all else we tried, by a margin of noise.",
        "When you do not know which to take.",
        expression=DEFAULT_LOSS,
    ),
    Description(
        "cross-entropy",
        "Plain",
        "Cross-entropy on annotated voxels only.",
        "-log P(mark)",
        "Partial loss of nnU-Net; on inner labels the marginal of Fidon et al. 2021.",
        "As the plain baseline, and as a part of most sums.",
    ),
    Description(
        "wasserstein",
        "Distance along the tree",
        "Cross-entropy plus how far along the tree the probabilities must move to reach the mark.",
        "alpha (-log P(mark)) + beta Σ_l p_l M(mark, l)",
        "Wang et al. 2025, arXiv 2507.15777. Path lengths as M, its maximum of 1, alpha and beta are our choice.",
        "When a mistake across groups should cost more than one within a group.",
    ),
    Description(
        "tree-cross-entropy",
        "All levels of the tree",
        "Cross-entropy of the mark and of every label above it, weighted equally, by level, by edge length, or at the top only.",
        "Σ_{v on the path to the mark} w_v (-log P_v)",
        "Wang et al. 2025, arXiv 2507.15777, for the idea; the formula is our reconstruction.",
        "When coarse labels must be right before fine ones; weights=top for sparse marks in few coarse groups.",
    ),
    Description(
        "wasserstein-dice",
        "Overlap by distance along the tree",
        "Dice loss in which a voxel is wrong by how far it is from its mark along the tree.",
        "1 - 2 Σ a (1 - W) / (2 Σ a (1 - W) + Σ W)",
        "Fidon et al. 2017; weighting=generalized by Tilborghs et al. 2020.",
        "With cross-entropy, for many small classes; not alone, since it hardly corrects a confident mistake.",
    ),
    Description(
        "wasserstein-dice-cross-entropy",
        "Plain + overlap by distance",
        "Wasserstein Dice and cross-entropy in equal parts.",
        "cross-entropy + wasserstein-dice",
        "Fidon et al. and Shit et al. train with this sum; whether Wang et al. 2025 do is not known.",
        "For dense labels of many classes.",
        expression="cross-entropy + wasserstein-dice",
    ),
    Description(
        "region-tversky",
        "Overlap, place by place",
        "Tversky loss in boxes of the volume, each weighing false positives and negatives by its own errors.",
        "1 - TP / (TP + alpha FP + beta FN), alpha = A + B FP / (FP + FN), beta = A + B FN / (FP + FN), means per box",
        "Chen et al., IEEE TPAMI 45(11), 2023, by two re-implementations; the mean over boxes is our choice, the paper sums.",
        "For dense labels in which errors gather in places; as a small part beside cross-entropy.",
    ),
    Description(
        "dice",
        "Overlap",
        "Soft Dice on annotated voxels only.",
        "1 - 2 Σ p y / (Σ p + Σ y)",
        "MONAI's DiceLoss and nnU-Net's masked Dice.",
        "With cross-entropy, for small structures among densely labelled background.",
    ),
    Description(
        "focal",
        "Hard voxels first",
        "Cross-entropy that counts unsure voxels more.",
        "(1 - P(mark))^gamma (-log P(mark))",
        "Lin et al. 2017, on softmax probabilities.",
        "When easy voxels outnumber hard ones by far.",
    ),
    Description(
        "tversky",
        "Overlap, nothing missed",
        "Dice with weights of its own for false positives and false negatives.",
        "1 - TP / (TP + alpha FP + beta FN)",
        "Salehi et al. 2017; 0.3 and 0.7 as in Usman et al. 2025, arXiv 2502.09148.",
        "For small lesions that must not be missed.",
    ),
    Description(
        "dice-focal",
        "Overlap + hard voxels",
        "Dice and focal loss in equal parts.",
        "dice + focal",
        "Usman et al. 2025; MONAI's DiceFocalLoss, but with the focal loss on softmax probabilities.",
        "For lesions of uneven size.",
        expression="dice + focal",
    ),
    Description(
        "hausdorff",
        "Outline",
        "Squared error weighed by the squared distance to the predicted and to the true boundary.",
        "mean over voxels of (p - y)² (d_predicted² + d_true²)",
        "Karimi and Salcudean 2019; MONAI's HausdorffDTLoss.",
        "As a small part beside an overlap loss, on densely labelled boxes.",
    ),
    Description(
        "log-hausdorff",
        "Outline, tamed",
        "Logarithm of one plus the Hausdorff loss, which tames outliers.",
        "log(1 + hausdorff)",
        "MONAI's LogHausdorffDTLoss; Usman et al. 2025.",
        "Instead of hausdorff in sums, since its size is that of the other losses.",
    ),
    Description(
        "dice-focal-hausdorff",
        "Overlap + hard voxels + outline",
        "Dice and focal loss with a little of the boundary.",
        "0.9*dice + 0.9*focal + 0.1*log-hausdorff",
        "Usman et al. 2025, arXiv 2502.09148 (validated on four patients).",
        "For lesions whose outline matters, on densely labelled boxes.",
        expression="0.9*dice + 0.9*focal + 0.1*log-hausdorff",
    ),
    Description(
        "tversky-hausdorff",
        "Overlap, nothing missed + outline",
        "Tversky loss with a little of the boundary.",
        "0.9*tversky + 0.1*log-hausdorff",
        "Usman et al. 2025, arXiv 2502.09148: their best Dice, on four patients.",
        "For small lesions whose outline matters, on densely labelled boxes.",
        expression="0.9*tversky + 0.1*log-hausdorff",
    ),
    Description(
        "dice-cross-entropy",
        "Plain + overlap",
        "Dice and cross-entropy in equal parts, on annotated voxels only.",
        "cross-entropy + dice",
        "nnU-Net's partial loss, which is this less 1, and leaves the background out of Dice.",
        "For comparison: the strongest baseline of ScribbleBench (Gotkowski et al. 2025).",
        expression="cross-entropy + dice",
    ),
    Description(
        "level-sum",
        "Every level alike",
        "Cross-entropy on every level, a shallow leaf counting again for the levels it does not reach.",
        "Σ_levels -log P(label of the mark at that level)",
        "Müller and Smith, VISAPP 2020, and their code.",
        "For comparison.",
    ),
    Description(
        "hxe",
        "Step by step down the tree",
        "Hierarchical cross-entropy: conditional probabilities along the path, deeper ones counting less.",
        "Σ_{v on the path} exp(-alpha depth(v)) (-log P(v | parent))",
        "Bertinetto et al., CVPR 2020, and their code; normalize=yes divides as the code does.",
        "For comparison.",
    ),
    Description(
        "soft-labels",
        "Near labels share",
        "Cross-entropy against labels that share some probability with near leaves.",
        "-Σ_l q_l log p_l, q_l in proportion to exp(-beta d(l, mark))",
        "Bertinetto et al., CVPR 2020.",
        "For comparison.",
    ),
    Description(
        "monai",
        "A loss of MONAI",
        "Any segmentation loss of MONAI, with its own options: monai(loss=DiceFocalLoss, gamma=3).",
        "as MONAI computes it",
        "monai.losses; tested with MONAI 1.6.1.",
        "For comparison, and for losses that are not in this table.",
    ),
)
