"""Starting from an earlier model after the tree was edited, or of another tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from semseg_core.errors import ModelError
from semseg_core.labels import edit
from semseg_core.labels.tree import Label, LabelTree
from semseg_core.models.model import Model
from semseg_core.models.transfer import transfer

ROOT, LEFT, CORTEX, WHITE, RIGHT, FLUID = range(1, 7)


@pytest.fixture
def model(make_model: Callable[[LabelTree], Model], brain_tree: LabelTree) -> Model:
    """A model of the ragged tree, leaves cortex, white matter, right, fluid."""
    return make_model(brain_tree)


def rows(network: torch.nn.Module) -> list[tuple[float, ...]]:
    """Weights and bias of every leaf."""
    return [(*weight.tolist(), bias.item()) for weight, bias in zip(network.head.weight, network.head.bias, strict=True)]


def test_the_same_tree_takes_everything_over(model: Model, brain_tree: LabelTree) -> None:
    network, report = transfer(model, brain_tree)
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name]), name
    assert report.kept == ("cortex", "white matter", "right", "fluid")
    assert report.added == report.lost == ()
    assert report.sentence() == "4 leaves taken over from the start model"


def test_the_copy_shares_nothing_with_the_original(model: Model, brain_tree: LabelTree) -> None:
    network, _ = transfer(model, brain_tree)
    before = model.network.body[0].weight.clone()
    with torch.no_grad():
        network.body[0].weight.zero_()
    assert torch.equal(model.network.body[0].weight, before)


def test_new_leaves_under_a_leaf_start_from_it(model: Model, brain_tree: LabelTree) -> None:
    tree = edit.add(edit.add(brain_tree, RIGHT, "right cortex").tree, RIGHT, "right white matter").tree
    network, report = transfer(model, tree)
    assert [leaf.name for leaf in tree.leaves] == ["cortex", "white matter", "right cortex", "right white matter", "fluid"]
    cortex, white, right, fluid = rows(model.network)
    assert rows(network) == [cortex, white, right, right, fluid]
    assert report.kept == ("cortex", "white matter", "fluid")
    assert report.added == ("right cortex", "right white matter")
    assert report.lost == ("right",)
    assert "2 new (right cortex, right white matter), 1 dropped (right)" in report.sentence()


def test_a_new_leaf_elsewhere_starts_from_the_mean_of_all(model: Model, brain_tree: LabelTree) -> None:
    tree = edit.add(brain_tree, ROOT, "tumor").tree
    network, report = transfer(model, tree)
    assert report.added == ("tumor",)
    mean = torch.tensor(rows(model.network)).mean(dim=0)
    torch.testing.assert_close(torch.tensor(rows(network)[[leaf.name for leaf in tree.leaves].index("tumor")]), mean)


def test_a_group_that_became_a_leaf_starts_from_the_mean_of_its_leaves(model: Model, brain_tree: LabelTree) -> None:
    tree = edit.remove(edit.remove(brain_tree, CORTEX).tree, WHITE).tree
    network, report = transfer(model, tree)
    assert [leaf.name for leaf in tree.leaves] == ["left", "right", "fluid"]
    torch.testing.assert_close(torch.tensor(rows(network)[0]), torch.tensor(rows(model.network)[:2]).mean(dim=0))
    assert report.kept == ("right", "fluid")
    assert report.added == ("left",)
    assert report.lost == ("cortex", "white matter")


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: edit.rename(tree, FLUID, "CSF"),
        lambda tree: edit.move(tree, RIGHT, LEFT),
        lambda tree: edit.reorder(tree, FLUID, 0),
        lambda tree: edit.recolor(tree, FLUID, (1.0, 0.0, 0.0)),
    ],
)
def test_renamed_moved_and_recolored_leaves_are_kept(model: Model, brain_tree: LabelTree, change: Callable) -> None:
    tree = change(brain_tree).tree
    network, report = transfer(model, tree)
    assert len(report.kept) == 4
    assert report.added == report.lost == ()
    earlier = dict(zip((leaf.id for leaf in brain_tree.leaves), rows(model.network), strict=True))
    assert rows(network) == [earlier[leaf.id] for leaf in tree.leaves]


def test_a_tree_with_other_ids_is_matched_by_name(model: Model) -> None:
    other = LabelTree(
        (
            Label(1, "fluid", 1, parent=9),  # the ids of before mean other labels here
            Label(2, "white matter", 2, parent=9),
            Label(3, "right", 3, parent=9),
            Label(4, "skull", 4, parent=9),
            Label(9, "brain", 9),
        )
    )
    network, report = transfer(model, other)
    cortex, white, right, fluid = rows(model.network)
    assert rows(network)[:3] == [fluid, white, right]
    assert report.added == ("skull",)
    assert report.lost == ("cortex",)


def test_codes_match_where_names_were_translated(make_model: Callable, brain_tree: LabelTree) -> None:
    coded = LabelTree(tuple(replace(label, code=f"K{label.id}") for label in brain_tree))
    model = make_model(coded)
    german = {"cortex": "Rinde", "fluid": "Liquor", "right": "rechts", "left": "links", "white matter": "Mark", "brain": "Hirn"}
    translated = LabelTree(
        tuple(
            replace(label, name=german[label.name], id=label.id + 50, parent=None if label.parent is None else label.parent + 50)
            for label in coded
        )
    )
    network, report = transfer(model, translated)
    assert rows(network) == rows(model.network)
    assert len(report.kept) == 4


def test_a_model_of_an_unrelated_tree_is_refused(model: Model, weighted_tree: LabelTree) -> None:
    with pytest.raises(ModelError, match="no leaf of its tree 'six labels' is in 'weighted'; choose a model of this tree"):
        transfer(model, weighted_tree)


def test_a_name_that_occurs_twice_matches_nothing(make_model: Callable) -> None:
    def sides(first: int) -> LabelTree:
        return LabelTree(
            (
                Label(first, "head", 1),
                Label(first + 1, "left", 2, parent=first),
                Label(first + 2, "core", 3, parent=first + 1),
                Label(first + 3, "right", 4, parent=first),
                Label(first + 4, "core", 5, parent=first + 3),
                Label(first + 5, "air", 6, parent=first),
            )
        )

    model = make_model(sides(1))
    network, report = transfer(model, sides(20))
    assert report.kept == ("air",)
    assert rows(network)[2] == rows(model.network)[2]


def test_ten_thousand_leaves_are_matched_quickly(make_model: Callable) -> None:
    import time

    tree = LabelTree((Label(1, "root", 1), *(Label(i, f"leaf {i}", i, parent=1) for i in range(2, 10_002))))
    model = make_model(tree, width=4)
    started = time.monotonic()
    _, report = transfer(model, tree)
    assert len(report.kept) == 10_000
    assert time.monotonic() - started < 30.0
