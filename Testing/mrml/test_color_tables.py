"""Our color tables in Slicer's own reader, and Slicer's in ours."""

import pytest
import slicer

from semseg_core.labels import edit
from semseg_core.labels.presets.catalog import load_preset
from semseg_core.labels.reading import load_tree, save_tree


@pytest.fixture
def color_table():
    """Slicer's node for a color table file, read; and its storage node."""
    scene = slicer.vtkMRMLScene()

    def read(path):
        node, storage = slicer.vtkMRMLColorTableNode(), slicer.vtkMRMLColorTableStorageNode()
        scene.AddNode(node)
        scene.AddNode(storage)
        storage.SetFileName(str(path))
        assert storage.ReadData(node)
        return node, storage

    yield read
    scene.Clear(1)


@pytest.fixture(scope="module")
def tree():
    """Organs, one of them with a name that tests quoting and encoding."""
    organs = load_preset("ct-organs")
    return edit.rename(organs, organs.by_value[5].id, "Leber, große 肝").tree


def bytes_of(node, value):
    color = [0.0] * 4
    node.GetColor(value, color)
    return tuple(round(channel * 255) for channel in color[:3])


def test_slicer_reads_names_colors_and_codes_of_our_csv_and_ignores_our_columns(tree, color_table, tmp_path):
    save_tree(tmp_path / "organs.csv", tree)
    node, _ = color_table(tmp_path / "organs.csv")
    assert node.GetNumberOfColors() == max(tree.by_value) + 1
    for label in tree:
        assert node.GetColorName(label.value) == label.name
        assert bytes_of(node, label.value) == tuple(round(channel * 255) for channel in label.color)
    kidney = node.GetTerminologyAsString(2)
    assert kidney.startswith("~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney~SCT^24028007^Right~~^^~^^")


def test_codes_survive_a_csv_that_slicer_wrote(tree, color_table, tmp_path):
    save_tree(tmp_path / "ours.csv", tree)
    node, storage = color_table(tmp_path / "ours.csv")
    storage.SetFileName(str(tmp_path / "slicers.csv"))
    assert storage.WriteData(node)
    read = load_tree(tmp_path / "slicers.csv").tree
    for label in tree:
        assert read.by_value[label.value].name == label.name
        assert read.by_value[label.value].terminology == label.terminology
        assert read.by_value[label.value].color == label.color


def test_slicer_reads_our_plain_color_table_and_we_read_slicers(tree, color_table, tmp_path):
    save_tree(tmp_path / "ours.ctbl", tree)
    node, storage = color_table(tmp_path / "ours.ctbl")
    storage.SetFileName(str(tmp_path / "slicers.ctbl"))
    assert storage.WriteData(node)
    read = load_tree(tmp_path / "slicers.ctbl").tree
    for label in tree:
        assert node.GetColorName(label.value) == read.by_value[label.value].name == label.name
        assert read.by_value[label.value].color == label.color
