"""The picture and the 3D view, drawn for real; what is in them is looked at by color and place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from semseg_core.geometry import Grid
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.tree import Label, LabelTree


@pytest.fixture
def content(phantom):
    from figure import Content

    return Content(
        image=phantom.volume.array[0],
        grid=phantom.volume.grid,
        tree=phantom.tree,
        marks=phantom.marks,
        label_ids=phantom.truth,
        confidence=np.where(phantom.truth > 0, 0.9, 0.1),
        title="Phantom, from scribbles",
        subtitle="a phantom",
        dice={"1": 1.0, "2": 1.0, "leaf": 1.0},
        label_dice={},
    )


def test_the_picture_shows_the_patients_right_on_the_left(content, tmp_path):
    from figure import draw_figure
    from PIL import Image

    draw_figure(tmp_path / "overlay.png", content, None)
    with Image.open(tmp_path / "overlay.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    assert picture.shape[1] > 1000
    red, _, blue = np.moveaxis(picture, -1, 0)
    columns = picture.shape[1]
    axial_result = np.s_[: picture.shape[0] // 3, int(0.36 * columns) : int(0.52 * columns)]
    blue_places = np.argwhere((blue - red)[axial_result] > 80)[:, 1]
    red_places = np.argwhere((red - blue)[axial_result] > 80)[:, 1]
    assert min(len(blue_places), len(red_places)) > 200
    assert np.percentile(blue_places, 90) < np.percentile(red_places, 10)  # the phantom's right labels are blue


def test_a_picture_of_one_flat_slice_and_no_answer_is_drawn_too(content, tmp_path):
    from dataclasses import replace

    from figure import draw_figure

    from semseg_core.sparse.scribbles import SparseLabels

    grid = Grid((1, 36, 32), content.grid.ijk_to_ras)
    marks = SparseLabels(grid, np.array([[0, 10, 10]]), np.array([3]))
    flat = np.zeros(grid.shape)
    thin = replace(content, image=content.image[:1], grid=grid, marks=marks, label_ids=flat.astype(int), confidence=flat, dice={})
    draw_figure(tmp_path / "overlay.png", thin, None)
    assert (tmp_path / "overlay.png").stat().st_size > 10_000


def test_the_legend_shows_whole_levels_as_far_as_they_fit():
    from legend import legend_rows

    tissue, brain = load_preset("brain-tissue"), load_preset("whole-brain")
    assert legend_rows(tissue) == list(tissue.labels)
    shown = legend_rows(brain)
    deepest = max(brain.depth(label.id) for label in shown)
    assert len(shown) <= 22
    assert sum(label in shown for label in brain if brain.depth(label.id) <= deepest) == len(shown)
    wide = LabelTree((Label(1, "root", 1), *(Label(n, f"leaf {n}", n, parent=1) for n in range(2, 60))))
    assert len(legend_rows(wide)) == 22


def test_the_volume_of_an_inner_label_includes_what_lies_below(brain_tree):
    from legend import volumes_ml

    label_ids = np.zeros((2, 5, 10), dtype=int)
    label_ids[0, 0, :6] = (2, 3, 3, 4, 5, 6)
    volumes = volumes_ml(label_ids, Grid((2, 5, 10), np.diag((10.0, 10.0, 20.0, 1.0))), brain_tree)
    assert volumes == pytest.approx({1: 12.0, 2: 8.0, 3: 4.0, 4: 2.0, 5: 2.0, 6: 2.0})


def test_where_opengl_ends_the_process_there_is_no_view_and_no_error(monkeypatch, phantom):
    import render

    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    real = subprocess.run
    monkeypatch.setattr(render.subprocess, "run", lambda _command, **options: real([sys.executable, "-c", crash], **options))
    colors = {label.id: label.color for label in phantom.tree}
    assert render.render_surfaces(phantom.truth, phantom.volume.grid.ijk_to_ras, colors, (0.0, 0.0, 0.0)) is None


def test_the_3d_view_shows_the_labels_in_their_colors_or_says_it_cannot(phantom):
    import render

    opengl = "import vtk; w = vtk.vtkRenderWindow(); w.SetOffScreenRendering(1); w.AddRenderer(vtk.vtkRenderer()); w.Render()"
    works = subprocess.run([sys.executable, "-c", opengl], capture_output=True, check=False).returncode == 0
    colors = {label.id: label.color for label in phantom.tree}
    view = render.render_surfaces(phantom.truth, phantom.volume.grid.ijk_to_ras, colors, (0.0, 0.0, 0.0))
    assert (view is not None) == works
    if view is None:
        return
    red, _, blue = np.moveaxis(view.astype(int), -1, 0)
    left, right = np.argwhere(red - blue > 60), np.argwhere(blue - red > 60)
    assert min(len(left), len(right)) > 10_000
    assert right[:, 1].mean() < left[:, 1].mean()  # seen from the front


def test_a_corner_is_cut_from_what_fills_its_box_only_where_the_viewer_looks():
    import render

    full = render.without_corner(np.ones((10, 10, 10), dtype=np.uint16), np.eye(4))
    assert (full == 0).sum() == 125
    assert not full[5:, 5:, 5:].any()


def test_a_large_volume_is_thinned_in_place():
    import render

    numbers = np.zeros((200, 300, 300), dtype=np.uint16)
    numbers[100, 100, 100] = 7
    thin, affine = render.thinned(numbers, np.diag((1.0, 2.0, 3.0, 1.0)))
    assert thin.size <= render.MOST_VOXELS
    place = np.argwhere(thin == 7)[0]
    np.testing.assert_allclose((affine @ [*place[::-1], 1])[:3], (100.0, 200.0, 300.0))
