"""Dialogs, menus and pages take the queued answers; what nobody answered, or nobody asked, fails the test."""

from __future__ import annotations

import pytest
import qt

from host import answers, gestures, modal, strict


def test_static_dialogs_return_the_answer_and_are_remembered():
    answers.give(qt.QMessageBox.Yes, "left lobe", "/data/model.zip", qt.QColor("#102030"))
    assert qt.QMessageBox.question(None, "Remove", "Remove 3 strokes?") == qt.QMessageBox.Yes
    assert qt.QInputDialog.getText(None, "Rename", "Name:") == "left lobe"
    assert qt.QFileDialog.getSaveFileName(None, "Export", "", "*.zip") == "/data/model.zip"
    assert qt.QColorDialog.getColor().name() == "#102030"
    assert [asked.kind for asked in answers.asked][:2] == ["QMessageBox.question", "QInputDialog.getText"]
    assert "Remove 3 strokes?" in answers.asked[0].text


def test_an_unanswered_dialog_fails_the_test_and_is_cancelled():
    with strict.expected("QFileDialog.getOpenFileName.* gave no answer"):
        assert qt.QFileDialog.getOpenFileName(None, "Open", "", "*") == ""
    with strict.expected("QDialog.exec_.* gave no answer"):
        assert not qt.QDialog().exec_()


def test_an_answer_that_nobody_asked_for_fails_the_test():
    answers.give("too much")
    with strict.expected("too much.* nobody asked"):
        answers.finish()


def test_a_dialog_is_used_while_it_is_open():
    dialog = qt.QDialog()
    field, button = qt.QLineEdit(dialog), qt.QPushButton("OK", dialog)
    button.connect("clicked()", dialog.accept)
    field.move(0, 40)

    def fill(shown):
        assert shown is dialog
        gestures.type_text(field, "Hippocampus")
        gestures.click(button)

    answers.give(fill)
    assert dialog.exec_() == qt.QDialog.Accepted
    assert field.text == "Hippocampus"


def test_a_message_box_is_answered_by_one_of_its_buttons():
    box = qt.QMessageBox()
    box.setStandardButtons(qt.QMessageBox.Save | qt.QMessageBox.Discard)
    answers.give(qt.QMessageBox.Discard)
    assert box.exec_() == qt.QMessageBox.Discard
    assert box.clickedButton() is box.button(qt.QMessageBox.Discard)


def test_a_message_box_with_buttons_of_its_own_is_answered_by_a_click():
    box = qt.QMessageBox()
    keep = box.addButton("Move to parent", qt.QMessageBox.AcceptRole)
    box.addButton("Cancel", qt.QMessageBox.RejectRole)
    answers.give("Move to parent")
    box.exec_()
    assert box.clickedButton() is keep


def test_a_menu_entry_is_chosen_by_its_text_and_a_disabled_one_is_not():
    button, heard = qt.QToolButton(), []
    menu = qt.QMenu(button)
    menu.addAction("&Rename…").triggered.connect(lambda: heard.append("rename"))
    menu.addAction("Remove").enabled = False
    button.setMenu(menu)
    button.popupMode = qt.QToolButton.InstantPopup
    answers.choose("Rename…")
    gestures.click(button)
    assert heard == ["rename"]
    answers.choose("Remove")
    with strict.expected("'Remove' is disabled"):
        gestures.click(button)


def test_pages_are_opened_nowhere():
    qt.QDesktopServices.openUrl(qt.QUrl("https://example.org/help"))
    assert modal.opened_urls == ["https://example.org/help"]


@pytest.mark.parametrize("round_", [1, 2])
def test_settings_of_one_test_are_not_those_of_the_next(round_: int):
    assert qt.QSettings().value("SemanticSeg/round") is None
    qt.QSettings().setValue("SemanticSeg/round", round_)
