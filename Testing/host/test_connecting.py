"""Connecting in PythonQt's manners: by exact signature, with as many arguments as a function takes, and never in silence."""

from __future__ import annotations

from functools import partial

import ctk
import pytest
import qt

from host import connecting, gestures, strict


def test_a_function_gets_as_many_arguments_as_it_takes_and_anything_else_gets_them_all():
    box, heard = qt.QCheckBox(), []
    box.connect("toggled(bool)", lambda: heard.append("none"))
    box.connect("toggled(bool)", lambda checked, column=7: heard.append((checked, column)))
    box.connect("toggled(bool)", lambda *checked: heard.append(checked))
    box.connect("toggled(bool)", partial(heard.append))
    box.setChecked(True)
    assert heard == ["none", (True, 7), (True,), True]


def test_a_bound_method_is_disconnected_by_an_equal_one():
    class Receiver:
        count = 0

        def hear(self):
            self.count += 1

    box, receiver = qt.QCheckBox(), Receiver()
    assert box.toggled.connect(receiver.hear)
    assert box.toggled.disconnect(receiver.hear)
    box.setChecked(True)
    assert receiver.count == 0


def test_disconnecting_what_is_not_connected_fails_the_test():
    box = qt.QCheckBox()
    with strict.expected("was not connected"):
        assert not box.disconnect("toggled(bool)", print)


def test_an_exception_in_a_slot_fails_the_test_and_the_next_slot_is_called_all_the_same():
    button, heard = qt.QPushButton(), []
    button.clicked.connect(lambda: heard[7])
    button.clicked.connect(lambda: heard.append("next"))
    with strict.expected("IndexError"):
        button.click()
    assert heard == ["next"]


def test_an_exception_in_an_overridden_virtual_fails_the_test():
    class Watcher(qt.QObject):
        def eventFilter(self, _watched, event):
            if event.type() == qt.QEvent.MouseButtonPress:
                raise ValueError("from a filter")
            return False

    button, watcher = qt.QPushButton(), Watcher()
    button.installEventFilter(watcher)
    with pytest.raises(ValueError, match="from a filter"):
        gestures.click(button)
    button.removeEventFilter(watcher)


def test_a_warning_of_qt_fails_the_test():
    widget = qt.QWidget()
    qt.QVBoxLayout(widget)
    with strict.expected("already has a layout"):
        qt.QVBoxLayout(widget)


def test_a_python_signal_is_known_by_its_cpp_signature_alone():
    class Chooser(qt.QWidget):
        from PySide6.QtCore import Signal

        chosen = Signal(object)

    connecting.alias_signal(Chooser, "chosen(vtkMRMLNode *)", "chosen")
    chooser, heard = Chooser(), []
    assert chooser.connect("chosen(vtkMRMLNode*)", heard.append)
    assert chooser.chosen.connect(heard.append)
    with strict.expected("chosen\\(PyObject\\)' does not exist"):
        assert not chooser.connect("chosen(PyObject)", heard.append)
    chooser.chosen.emit("node")
    assert heard == ["node", "node"]


def test_a_single_shot_calls_back_and_stops_with_the_test():
    heard = []
    qt.QTimer.singleShot(0, lambda: heard.append("now"))
    qt.QTimer.singleShot(100_000, lambda: heard.append("never"))
    gestures.wait_until(lambda: heard)
    assert heard == ["now"]


def test_keyword_arguments_are_refused_as_by_pythonqt():
    with pytest.raises(ValueError, match="does not support kwargs"):
        qt.QLabel("text", parent=None)


def test_objects_of_cpp_classes_take_no_new_attributes_imitated_or_not():
    for owner in (qt.QTreeWidgetItem(), qt.QColor(), ctk.ctkSliderWidget()):
        with pytest.raises(AttributeError, match="creating new attributes on C\\+\\+ objects is not allowed"):
            owner.mine = 1


def test_lists_of_qt_are_tuples(tmp_path):
    widget, tree, path = qt.QWidget(), qt.QTreeWidget(), ctk.ctkPathLineEdit()
    path.nameFilters = ["*.zip"]
    tree.invisibleRootItem().setData(0, qt.Qt.UserRole, [1, 2])
    for answer in (
        widget.children(),
        widget.findChildren(qt.QWidget),
        tree.selectedItems(),
        qt.QDir(str(tmp_path)).entryList(),
        qt.QApplication.topLevelWidgets(),
        path.nameFilters,
    ):
        assert isinstance(answer, tuple)
    with pytest.raises(TypeError):
        tree.selectedItems() + [tree]


def test_dynamic_properties_and_named_children_are_attributes():
    widget = qt.QWidget()
    button = qt.QPushButton(widget)
    button.objectName = "applyButton"
    widget.setProperty("SlicerParameterName", "brush")
    assert widget.applyButton is button
    assert widget.SlicerParameterName == "brush"
