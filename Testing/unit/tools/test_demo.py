"""`make demo` as a user runs it: on the template, and on one's own files, good and bad."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from semseg_core.data.images import write_volume
from semseg_core.data.segmentation import read_segmentation, write_segmentation
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.reading import save_tree


@pytest.fixture
def own_files(phantom, tmp_path):
    """Image, scribbles and tree of the phantom as files."""
    paths = {"--image": tmp_path / "head.nii.gz", "--scribbles": tmp_path / "drawn.seg.nrrd", "--tree": tmp_path / "head.json"}
    write_volume(paths["--image"], phantom.volume.array[0], phantom.volume.grid)
    write_segmentation(
        paths["--scribbles"], phantom.marks.to_label_map(phantom.tree), phantom.volume.grid, phantom.tree, "MANUAL"
    )
    save_tree(paths["--tree"], phantom.tree)
    return {option: str(path) for option, path in paths.items()}


def arguments_of(options: dict[str, str]) -> list[str]:
    return [part for pair in options.items() for part in pair]


def test_own_data_become_a_segmentation_a_scene_a_picture_and_a_report(own_files, phantom, tmp_path, capfd):
    import demo

    output = tmp_path / "out"
    code = demo.main([*arguments_of(own_files), "--budget", "40steps", "--output", str(output)])
    printed = capfd.readouterr()
    assert code == 0, printed.err
    result = read_segmentation(output / "result.seg.nrrd", phantom.tree)
    assert result.grid.same_as(phantom.volume.grid)
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    volumes = {label["path"]: label["volume_ml"] for label in report["labels"]}
    answered = int((result.values > 0).sum())
    assert report["answered_voxels"] == answered
    assert volumes["/head"] == pytest.approx(answered * phantom.volume.grid.voxel_volume_ml, abs=1e-3)
    assert report["scribbled_voxels"] == len(phantom.marks)
    assert str(tmp_path) not in (output / "report.json").read_text(encoding="utf-8")
    assert (output / "overlay.png").stat().st_size > 20_000
    with zipfile.ZipFile(output / "scene.mrb") as bundle:
        assert bundle.testzip() is None
        assert any(name.endswith(".seg.nrrd") for name in bundle.namelist())
    assert "left core" in printed.out
    assert "make demo IMAGE=" in printed.out
    assert "Dice" not in printed.out.split("Label")[1]  # no truth, no score


def test_the_template_has_gray_and_white_matter_left_and_right():
    import template

    tree = load_preset(template.TREE)
    made = template.load_template(tree)
    assert made.image.shape == made.truth.shape == made.grid.shape
    assert ((made.truth > 0) == made.brain).all()
    assert made.image[made.brain].mean() > 10 * made.image[~made.brain].mean()
    ids = {
        name: tree.find(name).id for name in ("left gray matter", "right gray matter", "left white matter", "right white matter")
    }
    volumes = {name: (made.truth == label_id).sum() * made.grid.voxel_volume_ml for name, label_id in ids.items()}
    assert volumes["left gray matter"] == pytest.approx(volumes["right gray matter"], rel=0.03)
    assert 400 < volumes["left gray matter"] < 700
    assert 250 < volumes["left white matter"] < 400
    assert made.image[made.truth == ids["left white matter"]].mean() > made.image[made.truth == ids["left gray matter"]].mean()
    left = made.grid.index_to_ras(np.argwhere(made.truth == ids["left white matter"]))[:, 0]
    assert left.max() < 0


@pytest.mark.parametrize("missing", ["--image", "--scribbles", "--tree"])
def test_two_of_three_own_files_are_not_enough(own_files, missing, tmp_path, capfd):
    import demo

    del own_files[missing]
    assert demo.main([*arguments_of(own_files), "--output", str(tmp_path)]) == 2
    assert f"{missing.strip('-').upper()} is missing" in capfd.readouterr().err


def test_the_error_of_a_step_is_shown_once_with_its_exit_code(own_files, tmp_path, capfd):
    import demo

    own_files["--image"] = str(tmp_path / "nowhere.nii.gz")
    assert demo.main([*arguments_of(own_files), "--budget", "1steps", "--output", str(tmp_path / "out")]) == 2
    error = capfd.readouterr().err
    assert error.count("nowhere.nii.gz") == 1
    assert "Traceback" not in error


def test_an_output_folder_that_cannot_be_made_gives_a_sentence(own_files, tmp_path, capfd):
    import demo

    (tmp_path / "taken").write_text("a file")
    assert demo.main([*arguments_of(own_files), "--output", str(tmp_path / "taken")]) == 2
    assert "demo: " in capfd.readouterr().err
