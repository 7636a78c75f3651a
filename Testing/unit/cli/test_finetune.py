"""`semseg finetune`: the whole way on the phantom, and started from an earlier model."""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semseg_core.data.images import read_label_map, write_label_map, write_volume
from semseg_core.labels import edit
from semseg_core.labels.reading import save_tree
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.models.directory import CARD, STROKES, WEIGHTS, load_card, load_model
from semseg_core.sparse.scribbles import SparseLabels
from semseg_core.train import loop
from semseg_core.train.events import Done, Note, Progress, Score, Stage, from_line

STEPS = 80
"""Of the shared model."""

QUICK = ("--variants", 0, "--progress", "json")
"""For tests of what a run takes in, not of what it learns."""


def events_of(text: str) -> list:
    """The events of lines, every one of which must be one."""
    events = [from_line(line) for line in text.splitlines()]
    assert None not in events, text
    return events


def test_a_run_prints_nothing_but_its_events(trained) -> None:
    events = events_of(trained.run.stdout)
    assert [event.message.split()[0] for event in events if isinstance(event, Stage)] == ["Reading", "Computing", "Training"]
    fractions = [event.fraction for event in events if isinstance(event, Progress)][1:]  # the first ends the features
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    scores = [event for event in events if isinstance(event, Score)]
    assert scores[-1].dice["leaf"] > 0.8
    assert isinstance(events[-1], Done)
    assert events[-1].outputs == (str(trained.folder / CARD),)
    assert trained.run.stderr == ""


def test_the_card_says_how_the_model_came_about(trained) -> None:
    training = load_card(trained.folder).training
    assert training["steps"] == training["planned_steps"] == STEPS
    assert training["options"]["variants"] == 1
    assert training["options"]["precision"] == "float32"
    assert training["threads"] == 1
    assert training["cases"] == 1
    assert training["held_back_dice"]["leaf"] > 0.8
    assert training["cancelled"] is False
    assert sorted(path.name for path in trained.folder.iterdir()) == [CARD, WEIGHTS, STROKES]


def test_nothing_in_a_model_tells_who_where_or_on_which_files(trained) -> None:
    strangers = ["DOE", "JANE", "19700101", "image.nii", "marks.nii", "tree.json", str(trained.folder), str(Path.home())]
    strangers += [name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 4]  # shorter ones occur in words
    for path in trained.folder.iterdir():
        text = path.read_bytes().decode("latin-1")
        assert not [stranger for stranger in strangers if stranger in text], path.name
    assert not re.search(r'"(/|[A-Z]:\\)', (trained.folder / CARD).read_text(encoding="utf-8"))


def test_a_tree_without_a_title_does_not_take_its_files_name(in_process: Callable, phantom_files, tmp_path: Path) -> None:
    tree = tmp_path / "DOE_JANE.csv"
    tree.write_text(
        "id,name,parent,value\n1,head,,9\n2,left,1,8\n3,left core,2,1\n4,left shell,2,2\n5,right,1,7\n6,r,5,3\n7,s,5,4\n"
    )
    code, _, err = in_process(
        "finetune", "--tree", tree, "--case", phantom_files.case, "--budget", "1steps", *QUICK, "-o", tmp_path / "m"
    )
    assert code == 0, err
    assert "DOE" not in (tmp_path / "m" / CARD).read_text(encoding="utf-8")


def test_a_person_reads_notes_a_bar_and_where_the_model_is(in_process: Callable, phantom_files, tmp_path: Path) -> None:
    code, out, err = in_process(
        "finetune",
        "--tree",
        phantom_files.tree,
        "--case",
        phantom_files.case,
        "--budget",
        "60steps",
        "--variants",
        0,
        "-o",
        tmp_path / "m",
    )
    assert code == 0
    assert out == f"Model written to {tmp_path / 'm'}. Apply it with: semseg predict {tmp_path / 'm'} IMAGE -o result.seg.nrrd\n"
    assert "Reading" in err
    assert "100 %" in err
    assert "Dice on held-back scribbles" in err


def weights(folder: Path) -> bytes:
    return (folder / WEIGHTS).read_bytes()


def test_equal_seeds_give_equal_bytes_and_others_do_not(in_process: Callable, phantom_files, tmp_path: Path) -> None:
    case = ("finetune", "--tree", phantom_files.tree, "--case", phantom_files.case, "--budget", "12steps", "--progress", "json")
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert in_process(*case, "--variants", 1, "--seed", seed, "-o", tmp_path / name)[0] == 0
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_a_time_budget_is_kept_and_its_record_repeats_it(
    in_process: Callable, phantom_files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "ENOUGH_STEPS", 50)  # so that the plan is done in time, however busy the machine
    monkeypatch.setattr(loop, "ENOUGH_EPOCHS", 0)
    case = ("finetune", "--tree", phantom_files.tree, "--case", phantom_files.case, "--progress", "json")
    started = time.monotonic()
    assert in_process(*case, "--budget", "40s", "-o", tmp_path / "timed")[0] == 0
    assert time.monotonic() - started < 120  # generous: machines get busy
    training = load_card(tmp_path / "timed").training
    assert training["steps"] == training["planned_steps"] == 50
    options = training["options"]
    repeat = ("--budget", f"{training['steps']}steps", "--variants", options["variants"], "--precision", options["precision"])
    assert in_process(*case, *repeat, "-o", tmp_path / "again")[0] == 0
    assert weights(tmp_path / "timed") == weights(tmp_path / "again")


def test_time_that_runs_out_still_gives_a_model(in_process: Callable, phantom_files, tmp_path: Path) -> None:
    started = time.monotonic()
    case = ("--tree", phantom_files.tree, "--case", phantom_files.case, "--budget", "1s", "--progress", "json")
    code, out, err = in_process("finetune", *case, "-o", tmp_path / "m")
    assert code == 0, err
    assert time.monotonic() - started < 60  # generous: machines get busy
    assert load_card(tmp_path / "m").training["steps"] >= 1
    assert events_of(out)[-1].seconds < 60


@pytest.fixture
def finetune(in_process: Callable, phantom_files, tmp_path: Path) -> Callable[..., tuple[int, list, str]]:
    """Train on the phantom unless told otherwise: exit code, events, stderr."""

    def run(
        *options: object, tree: Path = phantom_files.tree, case: str | None = phantom_files.case, output: str = "model"
    ) -> tuple:
        cases = () if case is None else ("--case", case)
        arguments = ("--tree", tree, *cases, "--budget", "2steps", *QUICK, *options, "-o", tmp_path / output)
        code, out, err = in_process("finetune", *arguments)
        return code, events_of(out), err

    return run


def test_a_start_model_is_taken_over_after_edits_of_the_tree(
    finetune: Callable, trained, phantom, phantom_files, tmp_path: Path
) -> None:
    renamed = edit.rename(phantom.tree, 3, "left nucleus").tree
    grown = edit.add(edit.add(renamed, 4, "left outer shell").tree, 4, "left inner shell").tree
    edited = edit.remove(grown, 7).tree
    save_tree(tmp_path / "tree.json", edited)
    marks = phantom.marks.remapped({7: 6})
    write_label_map(tmp_path / "marks.nii.gz", marks.to_label_map(edited), phantom.volume.grid)
    case = f"{phantom_files.image}={tmp_path / 'marks.nii.gz'}"
    code, events, err = finetune("--start", trained.folder, tree=tmp_path / "tree.json", case=case)
    assert code == 0, err
    told = [event.message for event in events if isinstance(event, Note)]
    new, dropped = "2 new (left outer shell, left inner shell)", "2 dropped (left shell, right shell)"
    assert f"2 leaves taken over from the start model, {new}, {dropped}" in told
    card = load_card(tmp_path / "model")
    assert card.training["start"] == {"kept": 2, "added": 2, "lost": 2}
    assert card.spacing_mm == load_card(trained.folder).spacing_mm
    assert [leaf.name for leaf in card.tree.leaves][0] == "left nucleus"


def test_a_start_model_is_where_the_training_goes_on(finetune: Callable, trained, tmp_path: Path) -> None:
    _, events, _ = finetune("--budget", "45steps", "--start", trained.folder)
    assert next(event for event in events if isinstance(event, Score)).dice["leaf"] > 0.95
    assert load_card(tmp_path / "model").training["start"] == {"kept": 4, "added": 0, "lost": 0}


def test_a_start_model_may_be_replaced_by_its_successor(finetune: Callable, trained, tmp_path: Path) -> None:
    shutil.copytree(trained.folder, tmp_path / "model")
    assert finetune("--start", tmp_path / "model")[0] == 0
    assert weights(tmp_path / "model") != weights(trained.folder)
    load_model(tmp_path / "model")


def test_a_start_model_of_another_tree_or_of_other_channels_is_refused(
    finetune: Callable, trained, weighted_tree: LabelTree, phantom, phantom_files, tmp_path: Path
) -> None:
    save_tree(tmp_path / "tree.json", weighted_tree)
    values = np.zeros(phantom.volume.grid.shape, dtype=np.uint8)
    values[14, 15:20, 10:20], values[14, 10:15, 10:20] = 3, 8
    write_label_map(tmp_path / "marks.nii.gz", values, phantom.volume.grid)
    case = f"{phantom_files.image}={tmp_path / 'marks.nii.gz'}"
    code, _, err = finetune("--start", trained.folder, tree=tmp_path / "tree.json", case=case)
    assert code == 2
    assert "no leaf of its tree 'phantom' is in 'weighted'" in err
    code, _, err = finetune("--start", trained.folder, "--channels", "t2")
    assert code == 2
    assert "start model: takes channels image, the cases have t2" in err
    assert not (tmp_path / "model").exists()


def test_several_cases_and_channels_come_from_a_list(finetune: Callable, phantom, phantom_files, tmp_path: Path) -> None:
    second = -phantom.volume.array[0]
    write_volume(tmp_path / "t2.nii.gz", second, phantom.volume.grid)
    listed = tmp_path / "cases.csv"
    listed.write_text(f"t1,t2,scribbles\n{phantom_files.image},t2.nii.gz,{phantom_files.marks}\n" * 1)
    with listed.open("a") as stream:
        stream.write(f"{phantom_files.image},t2.nii.gz,{phantom_files.marks}\n")
    code, _, err = finetune("--cases", listed, case=None)
    assert code == 0, err
    card = load_card(tmp_path / "model")
    assert card.channels == ("t1", "t2")
    assert card.training["cases"] == 2
    assert card.training["voxels"] == 2 * len(phantom.marks)
    as_json = [{"images": [str(phantom_files.image)], "scribbles": str(phantom_files.marks)}]
    (tmp_path / "cases.json").write_text(json.dumps(as_json))
    assert finetune("--cases", tmp_path / "cases.json", "--channels", "t1", output="other")[0] == 0  # and the case of --case
    assert load_card(tmp_path / "other").training["cases"] == 2
    code, _, err = finetune("--cases", listed, "--channels", "a,b", case=None)
    assert code == 2
    assert "--channels a,b: the case list names t1,t2" in err


def test_the_cases_of_a_folder_are_paired_by_name(finetune: Callable, phantom_files, tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    folder.mkdir()
    for name in ("anna", "berta"):
        shutil.copy(phantom_files.image, folder / f"{name}_t1.nii.gz")
        shutil.copy(phantom_files.marks, folder / f"{name}_scribbles.nii.gz")
    shutil.copy(phantom_files.image, folder / "clara_t1.nii.gz")
    code, events, err = finetune("--cases", folder, case=None)
    assert code == 0, err
    assert load_card(tmp_path / "model").channels == ("t1",)
    assert load_card(tmp_path / "model").training["cases"] == 2
    assert "no segmentation goes with clara_t1.nii.gz; left out" in [event.message for event in events if isinstance(event, Note)]


def test_frames_of_a_4d_file_are_channels_where_said(finetune: Callable, phantom_files, tmp_path: Path) -> None:
    import SimpleITK as sitk

    frames = sitk.JoinSeries([sitk.ReadImage(str(phantom_files.image))] * 2)
    sitk.WriteImage(frames, str(tmp_path / "4d.nii.gz"))
    case = f"{tmp_path / '4d.nii.gz'}={phantom_files.marks}"
    code, _, err = finetune(case=case)
    assert code == 2
    assert "has 2 values per voxel (4D or color); name them as channels with --channels" in err
    assert finetune("--channels", "a,b", case=case)[0] == 0
    assert load_card(tmp_path / "model").channels == ("a", "b")


def test_unknown_values_are_no_marks(finetune: Callable, phantom, phantom_files, tmp_path: Path) -> None:
    values = read_label_map(phantom_files.marks).array.copy()
    values[0, 0, :5] = 42
    write_label_map(tmp_path / "marks.nii.gz", values, phantom.volume.grid)
    case = f"{phantom_files.image}={tmp_path / 'marks.nii.gz'}"
    code, _, err = finetune(case=case)
    assert code == 2
    assert "1 values are not in the label tree 'phantom': 42" in err
    assert finetune("--unknown-values", "42,43", case=case)[0] == 0
    assert load_card(tmp_path / "model").training["voxels"] == len(phantom.marks)


def predicted(in_process: Callable, model: Path, image: Path, output: Path, *options: object) -> np.ndarray:
    code, _, err = in_process("predict", model, image, "-o", output, "--progress", "none", *options)
    assert code == 0, err
    return read_label_map(output).array


def test_a_group_marked_as_a_whole_is_found_as_a_whole(
    finetune: Callable, in_process: Callable, phantom, phantom_files, tmp_path: Path
) -> None:
    """Marks on the inner label "left" only, and on the leaves of the right side."""
    marks = phantom.marks.remapped({3: 2, 4: 2})
    assert set(marks.counts()) == {2, 6, 7}
    write_label_map(tmp_path / "marks.nii.gz", marks.to_label_map(phantom.tree), phantom.volume.grid)
    code, _, err = finetune("--budget", "50steps", case=f"{phantom_files.image}={tmp_path / 'marks.nii.gz'}")
    assert code == 0, err
    sides = predicted(in_process, tmp_path / "model", phantom_files.image, tmp_path / "sides.nii.gz", "--level", 1)
    truth = np.select([np.isin(phantom_files.truth, (1, 2)), phantom_files.truth > 0], [8, 7], 0)
    assert (sides == truth)[truth > 0].mean() > 0.95
    leaves = predicted(in_process, tmp_path / "model", phantom_files.image, tmp_path / "leaves.nii.gz")
    right = np.isin(phantom_files.truth, (3, 4))
    assert (leaves == phantom_files.truth)[right].mean() > 0.85


def test_air_is_labelled_where_it_was_marked(
    finetune: Callable, in_process: Callable, phantom, phantom_files, tmp_path: Path
) -> None:
    tree = LabelTree((*(replace(label) for label in phantom.tree), Label(8, "air", 20, parent=1)), title="with air")
    save_tree(tmp_path / "tree.json", tree)
    rng = np.random.default_rng(0)
    air = np.argwhere((phantom.truth == 0) & (rng.random(phantom.truth.shape) < 0.01))
    marks = SparseLabels(
        phantom.volume.grid, np.concatenate([phantom.marks.indices, air]), [*phantom.marks.label_ids, *[8] * len(air)]
    )
    write_label_map(tmp_path / "marks.nii.gz", marks.to_label_map(tree), phantom.volume.grid)
    case = f"{phantom_files.image}={tmp_path / 'marks.nii.gz'}"
    code, _, err = finetune("--budget", "40steps", tree=tmp_path / "tree.json", case=case)
    assert code == 0, err
    assert load_card(tmp_path / "model").everywhere
    result = predicted(in_process, tmp_path / "model", phantom_files.image, tmp_path / "out.nii.gz")
    assert (result > 0).all()
    assert (result == 20)[phantom_files.truth == 0].mean() > 0.97
    assert (result == 20)[phantom_files.truth > 0].mean() < 0.05
