"""`semseg losses`."""

from __future__ import annotations

from semseg_core.cli.main import main
from semseg_core.losses.table import ENTRIES


def test_all_losses_are_listed_with_what_they_are(capsys):
    assert main(["losses"]) == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    for entry in ENTRIES:
        assert f"\n{entry.name}\n" in f"\n{shown}"
        assert " ".join(entry.sentence.split()) in words
        assert entry.source.split(";")[0].split(",")[0] in words
    assert max(len(line) for line in shown.splitlines()) <= 120


def test_one_loss_is_shown_with_its_options(capsys):
    assert main(["losses", "wasserstein", "dice"]) == 0
    shown = capsys.readouterr().out
    assert "alpha=1, beta=2, inner=set, normalize=yes" in shown
    assert "background=…, absent=yes, pooled=no" in shown
    assert "hxe" not in shown


def test_an_unknown_name_lists_the_known_ones(capsys):
    assert main(["losses", "dise"]) == 2
    assert "loss 'dise': unknown; choose among default, cross-entropy" in capsys.readouterr().err
