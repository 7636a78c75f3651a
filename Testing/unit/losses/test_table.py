"""Expressions, the table, and the document that describes it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semseg_core.errors import InputError
from semseg_core.losses.catalog import DEFAULT_LOSS, DESCRIPTIONS
from semseg_core.losses.expression import Term, parse
from semseg_core.losses.table import ENTRIES, LOSSES, build_loss, default_options

DOCUMENT = Path(__file__).parents[3] / "docs" / "losses.md"


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("dice", (Term(1.0, "dice"),)),
        ("  0.9*tversky + 0.1 * log-hausdorff ", (Term(0.9, "tversky"), Term(0.1, "log-hausdorff"))),
        ("1e-3*a+.5*b", (Term(0.001, "a"), Term(0.5, "b"))),
        ("w(beta=2, inner=mass)", (Term(1.0, "w", {"beta": 2.0, "inner": "mass"}),)),
        ("w()", (Term(1.0, "w"),)),
        (
            'd(background="soft tissue, other", pooled=yes, absent=no)',
            (Term(1.0, "d", {"background": "soft tissue, other", "pooled": True, "absent": False}),),
        ),
        ("t(weights=1/0.5/0)", (Term(1.0, "t", {"weights": (1.0, 0.5, 0.0)}),)),
    ],
)
def test_expressions_are_read(expression, terms):
    assert parse(expression) == terms


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "character 1: expected the name of a loss, found the end"),
        ("0.9 tversky", r"character 5: expected '\*' behind the factor, found 'tversky'"),
        ("dice +", "character 7: expected the name of a loss, found the end"),
        ("dice dice", r"character 6: expected '\+' or the end, found 'dice'"),
        ("dice - focal", r"character 6: expected '\+' or the end, found '-'"),
        ("-1*dice", "character 1: expected the name of a loss, found '-'"),
        ("dice(absent)", "character 12: expected '=' behind 'absent', found '\\)'"),
        ("dice(absent=)", "character 13: expected a value for 'absent'"),
        ("dice(absent=no", "character 15: expected ',' or '\\)', found the end"),
        ("dice(a=1, a=2)", "character 11: expected one value for 'a', found 'a'"),
        ("w(weights=1/)", "character 13: expected a number behind '/'"),
        ("__import__('os')", "character 1: expected the name of a loss, found '_'"),
        ("dice; x", r"character 5: expected '\+' or the end, found ';'"),
        ('dice(background="open)', "character 17"),
    ],
)
def test_faults_are_named_with_their_place(expression, message):
    with pytest.raises(InputError, match=message):
        parse(expression)


@given(st.text(alphabet='abc0.19*+-(),=/"_ ;\n', max_size=30))
def test_any_text_is_read_or_refused_in_a_sentence(expression):
    try:
        assert parse(expression)
    except InputError as error:
        assert "character" in str(error)  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("tversk", "loss 'tversk': unknown; choose among default, cross-entropy"),
        ("wasserstein(gamma=2)", "no option 'gamma'; it has alpha, beta, inner, normalize"),
        ("cross-entropy(alpha=2)", "no option 'alpha'; it has none"),
        ("tversky-hausdorff(gamma=2)", "no option 'gamma'; it has alpha, beta, background"),
        ("wasserstein(beta=much)", "beta=much: give a number"),
        ("wasserstein(beta=yes)", "beta=True: give a number"),
        ("hxe(alpha=fast)", "alpha=fast: give a number"),
        ("focal(gamma=x)", "gamma=x: give a number"),
        ("soft-labels(beta=x)", "beta=x: give a number"),
        ("tversky(alpha=1/2)", r"alpha=\(1.0, 2.0\): give a number"),
        ("dice(absent=maybe)", "absent=maybe: give yes or no"),
        ("wasserstein(normalize=1)", "normalize=1.0: give yes or no"),
        ("dice(background=3)", 'background=3.0: give a word or "text"'),
        ("region-tversky(boxes=yes)", "boxes=True: give a number or numbers like 1/0.5"),
        ("tree-cross-entropy(weights=yes)", "weights=True: give a number or numbers like 1/0.5 or a word"),
        ("monai(loss=3)", "loss=3.0: give a word"),
        ("tree-cross-entropy(weights=depth)", "choose one of equal, edges, top"),
        ("tree-cross-entropy(weights=0/0)", "all weights are zero"),
        ("0*dice + 0*focal", "all its terms have weight 0"),
        ("wasserstein(alpha=0, beta=0)", "all its terms have weight 0"),
    ],
)
def test_unknown_names_and_impossible_values_are_named(weighted_tree, expression, message):
    with pytest.raises(InputError, match=message):
        build_loss(expression, weighted_tree)


def test_a_sum_is_the_sum_of_its_weighted_terms(weighted_tree, brute):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, generator=draw, dtype=torch.float64)
    targets = torch.tensor([2, 4, 5, 7, 8])[torch.randint(5, (2, 6, 7), generator=draw)]
    sums = {
        "0.9*tversky + 0.1*log-hausdorff": {"tversky": 0.9, "log-hausdorff": 0.1},
        "tversky-hausdorff": {"tversky": 0.9, "log-hausdorff": 0.1},
        "2*dice-focal-hausdorff + 0*hxe": {"dice": 1.8, "focal": 1.8, "log-hausdorff": 0.2},
        "dice-focal(gamma=3, pooled=yes)": {"dice(pooled=yes)": 1.0, "focal(gamma=3)": 1.0},
        "default": {DEFAULT_LOSS: 1.0},
        "wasserstein-dice-cross-entropy(weighting=generalized)": {
            "cross-entropy": 1.0,
            "wasserstein-dice(weighting=generalized)": 1.0,
        },
        "default(weights=edges)": {"cross-entropy": 1.0, "tree-cross-entropy(weights=edges)": 0.3},
    }
    for expression, parts in sums.items():
        whole = build_loss(expression, weighted_tree, torch.float64)
        terms = {build_loss(name, weighted_tree, torch.float64): factor for name, factor in parts.items()}
        assert whole(logits, targets).item() == pytest.approx(
            sum(factor * term(logits, targets).item() for term, factor in terms.items())
        )
        gradient = sum(factor * brute.gradient(lambda x, term=term: term(x, targets), logits) for term, factor in terms.items())
        torch.testing.assert_close(brute.gradient(lambda x, whole=whole: whole(x, targets), logits), gradient)


def test_options_for_all_reach_those_that_know_them_and_yield_to_the_expression(weighted_tree):
    loss = build_loss("dice + tversky(background=y2) + cross-entropy", weighted_tree, background="x1")
    left_out = [int((term.counted == 0).nonzero()) for term in loss.losses[1:]]
    assert left_out == [0, 4]
    with pytest.raises(InputError, match="none of its losses has an option 'spacing_mm'"):
        build_loss("dice", weighted_tree, spacing_mm=(1.0, 1.0, 1.0))


def test_the_expression_travels_with_the_loss(weighted_tree):
    loss = build_loss("dice + focal", weighted_tree)
    assert loss.expression == "dice + focal"
    assert "dice + focal" in repr(loss)


def test_every_entry_says_what_where_from_and_when():
    assert len(LOSSES) == len(ENTRIES)
    for entry in ENTRIES:
        assert all((entry.sentence.endswith("."), entry.formula, entry.source.endswith("."), entry.when.endswith("."))), (
            entry.name
        )
        assert (entry.build is None) == bool(entry.expression), entry.name


def test_the_document_has_a_section_for_every_loss_with_its_options_and_how_sure_we_are():
    text = DOCUMENT.read_text(encoding="utf-8")
    for entry in ENTRIES:
        assert f"\n### `{entry.name}`" in text, entry.name
        section = text.split(f"\n### `{entry.name}`")[1].split("\n### ")[0].split("\n## ")[0]
        missing = [option for option in default_options(entry) if f"`{option}" not in section]
        assert not missing or entry.expression, (entry.name, missing)
        assert "*Perfect*" in section and "*Source*" in section, entry.name  # noqa: PT018 - one matter
        assert any(word in " ".join(section.split()) for word in ("*Confirmed*", "*Not confirmed*", "*our choice*")), entry.name


def test_a_list_for_people_calls_every_loss_differently_and_recommends_the_first():
    titles = [words.title for words in DESCRIPTIONS]
    assert titles[0] == "Recommended"
    assert len(set(titles)) == len(titles)
    assert all(words.sentence.endswith(".") for words in DESCRIPTIONS)
