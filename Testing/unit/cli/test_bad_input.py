"""Whatever a new user gets wrong: one sentence, exit code 2, nothing written, nothing damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from semseg_core.data.image_files import to_sitk
from semseg_core.data.images import read_label_map, write_label_map, write_volume
from semseg_core.geometry import Grid
from semseg_core.models.directory import CARD, CHECKPOINT, WEIGHTS

Write = Callable[[Path, object], None]


def filled(value: float | None = None, where: tuple | None = None) -> Write:
    """Writes the phantom's image with something wrong in it."""

    def write(path: Path, phantom) -> None:
        array = phantom.volume.array[0].copy()
        array[... if where is None else where] = value
        sitk.WriteImage(to_sitk(array, phantom.volume.grid), str(path))

    return write


def color(path: Path, phantom) -> None:
    image = sitk.GetImageFromArray(np.zeros((*phantom.volume.grid.shape, 3), dtype=np.uint8), isVector=True)
    sitk.WriteImage(image, str(path))


def cut(path: Path, phantom) -> None:
    write_volume(path, phantom.volume.array[0], phantom.volume.grid)
    path.write_bytes(path.read_bytes()[:5000])


def text(path: Path, phantom) -> None:
    del phantom
    path.write_text("not an image\n" * 100)


def empty(path: Path, phantom) -> None:
    del phantom
    path.touch()


def folder(path: Path, phantom) -> None:
    del phantom
    path.mkdir()


def nothing(path: Path, phantom) -> None:
    del path, phantom


def marks(values: dict[int, tuple], shift_mm: float = 0.0, shape: tuple | None = None, kind: type = np.uint8) -> Write:
    """Writes scribbles: places by value."""

    def write(path: Path, phantom) -> None:
        affine = phantom.volume.grid.ijk_to_ras.copy()
        affine[0, 3] += shift_mm
        array = np.zeros(shape or phantom.volume.grid.shape, dtype=kind)
        for value, place in values.items():
            array[place] = value
        grid = Grid(array.shape, affine)
        (write_volume if kind is np.float32 else write_label_map)(path, array, grid)

    return write


CENTER = (slice(12, 16), slice(10, 26), slice(8, 12))
BESIDE = (slice(12, 16), slice(10, 26), slice(20, 24))

IMAGES = {
    "missing": (nothing, "there is no such file"),
    "a folder": (folder, "is a directory; name a file"),
    "empty": (empty, "the file is empty"),
    "text": (text, "not an image file"),
    "truncated": (cut, "the file is truncated"),
    "NaN": (filled(np.nan, (3, 4, 5)), "1 voxels are NaN or infinite"),
    "infinite": (filled(np.inf, (3, slice(0, 2), 5)), "2 voxels are NaN or infinite"),
    "constant": (filled(7.0), "has the value 7 everywhere"),
    "color": (color, "has 3 values per voxel"),
}

SCRIBBLES = {
    "missing": (nothing, "there is no such file"),
    "empty": (empty, "the file is empty"),
    "without a mark": (marks({}), "no voxel is marked; draw on at least two labels"),
    "of one class": (marks({1: CENTER}), "only /head/left/left core is marked; mark something beside it"),
    "of a class and its group": (marks({1: CENTER, 8: BESIDE}), "only /head/left, /head/left/left core is marked"),
    "of unknown values": (marks({1: CENTER, 99: BESIDE}), "1 values are not in the label tree 'phantom': 99"),
    "on another grid": (marks({1: CENTER, 2: BESIDE}, shift_mm=1.2), "scribbles"),
    "far away": (marks({1: CENTER, 2: BESIDE}, shift_mm=5000.0), "outside the image"),
    "of fractions": (marks({0.5: CENTER}, kind=np.float32), "label values are whole numbers"),
}


@pytest.fixture
def refused(in_process: Callable, phantom_files, tmp_path: Path) -> Callable[..., str]:
    """Fine-tune, expecting a refusal: gives the sentence."""

    def run(
        *options: object, tree: object = phantom_files.tree, case: str | None = phantom_files.case, output: str = "model"
    ) -> str:
        before = sorted(tmp_path.rglob("*"))
        cases = () if case is None else ("--case", case)
        budget = ("--budget", "2steps", "--variants", 0, "--progress", "none")
        code, out, err = in_process("finetune", "--tree", tree, *cases, *budget, *options, "-o", tmp_path / output)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert err.startswith("semseg: ")
        assert sorted(tmp_path.rglob("*")) == before
        return err

    return run


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_is(kind: str, refused: Callable, phantom, phantom_files, tmp_path: Path) -> None:
    write, words = IMAGES[kind]
    write(tmp_path / "image.nii.gz", phantom)
    sentence = refused(case=f"{tmp_path / 'image.nii.gz'}={phantom_files.marks}")
    assert words in sentence
    assert str(tmp_path / "image.nii.gz") in sentence


@pytest.mark.parametrize("kind", SCRIBBLES)
def test_scribbles_are(kind: str, refused: Callable, phantom, phantom_files, tmp_path: Path) -> None:
    write, words = SCRIBBLES[kind]
    write(tmp_path / "marks.nii.gz", phantom)
    assert words in refused(case=f"{phantom_files.image}={tmp_path / 'marks.nii.gz'}")


TREES = {
    "missing": (None, "there is no such file"),
    "empty": ("", "the file is empty"),
    "no tree": ("{", "JSON"),
    "one label": ('[{"id": 1, "name": "all", "parent": null, "value": 1}]', "has 1 leaf; a model needs at least two"),
    "a chain": (
        '[{"id": 1, "name": "all", "parent": null, "value": 1}, {"id": 2, "name": "one", "parent": 1, "value": 2}]',
        "has 1 leaf; a model needs at least two",
    ),
}


@pytest.mark.parametrize("kind", TREES)
def test_a_tree_is(kind: str, refused: Callable, tmp_path: Path) -> None:
    content, words = TREES[kind]
    if content is not None:
        (tmp_path / "tree.json").write_text(content)
    assert words in refused(tree=tmp_path / "tree.json")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--loss", "magic"), "loss 'magic': unknown; choose among"),
        (("--loss", "cross-entropy +"), "loss"),
        (("--device", "cuda:99"), "device cuda:99"),
        (("--device", "tpu"), "device 'tpu': choose auto, cpu"),
        (("--seed", "-1"), "seed -1"),
        (("--variants", "99"), "variants 99"),
        (("--budget", "never"), "budget 'never'"),
        (("--channels", "a,a"), "names 'a,a'"),
        (("--channels", "a,b"), "2 channels"),
        (("--unknown-values", "x"), "values 'x'"),
        (("--resume",), "no such file; check the path; train without --resume"),
        (("--start", "none"), "model none: there is no such folder"),
        (("--cases", "none.csv"), "case list none.csv: there is no such file"),
        (("--value-column", "x"), "value column 'x'"),
    ],
)
def test_an_option_is_wrong(options: tuple[str, ...], words: str, refused: Callable) -> None:
    assert words in refused(*options)


def test_no_case_at_all(refused: Callable) -> None:
    assert "no case was given; add --case IMAGE=SCRIBBLES" in refused(case=None)
    assert "write IMAGE=SCRIBBLES" in refused(case="image.nii.gz")


def test_the_model_would_lie_in_a_bad_place(refused: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").touch()
    assert "is a file; name a folder" in refused(output="file")
    assert "the folder holds other files" in refused(output="thesis")
    assert "does not exist; create it first" in refused(output="no/model")


def test_a_checkpoint_of_another_run_is_not_gone_on_with(refused: Callable, trained, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    shutil.copytree(trained.folder, tmp_path / "model")
    save_file({}, tmp_path / "model" / CHECKPOINT, {"fingerprint": "of another run"})
    assert "was made with another tree, other cases or options" in refused("--resume")
    (tmp_path / "model" / CHECKPOINT).write_bytes(b"\x10\x00\x00")
    assert "is damaged" in refused("--resume")
    assert (tmp_path / "model" / WEIGHTS).read_bytes() == (trained.folder / WEIGHTS).read_bytes()


@pytest.fixture
def small_files() -> Callable[[], None]:
    """Lets this process write files of 600 bytes at most, which stops writers as a full disk does; gives the way back."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, limits[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_damages_no_earlier_model(
    in_process: Callable, trained, phantom_files, tmp_path: Path, small_files: Callable
) -> None:
    small_files()
    shutil.copytree(trained.folder, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    case = ("--tree", phantom_files.tree, "--case", phantom_files.case, "--budget", "2steps", "--variants", 0)
    code, out, err = in_process("finetune", *case, "--progress", "none", "-o", tmp_path / "model")
    small_files()
    assert (code, out) == (2, "")
    assert "model.safetensors: cannot be written (File too large)" in err
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == before


@pytest.mark.parametrize("name", ["out.nii.gz", "out.seg.nrrd", "out.mha"])
def test_a_full_disk_damages_no_earlier_result(
    in_process: Callable, trained, phantom_files, tmp_path: Path, small_files: Callable, name: str
) -> None:
    (tmp_path / name).write_bytes(b"earlier")
    code, out, err = in_process("predict", trained.folder, phantom_files.image, "--progress", "none", "-o", tmp_path / name)
    small_files()
    assert (code, out) == (2, "")
    assert "could not be written completely" in err or "cannot be written" in err
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"earlier")]


def test_a_folder_that_may_not_be_written_is_told_before_the_work(
    command: Callable, environment: dict, trained, phantom_files, tmp_path: Path
) -> None:
    if os.name != "posix":
        pytest.skip("permissions of POSIX")
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "out.nii.gz").write_bytes(b"earlier")
    locked.chmod(0o555)
    prefix = []
    if os.geteuid() == 0:  # root may write anywhere, unless it gives that right away
        if not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv to give rights away")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"]
    arguments = command("predict", trained.folder, phantom_files.image, "-o", locked / "out.nii.gz")
    done = subprocess.run([*prefix, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    told = f"semseg: output {locked / 'out.nii.gz'}: cannot be written (Permission denied); choose another folder\n"
    assert done.stderr == told
    assert [(path.name, path.read_bytes()) for path in locked.iterdir()] == [("out.nii.gz", b"earlier")]
    locked.chmod(0o755)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda model: (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:1000]), "it was truncated or altered"),
        (lambda model: (model / WEIGHTS).unlink(), "model weights"),
        (lambda model: (model / CARD).unlink(), "model card"),
        (lambda model: (model / CARD).write_text("{}"), "is not a model card"),
        (lambda model: (model / CARD).write_text((model / CARD).read_text()[:500]), "is not valid JSON"),
        (
            lambda model: (model / CARD).write_text((model / CARD).read_text().replace('"version": 1', '"version": 9', 1)),
            "has version 9, this program reads 1; update SemanticSeg",
        ),
    ],
)
def test_a_damaged_model_is_told_and_gives_no_result(
    in_process: Callable, trained, phantom_files, tmp_path: Path, damage: Callable, words: str
) -> None:
    shutil.copytree(trained.folder, tmp_path / "model")
    damage(tmp_path / "model")
    code, out, err = in_process(
        "predict", tmp_path / "model", phantom_files.image, "-o", tmp_path / "out.nii.gz", "--progress", "none"
    )
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out.nii.gz").exists()


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_to_apply_to_is(kind: str, in_process: Callable, trained, phantom, tmp_path: Path) -> None:
    write, words = IMAGES[kind]
    write(tmp_path / "image.nii.gz", phantom)
    arguments = (trained.folder, tmp_path / "image.nii.gz", "-o", tmp_path / "out.nii.gz", "--progress", "none")
    code, out, err = in_process("predict", *arguments)
    assert (code, out) == (2, "")
    assert words in err or "3 channels" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out.nii.gz").exists()


def test_scribbles_partly_outside_the_image_are_cut_with_a_note(
    in_process: Callable, phantom, phantom_files, tmp_path: Path
) -> None:
    inside = read_label_map(phantom_files.marks).array
    affine = phantom.volume.grid.ijk_to_ras.copy()
    affine[:3, 3] -= affine[:3, 2]  # one slice more below
    larger = np.concatenate([np.full((1, *inside.shape[1:]), 1, dtype=np.uint8), inside])
    write_label_map(tmp_path / "marks.nii.gz", larger, Grid(larger.shape, affine))
    case = f"{phantom_files.image}={tmp_path / 'marks.nii.gz'}"
    code, _, err = in_process(
        "finetune", "--tree", phantom_files.tree, "--case", case, "--budget", "1steps", "--variants", 0, "-o", tmp_path / "model"
    )
    assert code == 0, err
    assert f"{inside[0].size} of {inside[0].size + (inside > 0).sum()} marked voxels lie outside the image" in err


def test_a_traceback_is_shown_on_demand_only(in_process: Callable, tmp_path: Path) -> None:
    wrong = ("predict", tmp_path / "none", "image.nii.gz", "-o", tmp_path / "out.nii.gz")
    assert "Traceback" not in in_process(*wrong)[2]
    assert "Traceback" in in_process(*wrong, "--debug")[2]
    assert sys.exc_info() == (None, None, None)
