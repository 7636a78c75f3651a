"""What learning is measured on: real volumes with labels, and a synthetic hyperspectral set, each read by a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from synthetic_hyperspectral import SyntheticSet

from semseg_core.data.images import read_label_map, read_volume
from semseg_core.data.volume import Volume
from semseg_core.labels.encode import values_to_ids
from semseg_core.labels.reading import load_tree
from semseg_core.labels.tree import Label, LabelTree

IXI, IXI_TREE = "brain-ixi-dlmuse", "label-trees/muse_lobe_tree.json"
MALF, MALF_TREE = "brain-malf-manual", "label-trees/joint_braincolor_tree.json"
MALF_UNKNOWN = (42, 43, 63, 64, 65, 66, 74, 126, 127)
"""Values of MALF that the joint tree has no label for."""

ORGANS, SPINE = "ct-totalsegmentator", "spine-tptbox"
SUBREGIONS = {
    41: "arch",
    42: "spinous process",
    43: "costal process left",
    44: "costal process right",
    45: "superior articular process left",
    46: "superior articular process right",
    47: "inferior articular process left",
    48: "inferior articular process right",
    49: "body border",
    50: "body",
    60: "spinal cord",
    61: "spinal canal",
    62: "endplate",
    100: "disc",
}
"""Values of TPTBox's sub-region maps; in its vertebra maps a disc has the number of its vertebra and 100, an endplate 200."""

CANAL = 1000
"""What stands for the vertebra where there is none, in the canal."""


@dataclass(frozen=True, eq=False)
class Case:
    """One labelled image.

    Args:
        name: Of its files.
        volume: Intensities as stored.
        label_ids: Dense labels, (D, H, W), 0 where unknown and where nobody teaches.
        tree: Their tree.
        untaught: Where a class is shown that is never taught, (D, H, W) bool; None where there is no such class.
    """

    name: str
    volume: Volume
    label_ids: np.ndarray
    tree: LabelTree
    untaught: np.ndarray | None = None


@dataclass(frozen=True)
class Dataset:
    """Cases of one kind.

    Args:
        key: For the command line and records.
        title: Heading.
        setup: What it is, in sentences.
        cases: Reads so many cases, or as many as there are, from the folder of the data.
    """

    key: str
    title: str
    setup: str
    cases: Callable[[Path, int], Iterator[Case]]


def ixi_names(data: Path) -> list[str]:
    """Subjects of IXI, in order."""
    return sorted(path.name.removesuffix("_DLMUSE.nii.gz") for path in (data / IXI).glob("*_DLMUSE.nii.gz"))


def read_ixi(data: Path, names: Sequence[str]) -> Iterator[Case]:
    """Some subjects of IXI."""
    tree = load_tree(data / IXI_TREE).tree
    for name in names:
        yield _read(name, data / IXI / f"{name}_T1.nii.gz", data / IXI / f"{name}_DLMUSE.nii.gz", tree)


def read_malf(data: Path, count: int) -> Iterator[Case]:
    """Subjects of the MICCAI 2012 challenge, under the joint tree; white matter is labelled on inner labels there."""
    tree = load_tree(data / MALF_TREE, "MALF", MALF_UNKNOWN).tree
    for path in sorted((data / MALF).glob("*_SS.nii.gz"))[:count]:
        name = path.name.removesuffix("_SS.nii.gz")
        yield _read(name, path, path.with_name(f"{name}_glm.nii.gz"), tree)


def read_organs_ct(data: Path, count: int) -> Iterator[Case]:
    """The only CT of a body; the smaller one in that folder is probably the same patient."""
    yield from _read_organs(data, "example_ct", "example_seg_fast_force_split", "total")[:count]


def read_organs_mr(data: Path, count: int) -> Iterator[Case]:
    """The only MR image of a body."""
    yield from _read_organs(data, "example_mr_sm", "example_seg_mr", "total_mr")[:count]


def read_spine_ct(data: Path, count: int) -> Iterator[Case]:
    """The only CT crop of a spine."""
    yield from [_read_spine(data / SPINE, "sub-ct", "22", "ct")][:count]


def read_spine_mr(data: Path, count: int) -> Iterator[Case]:
    """The only MR crop of a spine."""
    yield from [_read_spine(data / SPINE, "sub-mri", "6", "T2w")][:count]


def make_hyperspectral(data: Path, count: int) -> Iterator[Case]:
    """Synthetic images; nothing is read."""
    del data
    made = SyntheticSet()
    for number in range(count):
        image = made.image(number)
        known = np.where(image.untaught, 0, image.label_ids)
        yield Case(f"synthetic {number}", image.volume, known, made.tree, image.untaught)


def _read(name: str, image: Path, labels: Path, tree: LabelTree) -> Case:
    label_map = read_label_map(labels)
    volume = read_volume([image])
    label_map.grid.require_same(volume.grid, f"labels {labels}", f"image {image}")
    return Case(name, volume, values_to_ids(label_map.array, tree, what=f"labels {labels}"), tree)


def _read_organs(data: Path, image: str, labels: str, task: str) -> list[Case]:
    tree = load_tree(data / f"label-trees/totalsegmentator_{task}_tree.json").tree
    return [_read(image, data / ORGANS / f"{image}.nii.gz", data / ORGANS / f"{labels}.nii.gz", tree)]


def _read_spine(folder: Path, subject: str, number: str, kind: str) -> Case:
    """Two maps, of vertebrae and of their sub-regions, as one map under a tree of two levels."""
    volume = read_volume([folder / f"{subject}_label-{number}_{kind}.nii.gz"])
    maps = [
        read_label_map(folder / f"{subject}_seg-{part}_label-{number}_msk.nii.gz").array.astype(np.int32)
        for part in ("vert", "subreg")
    ]
    vertebrae = np.where(maps[0] > 0, maps[0] % 100, CANAL)
    keys = np.where(maps[1] > 0, vertebrae * 1000 + maps[1], 0)
    labels, ids = [Label(1, "spine", 1)], np.zeros_like(keys)
    for vertebra in np.unique(vertebrae[keys > 0]).tolist():
        parent = Label(len(labels) + 1, "canal" if vertebra == CANAL else f"vertebra {vertebra}", len(labels) + 1, parent=1)
        labels.append(parent)
        for region in np.unique(maps[1][(keys > 0) & (vertebrae == vertebra)]).tolist():
            labels.append(Label(len(labels) + 1, f"{parent.name} {SUBREGIONS[region]}", len(labels) + 1, parent=parent.id))
            ids[keys == vertebra * 1000 + region] = labels[-1].id
    return Case(subject, volume, ids, LabelTree(tuple(labels), title=f"{subject}: vertebrae and their parts"))


ONE = (
    "**One volume: the spread is over strokes and initial weights alone and says nothing about other patients.** "
    "Labels are silver (predicted)."
)

DATASETS = {
    dataset.key: dataset
    for dataset in (
        Dataset(
            "ixi",
            "Brain, 148 leaves (IXI)",
            "T1 with skull at 2 mm, lobe tree of MUSE, six levels. Labels are silver (predicted by DLMUSE).",
            lambda data, count: read_ixi(data, ixi_names(data)[:count]),
        ),
        Dataset(
            "malf",
            "Brain, manual labels (MALF)",
            "T1 without skull at 1 mm, joint tree of BrainCOLOR, six levels; white matter is marked on inner labels (values 44 "
            "and 45), below which any answer counts as right. Labels were drawn by hand.",
            read_malf,
        ),
        Dataset("ct", "Organs, CT (TotalSegmentator)", f"Abdomen and pelvis at 3 mm, 61 of 117 leaves. {ONE}", read_organs_ct),
        Dataset("mr", "Organs, MR (TotalSegmentator)", f"20 slices at 3 mm, 23 of 50 leaves. {ONE}", read_organs_mr),
        Dataset("spine-ct", "Spine, CT (TPTBox)", f"Crop of three vertebrae at 1.5 mm, two levels. {ONE}", read_spine_ct),
        Dataset("spine-mr", "Spine, MR (TPTBox)", f"T2 crop of three vertebrae at 1.5 mm, two levels. {ONE}", read_spine_mr),
        Dataset(
            "hyperspectral",
            "Synthetic hyperspectral images, 107 leaves",
            "**No camera took these images** (`benchmarks/synthetic_hyperspectral.py`): 64 bands, one slice of 128×128, four top "
            "groups, 20 classes an image, of which 4 are never taught. AUROC is the chance that a pixel of a taught class is "
            "more confident than one of the others.",
            make_hyperspectral,
        ),
    )
}
