"""The imitated CTK widgets behave as CTK's do, under a user's hands."""

from __future__ import annotations

import ctk
import pytest
import qt

from host import answers, gestures


def heard_from(widget, *signatures: str) -> list:
    heard = []

    def listener(name: str):
        return lambda *values: heard.append((name, *values))

    for signature in signatures:
        widget.connect(signature, listener(signature.partition("(")[0]))
    return heard


def in_window(widget, width: int = 300, height: int = 40):
    window = qt.QWidget()
    qt.QVBoxLayout(window).addWidget(widget)
    window.resize(width, height)
    window.show()
    widget.setProperty("window", window)
    return window


def test_a_slider_widget_clips_its_value_and_shows_it_in_the_spin_box():
    slider = ctk.ctkSliderWidget()
    slider.minimum, slider.maximum, slider.decimals = 0.5, 50, 1
    heard = heard_from(slider, "valueChanged(double)")
    slider.value = 80
    slider.setValue(3.25)
    assert heard == [("valueChanged", 50.0), ("valueChanged", 3.25)]
    window = in_window(slider)
    gestures.type_text(slider, "7.5", end="Tab")
    assert slider.value == 7.5
    window.close()


def test_untracked_a_slider_widget_tells_its_value_when_the_mouse_lets_go():
    slider = ctk.ctkSliderWidget()
    slider.tracking = False
    heard = heard_from(slider, "valueChanged(double)", "valueIsChanging(double)")
    handle = slider.findChild(qt.QSlider)
    handle.sliderPressed()
    slider.value = 20
    assert heard == [("valueIsChanging", 20.0)]
    handle.sliderReleased()
    assert heard[-1] == ("valueChanged", 20.0)


def test_a_slider_widget_has_no_methods_that_cpp_alone_has():
    for name in ("setRange", "setMinimum", "spinBox", "slider"):
        assert not hasattr(ctk.ctkSliderWidget(), name)


def test_a_range_widget_keeps_low_below_high_and_says_what_changed():
    chooser = ctk.ctkRangeWidget()
    chooser.setRange(0, 255)
    chooser.setValues(30, 180)
    heard = heard_from(chooser, "valuesChanged(double,double)", "minimumValueChanged(double)", "maximumValueChanged(double)")
    chooser.minimumValue = 50
    assert heard == [("valuesChanged", 50.0, 180.0), ("minimumValueChanged", 50.0)]
    chooser.minimumValue = 999
    assert (chooser.minimumValue, chooser.maximumValue) == (180, 180)


def test_the_handles_of_a_range_are_dragged():
    slider = ctk.ctkDoubleRangeSlider(qt.Qt.Horizontal)
    slider.setRange(0, 100)
    slider.setValues(20, 80)
    window = in_window(slider)
    gestures.drag_mouse(slider, (round(slider.width * 0.8), slider.height // 2), (round(slider.width * 0.5), slider.height // 2))
    assert slider.minimumValue == 20
    assert slider.maximumValue == pytest.approx(50, abs=3)
    window.close()


def test_a_collapsible_button_hides_what_was_shown_and_shows_it_again():
    step = ctk.ctkCollapsibleButton("2 Scribble")
    layout = qt.QVBoxLayout(step)
    shown, hidden = qt.QLabel("shown"), qt.QLabel("hidden")
    layout.addWidget(shown)
    layout.addWidget(hidden)
    hidden.visible = False
    heard = heard_from(step, "contentsCollapsed(bool)")
    window = in_window(step, height=200)
    gestures.click(step)
    assert (shown.visible, step.collapsed, step.checked) == (False, True, False)
    step.collapsed = False
    assert (shown.visible, hidden.visible) == (True, False)
    assert heard == [("contentsCollapsed", True), ("contentsCollapsed", False)]
    window.close()


def test_a_color_button_asks_for_a_color_and_names_it():
    button = ctk.ctkColorPickerButton()
    button.color = qt.QColor("#ff0000")
    heard = heard_from(button, "colorChanged(QColor)")
    answers.give(qt.QColor("#00ff00"))
    gestures.click(button)
    assert heard == [("colorChanged", qt.QColor("#00ff00"))]
    assert button.text == "#00ff00"
    assert not button.checked


def test_a_path_edit_takes_what_exists_and_says_so(tmp_path):
    edit = ctk.ctkPathLineEdit()
    edit.filters = ctk.ctkPathLineEdit.Files
    heard = heard_from(edit, "currentPathChanged(QString)", "validInputChanged(bool)")
    edit.currentPath = str(tmp_path / "nothing.nrrd")
    assert heard == [("validInputChanged", False)]
    (tmp_path / "image.nrrd").touch()
    answers.give(str(tmp_path / "image.nrrd"))
    edit.browse()
    assert heard[1:] == [("currentPathChanged", str(tmp_path / "image.nrrd")), ("validInputChanged", True)]


def test_a_checkable_combo_box_tells_its_checked_rows():
    box = ctk.ctkCheckableComboBox()
    box.addItems(["image 1", "image 2"])
    heard = heard_from(box, "checkedIndexesChanged()")
    assert box.noneChecked()
    box.setCheckState(box.checkableModel().index(1, 0), qt.Qt.Checked)
    assert [index.data() for index in box.checkedIndexes()] == ["image 2"]
    assert len(heard) == 1


def test_a_menu_button_is_clicked_beside_its_arrow_and_opens_its_menu_at_it():
    button = ctk.ctkMenuButton("Accept")
    menu = qt.QMenu(button)
    entry = menu.addAction("Accept all")
    button.setMenu(menu)
    heard = heard_from(button, "clicked()")
    entry.triggered.connect(lambda: heard.append("all"))
    gestures.click(button)
    answers.choose("Accept all")
    gestures.click(button, at=(button.width - 4, button.height // 2))
    assert heard == [("clicked",), "all"]
