"""`semseg tree`."""

import argparse
import json

import pytest

from semseg_core.cli import tree
from semseg_core.errors import SemSegError
from semseg_core.labels.presets.catalog import load_preset, preset_names
from semseg_core.labels.reading import load_tree


@pytest.fixture
def semseg(capsys):
    """Run a command: exit code, lines on stdout, and what else was told."""

    def run(*arguments):
        parser = argparse.ArgumentParser()
        tree.add_parser(parser.add_subparsers())
        told = []
        try:
            options = parser.parse_args(["tree", *map(str, arguments)])
            options.run(options, lambda note: told.append(note.message), lambda: False)
        except SemSegError as error:
            return error.exit_code, capsys.readouterr().out.splitlines(), str(error)
        return 0, capsys.readouterr().out.splitlines(), "\n".join(told)

    return run


def test_show_draws_the_tree_with_values_colors_and_counts(semseg):
    code, lines, _ = semseg("show", "brain-tumor")
    assert code == 0
    assert lines == [
        "brain tumor (nested): 8 labels, 5 leaves, 4 levels",
        "#c8c8c8 brain = 5  (5 leaves)",
        "├─ #8296af tissue outside the tumor = 6",
        "└─ #a0a05a whole tumor = 7  (4 leaves)",
        "   ├─ #50be78 edema = 2",
        "   └─ #d7823c tumor core = 8  (3 leaves)",
        "      ├─ #4646a0 necrosis = 1",
        "      ├─ #f0c846 non-enhancing tumor = 3",
        "      └─ #dc3c32 enhancing tumor = 4",
    ]


def test_show_stops_at_a_level_and_prints_distances_between_its_labels(semseg):
    _, lines, _ = semseg("show", "brain-tumor", "--level", 1, "--distances")
    assert [line[-9:] for line in lines[1:4]] == ["5 leaves)", "tumor = 6", "4 leaves)"]
    assert lines[4:] == [
        "distance\ttissue outside the tumor\twhole tumor",
        "tissue outside the tumor\t0\t2",
        "whole tumor\t2\t0",
    ]


def test_show_paints_blocks_on_a_terminal_only(semseg, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[48;2;200;200;200m  \x1b[0m brain" in semseg("show", "brain-tumor")[1][1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert semseg("show", "brain-tumor")[1][1].startswith("#c8c8c8")


def test_show_tells_edge_lengths_that_are_not_one(semseg, tmp_path):
    (tmp_path / "tree.txt").write_text("a = 1\n  b = 2 ~0.25\n", encoding="utf-8")
    assert semseg("show", tmp_path / "tree.txt")[1][2].endswith("b = 2  ~0.25")


def test_validate_says_what_was_assumed(semseg, tmp_path):
    (tmp_path / "organs.csv").write_text("value,name\n0,none\n1,liver\n2,spleen\n", encoding="utf-8")
    code, lines, told = semseg("validate", tmp_path / "organs.csv", "--unknown-values", "7,9")
    assert code == 0
    assert lines == [
        "valid: labels: 3 labels, 2 leaves, 2 levels",
        "  values 1–3; terminology on 2 of 2 leaves",
        "  values that mean unknown: 7, 9",
    ]
    assert "value 0 ('none') is read as unknown" in told


def test_convert_writes_what_can_be_read_back(semseg, tmp_path):
    code, lines, told = semseg("convert", "ct-organs", tmp_path / "organs.csv")
    assert code == 0
    assert lines == [f"{tmp_path / 'organs.csv'}: CT organs (TotalSegmentator v2 total): 150 labels, 117 leaves, 6 levels"]
    assert "title, provenance of the tree are not in this format" in told
    assert load_tree(tmp_path / "organs.csv").tree.labels == load_preset("ct-organs").labels


def test_one_of_several_value_columns_is_chosen(semseg, tmp_path):
    rows = [
        {"id": "r", "name": "r", "parent": None, "x": None, "y": None},
        {"id": "a", "name": "a", "parent": "r", "x": 3, "y": 4},
    ]
    (tmp_path / "joint.json").write_text(json.dumps({"nodes": rows}), encoding="utf-8")
    code, _, told = semseg("validate", tmp_path / "joint.json")
    assert code == 2
    assert "several value columns (x, y); choose one, for example --value-column x" in told
    semseg("convert", tmp_path / "joint.json", tmp_path / "out.json", "--value-column", "y")
    assert load_tree(tmp_path / "out.json").tree.by_path["/r/a"].value == 4


def test_presets_are_listed_and_described(semseg):
    _, lines, _ = semseg("presets")
    assert [line.split()[0] for line in lines] == list(preset_names())
    _, lines, _ = semseg("presets", "head-tissue")
    assert lines[0] == "head tissue: 20 labels, 13 leaves, 4 levels"
    assert "SimNIBS" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nothing.json"), "there is no such file; check the path, or choose a preset: brain-tissue"),
        (("show", "brain-tumor", "--level", "4"), "level 4: the tree 'brain tumor (nested)' has levels 0 (root) to 3"),
        (("presets", "liver"), "preset 'liver': there is none of this name"),
        (("convert", "brain-tumor", "out.xml"), "the format is chosen by suffix"),
        (("validate", "brain-tumor", "--unknown-values", "2"), "value 2 is also listed as unknown"),
    ],
)
def test_a_fault_gives_its_sentence_and_exit_code_2(semseg, arguments, message):
    code, lines, told = semseg(*arguments)
    assert code == 2
    assert lines == []
    assert message in told
