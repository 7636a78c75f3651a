"""The loader keeps what a `.ui` file says, and refuses what Slicer would ignore."""

from __future__ import annotations

from pathlib import Path

import ctk
import pytest
import qt

from host import gestures, strict

FORM = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0">
 <class>Form</class>
 <widget class="QWidget" name="Form">
  <layout class="QVBoxLayout">
   <item>
    <widget class="ctkCollapsibleButton" name="stepButton">
     <property name="text"><string>1 Labels</string></property>
     <property name="collapsed"><bool>true</bool></property>
     <layout class="QFormLayout">
      <item row="0" column="0">
       <widget class="QLabel" name="brushLabel">
        <property name="text"><string>&amp;Brush</string></property>
        <property name="buddy"><cstring>brushSlider</cstring></property>
       </widget>
      </item>
      <item row="0" column="1">
       <widget class="ctkSliderWidget" name="brushSlider">
        <property name="minimum"><double>0.5</double></property>
        <property name="maximum"><double>50</double></property>
        <property name="value"><double>3</double></property>
        <property name="SlicerParameterName" stdset="0"><string>brushDiameterMm</string></property>
        {property}
       </widget>
      </item>
     </layout>
    </widget>
   </item>
   <item><widget class="{widget}" name="resetButton"/></item>
  </layout>
 </widget>
 <customwidgets>
  <customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends><header>ctkCollapsibleButton.h</header></customwidget>
  <customwidget><class>ctkSliderWidget</class><extends>QWidget</extends><header>ctkSliderWidget.h</header></customwidget>
  <customwidget><class>ctkNoSuchWidget</class><extends>QPushButton</extends><header>ctkNoSuchWidget.h</header></customwidget>
 </customwidgets>
 <resources/>
 <connections>
  <connection><sender>resetButton</sender><signal>{signal}</signal><receiver>brushSlider</receiver><slot>reset()</slot></connection>
 </connections>
</ui>
"""


def loaded(folder: Path, *, widget: str = "QPushButton", signal: str = "clicked()", extra: str = "") -> qt.QWidget:
    path = folder / "Form.ui"
    path.write_text(FORM.format(widget=widget, signal=signal, property=extra), encoding="utf-8")
    file = qt.QFile(str(path))
    file.open(qt.QFile.ReadOnly)
    return qt.QUiLoader().load(file)


def test_widgets_properties_buddies_and_connections_come_from_the_file(tmp_path: Path):
    root = loaded(tmp_path)
    slider = root.findChild(ctk.ctkSliderWidget, "brushSlider")
    assert (slider.minimum, slider.maximum, slider.value) == (0.5, 50, 3)
    assert slider.property("SlicerParameterName") == "brushDiameterMm"
    assert root.findChild(qt.QLabel, "brushLabel").buddy() is slider
    root.findChild(qt.QPushButton, "resetButton").click()
    assert slider.value == 0.5


def test_a_collapsed_step_unfolds_at_a_click_on_its_title(tmp_path: Path):
    root = loaded(tmp_path)
    step, slider = root.findChild(ctk.ctkCollapsibleButton), root.findChild(ctk.ctkSliderWidget)
    root.show()
    assert not slider.visible
    gestures.click(step)
    assert slider.visible
    assert not step.collapsed


def test_enums_of_imitated_classes_are_read_by_name(tmp_path: Path):
    slider = loaded(tmp_path, extra='<property name="spinBoxAlignment"><set>Qt::AlignRight|Qt::AlignTop</set></property>')
    assert slider.findChild(ctk.ctkSliderWidget).spinBoxAlignment == qt.Qt.AlignRight | qt.Qt.AlignTop


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"extra": '<property name="brushSize"><double>1</double></property>'}, "has no property 'brushSize'"),
        ({"signal": "clicked(int)"}, "signal 'clicked\\(int\\)' does not exist"),
        ({"widget": "ctkNoSuchWidget"}, "unable to create a custom widget of the class 'ctkNoSuchWidget'"),
    ],
)
def test_what_slicer_would_ignore_fails_the_test(tmp_path: Path, change: dict, complaint: str):
    with strict.expected(complaint):
        loaded(tmp_path, **change)
