"""What came of a run: read from the files of the command line, and shown as table, report, scene and picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from figure import Content, draw_figure
from legend import legend_rows, volume_text, volumes_ml
from render import render_surfaces
from sheet import GROUND

from semseg_core.data.cases import split_images
from semseg_core.data.image_files import read_image_file
from semseg_core.data.images import read_volume
from semseg_core.data.scribbles import read_scribbles
from semseg_core.data.segmentation import read_segmentation
from semseg_core.data.volume import Volume
from semseg_core.files import write_text
from semseg_core.labels.encode import values_to_ids
from semseg_core.labels.reading import load_tree
from semseg_core.labels.tree import LabelTree
from semseg_core.sparse.scribbles import SparseLabels

FILES = ("model", "result.seg.nrrd", "confidence.nii.gz", "report.json")
"""What the command line writes, by name."""

NO_OPENGL = (
    "The 3D view was left out of overlay.png, because 3D cannot be drawn here; on Debian or Ubuntu, OpenGL comes with: "
    "sudo apt install libegl1 libgl1-mesa-dri"
)
NO_SLICER = "scene.mrb was not written, because the package slicer-core cannot be loaded here ({}); install it with: make setup"


@dataclass(frozen=True)
class Outcome:
    """A run's input and output.

    Args:
        name: What the image is called: the name of its file.
        volume: The image.
        tree: The tree.
        marks: The scribbles, on the image's grid.
        label_ids: The result, (D, H, W); 0 where unknown.
        confidence: Its probabilities, (D, H, W).
    """

    name: str
    volume: Volume
    tree: LabelTree
    marks: SparseLabels
    label_ids: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Scores:
    """Dice by level and by label id; empty where no truth is known."""

    levels: dict[str, float]
    labels: dict[int, float]


def gather(images: str, scribbles: str, tree_source: str, result: Path, confidence: Path) -> Outcome:
    """Read back what a run was given and what it wrote.

    Raises:
        SemSegError: If a file cannot be read.
    """
    tree = load_tree(tree_source).tree
    sources = split_images(images)
    volume = read_volume(sources)
    marks, _ = read_scribbles(scribbles, tree, grid=volume.grid)
    label_ids = values_to_ids(read_segmentation(result, tree).values, tree)
    name = Path(sources[0]).name.partition(".")[0]
    return Outcome(name, volume, tree, marks, label_ids, read_image_file(confidence, "confidence map").frames[0])


def write_own_report(path: Path, found: Outcome) -> None:
    """Write what is known without a truth: volumes, scribbles and certainty of every label. No path, no patient's name."""
    volumes = volumes_ml(found.label_ids, found.volume.grid, found.tree)
    drawn = found.marks.counts()
    answered = found.label_ids > 0
    labels = [
        {
            "id": label.id,
            "path": found.tree.path(label.id),
            "scribbled_voxels": drawn.get(label.id, 0),
            "volume_ml": round(volumes[label.id], 4),
        }
        for label in found.tree
    ]
    record = {
        "tree_title": found.tree.title,
        "voxels": found.volume.grid.voxel_count,
        "answered_voxels": int(answered.sum()),
        "scribbled_voxels": len(found.marks),
        "confidence": _summary(found.confidence[answered]),
        "labels": labels,
    }
    write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n", "report")


def read_scores(report: Path) -> Scores:
    """Dice from a report of `semseg evaluate`; none from a report without truth."""
    record = json.loads(report.read_text(encoding="utf-8"))
    labels = {label["id"]: label["dice"] for label in record["labels"] if label.get("dice") is not None}
    return Scores({level: dice for level, dice in record.get("dice", {}).items() if dice is not None}, labels)


def write_scene(path: Path, found: Outcome) -> None:
    """Write the scene; where Slicer's MRML is not installed, say so."""
    try:
        import scene
    except ImportError as error:
        print(NO_SLICER.format(error))
        return
    scene.write_scene(path, found.name, found.volume, found.tree, found.marks, found.label_ids, found.confidence)


def write_picture(path: Path, found: Outcome, scores: Scores, subject: str, effort: str) -> None:
    """Write the picture; where 3D cannot be drawn, its slices alone, and say so."""
    colors = {label.id: label.color for label in found.tree}
    surfaces = render_surfaces(found.label_ids, found.volume.grid.ijk_to_ras, colors, GROUND)
    if surfaces is None and found.label_ids.any():
        print(NO_OPENGL)
    part = len(found.marks) / found.volume.grid.voxel_count
    content = Content(
        image=found.volume.array[0],
        grid=found.volume.grid,
        tree=found.tree,
        marks=found.marks,
        label_ids=found.label_ids,
        confidence=found.confidence,
        title=found.tree.title[:1].upper() + found.tree.title[1:] + ", from scribbles",
        subtitle=f"{subject}   ·   {len(found.marks):,} scribbled voxels, {part:.2%} of the image   ·   {effort}",
        dice=scores.levels,
        label_dice=scores.labels,
    )
    draw_figure(path, content, surfaces)


def print_table(found: Outcome, scores: Scores) -> None:
    """Print mean Dice by level, then volume and Dice of the labels, of as many levels as the picture's legend shows."""
    tree = found.tree
    if scores.levels:
        print("\nMean Dice")
    for level, dice in scores.levels.items():
        labels = tree.leaves if level == "leaf" else tree.level_cut(int(level))
        name = "leaves" if level == "leaf" else f"level {level}"
        print(f"  {name:<34}{dice:8.3f}   of {len(labels)} labels")
    volumes = volumes_ml(found.label_ids, found.volume.grid, tree)
    print(f"\n{'Label':<36}{'Dice':>8}{'ml':>10}" if scores.labels else f"\n{'Label':<36}{'ml':>18}")
    for label in legend_rows(tree):
        name = "  " * (tree.depth(label.id) + 1) + label.name
        dice = f"{scores.labels[label.id]:8.3f}" if label.id in scores.labels else " " * 8
        print(f"{name:<36}{dice}{volume_text(volumes[label.id]):>10}")


def _summary(values: np.ndarray) -> dict[str, float] | None:
    if not values.size:
        return None
    low, median = np.percentile(values, (5, 50))
    return {"mean": round(float(values.mean()), 4), "median": round(float(median), 4), "percentile_5": round(float(low), 4)}
