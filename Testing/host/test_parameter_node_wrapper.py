"""The imitation of slicer.parameterNodeWrapper: the strings it writes are those that Slicer reads, and the other way round."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Optional

import pytest
import slicer

from host.parameter_node_wrapper import Default, FloatRange, Minimum, WithinRange, parameterNodeWrapper, parameterPack


class Mode(enum.Enum):
    FAST = 1
    CAREFUL = 2


@parameterPack
class Point:
    x: Annotated[int, Minimum(0)] = 1
    y: int


@parameterNodeWrapper
class Parameters:
    count: Annotated[int, Minimum(1)] = 3
    share: Annotated[float, WithinRange(0, 1), Default(0.5)]
    name: str
    on: bool
    mode: Mode = Mode.CAREFUL
    folder: Path = Path("a")
    volume: slicer.vtkMRMLScalarVolumeNode
    volumes: list[slicer.vtkMRMLScalarVolumeNode]
    pair: tuple[int, str] = (1, "one")
    sizes: dict[str, int]
    maybe: Optional[int]  # noqa: UP045 (both spellings are to work)
    either: int | str | None
    range: FloatRange
    point: Point


@pytest.fixture
def scene() -> slicer.vtkMRMLScene:
    return slicer.vtkMRMLScene()


@pytest.fixture
def node(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLScriptedModuleNode:
    return scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


def test_the_strings_are_those_of_slicer(node):
    p = Parameters(node)
    p.sizes = {"a": 2}
    p.maybe = 7
    p.either = "text"
    written = {name: node.GetParameter(name) for name in node.GetParameterNames()}
    assert written == {
        "count": "3", "share": "0.5", "name": "", "on": "False", "mode": "CAREFUL", "folder": "a", "volume": "",
        "volumes.len": "0", "pair.0": "1", "pair.1": "one", "sizes.len": "1", "sizes.0.0": "a", "sizes.0.1": "2",
        "maybe.0": "7", "either.1": "text", "range._minimum": "0", "range._maximum": "0", "point.x": "1", "point.y": "0",
    }  # fmt: skip


def test_values_come_back_through_a_scene_file(scene, node, tmp_path):
    p = Parameters(node)
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "v")
    p.volume = volume
    p.volumes.append(volume)
    p.range.setRange(1.5, 2.5)
    p.point = Point(x=4, y=5)
    p.mode = Mode.FAST
    p.maybe = 1
    scene.SetURL(str(tmp_path / "scene.mrml"))
    scene.Commit()
    again = slicer.vtkMRMLScene()
    again.SetURL(str(tmp_path / "scene.mrml"))
    again.Import()
    q = Parameters(again.GetFirstNodeByClass("vtkMRMLScriptedModuleNode"))
    assert (q.volume.GetName(), [each.GetName() for each in q.volumes]) == ("v", ["v"])
    assert (q.range, q.point, q.mode, q.maybe) == (FloatRange(1.5, 2.5), Point(4, 5), Mode.FAST, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", 0), ("count", 1.5), ("share", 2.0), ("name", None), ("on", 1), ("mode", "FAST"), ("maybe", "1"), ("pair", (1,)),
     ("volumes", [None, 3]), ("point", (1, 2))],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_changes_nothing(node, name, value):
    p = Parameters(node)
    before = str(getattr(p, name))
    with pytest.raises((TypeError, ValueError)):
        setattr(p, name, value)
    assert str(getattr(p, name)) == before


def test_members_of_packs_and_lists_write_themselves(node):
    p = Parameters(node)
    p.point.x = 9
    p.sizes["b"] = 1
    assert (node.GetParameter("point.x"), node.GetParameter("sizes.0.0")) == ("9", "b")
    with pytest.raises(ValueError, match="at least 0"):
        p.point.x = -1
    with pytest.raises(AttributeError):
        p.point.z = 1


def test_changes_from_elsewhere_are_seen_and_told_once(node):
    p, q = Parameters(node), Parameters(node)
    told = []
    p.AddObserver("ModifiedEvent", lambda _node, _event: told.append(q.count))
    q.count = 5
    with slicer.util.NodeModify(q):
        q.count = 6
        q.name = "x"
    assert (p.count, p.name, told) == (6, "x", [5, 6])


def test_a_removed_node_is_no_longer_referred_to(scene, node):
    p = Parameters(node)
    p.volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    scene.RemoveNode(p.volume)
    p.Modified()
    assert p.volume is None


@pytest.mark.parametrize("type_", [complex, list, set[int], object])
def test_unknown_types_are_refused(type_):
    with pytest.raises(TypeError):
        parameterNodeWrapper(type("Odd", (), {"__annotations__": {"member": type_}}))


def test_reserved_names_are_refused():
    with pytest.raises(ValueError, match="reserved"):
        parameterNodeWrapper(type("Odd", (), {"__annotations__": {"Modified": int}}))
