"""The expressions whose answers by real PythonQt 4.1 on Qt 5.15 stand in pythonqt_observed.json, by the names used there.

Each one starts from new objects: `w`, a widget with a form layout that holds the line edit `l`; `b`, a button; `c`, a combo box
with two rows; `s`, a spin box from 2 to 9; `k`, a check box; `T`, a tree of two columns with the item `it`; `m`, a model.
`heard` is what slots heard.
"""

from __future__ import annotations

from types import SimpleNamespace


def objects(qt) -> SimpleNamespace:
    """New objects for one expression."""
    o = SimpleNamespace(qt=qt, heard=[], b=qt.QPushButton("hi"), c=qt.QComboBox(), l=qt.QLineEdit(), s=qt.QSpinBox())
    o.w, o.k, o.T, o.m = qt.QWidget(), qt.QCheckBox(), qt.QTreeWidget(), qt.QStandardItemModel()
    o.c.addItem("a", 1)
    o.c.addItem("b", {"k": 2})
    o.s.minimum, o.s.maximum = 2, 9
    o.layout = qt.QFormLayout(o.w)
    o.layout.addRow("x:", o.l)
    o.T.setColumnCount(2)
    o.it = qt.QTreeWidgetItem(o.T)
    o.it.setText(0, "n")
    o.it.setData(0, qt.Qt.UserRole, "id")
    o.it.setFlags(o.it.flags() | qt.Qt.ItemIsEditable)
    o.x = qt.QStandardItem("x")
    o.m.appendRow(o.x)
    return o


def heard_after(o: SimpleNamespace, *steps) -> list:
    """Run the steps; what the slots heard meanwhile."""
    for step in steps:
        step()
    return list(o.heard)


def given(owner, name: str, value):
    """Set an attribute and read it again."""
    setattr(owner, name, value)
    return getattr(owner, name)


def widget_with_attribute(qt):
    """An attribute on an object of a Python class derived from a Qt class."""

    class Derived(qt.QWidget):
        def __init__(self, parent=None):
            qt.QWidget.__init__(self, parent)
            self.mine = 1

    return Derived().mine


def click_three_ways(o: SimpleNamespace) -> list:
    """By a slot with the argument, by one without, by a signal object; in this order."""
    o.b.connect("clicked(bool)", lambda checked: o.heard.append(checked))
    o.b.connect("clicked()", lambda: o.heard.append("n"))
    o.b.clicked.connect(lambda: o.heard.append("z"))
    return heard_after(o, o.b.click)


def click_after_disconnect(o: SimpleNamespace) -> list:
    """As before, with a fourth slot that was disconnected again."""
    o.b.connect("clicked(bool)", o.heard.clear)
    o.b.disconnect("clicked(bool)", o.heard.clear)
    return click_three_ways(o)


def type_name(value) -> str:
    """How the type of a value is called."""
    return type(value).__name__


BUTTONS = {
    "b.text": lambda o: o.b.text,
    "b.text()": lambda o: o.b.text(),
    "b.enabled": lambda o: o.b.enabled,
    "b.isEnabled()": lambda o: o.b.isEnabled(),
    "b.text='yo'": lambda o: given(o.b, "text", "yo"),
    "b.setText('z')": lambda o: (o.b.setText("z"), o.b.text)[1],
    "connect clicked(bool)": lambda o: o.b.connect("clicked(bool)", o.heard.append),
    "connect clicked()": lambda o: o.b.connect("clicked()", o.heard.clear),
    "connect bogus": lambda o: o.b.connect("bogus()", o.heard.clear),
    "clicked.connect(0-arg fn)": lambda o: o.b.clicked.connect(lambda: None),
    "click": click_three_ways,
    "connect/disconnect": click_after_disconnect,
    "blockSignals": lambda o: (o.b.connect("clicked()", o.heard.clear), o.b.blockSignals(True), heard_after(o, o.b.click))[2],
    "new attribute on C++ object": lambda o: given(o.b, "newattr", 1),
    "b.nosuch": lambda o: o.b.nosuch,
    "b.objectName": lambda o: o.b.objectName,
    "b.name": lambda o: o.b.name,
    "b.className()": lambda o: o.b.className(),
    "toolTip=": lambda o: given(o.b, "toolTip", "tt"),
    "styleSheet=": lambda o: given(o.b, "styleSheet", ""),
    "enabled=None": lambda o: setattr(o.b, "enabled", None),
    "enabled=1": lambda o: given(o.b, "enabled", 1),
    "isinstance": lambda o: isinstance(o.b, o.qt.QAbstractButton),
    "hash": lambda o: len({o.b: 1}),
}
FIELDS = {
    "c.count": lambda o: o.c.count,
    "c.currentIndex": lambda o: o.c.currentIndex,
    "c.currentText": lambda o: o.c.currentText,
    "c.itemData(1)": lambda o: o.c.itemData(1),
    "c.itemData(0)": lambda o: o.c.itemData(0),
    "c.currentData": lambda o: o.c.currentData,
    "c.findText": lambda o: o.c.findText("b"),
    "currentIndexChanged(int)": lambda o: (
        o.c.connect("currentIndexChanged(int)", o.heard.append),
        heard_after(o, lambda: o.c.setCurrentIndex(1)),
    )[1],
    "textChanged(QString)": lambda o: (o.l.connect("textChanged(QString)", o.heard.append), given(o.l, "text", "q"), o.heard)[2],
    "spin.value": lambda o: given(o.s, "value", 50),
    "valueChanged(int)": lambda o: (o.s.connect("valueChanged(int)", o.heard.append), given(o.s, "value", 3), o.heard[-1])[2],
    "setattr wrong prop type": lambda o: setattr(o.s, "value", "abc"),
    "checkState": lambda o: o.k.checkState(),
    "checkState==Unchecked": lambda o: o.k.checkState() == o.qt.Qt.Unchecked,
    "stateChanged(int)": lambda o: (o.k.connect("stateChanged(int)", o.heard.append), o.k.setChecked(True), o.heard[-1])[2],
}
WIDGETS = {
    "w.layout()": lambda o: type_name(o.w.layout()),
    "w.width": lambda o: type_name(o.w.width),
    "w.size": lambda o: type_name(o.w.size),
    "w.visible": lambda o: o.w.visible,
    "w.sizeHint": lambda o: type_name(o.w.sizeHint),
    "w.findChildren": lambda o: len(o.w.findChildren(o.qt.QLineEdit)),
    "w.children()": lambda o: len(o.w.children()) > 0,
    "w.setProperty dyn": lambda o: (o.w.setProperty("p", 3), o.w.property("p")),
    "w.geometry": lambda o: type_name(o.w.geometry),
    "subclass attr": lambda o: widget_with_attribute(o.qt),
    "bool(widget)": lambda o: bool(o.w),
    "w == w": lambda o: o.w.layout() == o.layout,
    "parent()": lambda o: type_name(o.l.parent()),
    "parentWidget()": lambda o: type_name(o.l.parentWidget()),
    "setParent(None)": lambda o: o.l.setParent(None),
    "deleteLater": lambda o: o.w.deleteLater(),
}
ENUMS = {
    "Qt.Checked": lambda o: o.qt.Qt.Checked,
    "int(Qt.Checked)": lambda o: int(o.qt.Qt.Checked),
    "Qt.Checked==2": lambda o: o.qt.Qt.Checked == 2,
    "QMessageBox.Ok": lambda o: o.qt.QMessageBox.Ok,
    "Qt.ItemIsEnabled|Qt.ItemIsSelectable": lambda o: o.qt.Qt.ItemIsEnabled | o.qt.Qt.ItemIsSelectable,
}
ITEMS = {
    "tree topLevelItemCount": lambda o: o.T.topLevelItemCount,
    "tree item data": lambda o: o.it.data(0, o.qt.Qt.UserRole),
    "tree columnCount": lambda o: o.T.columnCount,
    "itemChanged": lambda o: (
        o.T.connect("itemChanged(QTreeWidgetItem*,int)", lambda _item, column: o.heard.append(column)),
        o.it.setText(0, "m"),
        o.heard[-1],
    )[2],
    "invisibleRootItem": lambda o: o.T.invisibleRootItem().childCount(),
    "T.selectedItems()": lambda o: len(o.T.selectedItems()),
    "item.setCheckState": lambda o: (o.it.setCheckState(0, o.qt.Qt.Checked), o.it.checkState(0) == o.qt.Qt.Checked)[1],
    "setBackground": lambda o: o.it.setBackground(0, o.qt.QBrush(o.qt.QColor(1, 2, 3))),
    "std model rowCount": lambda o: o.m.rowCount(),
    "index data": lambda o: o.m.index(0, 0).data(),
}
VALUES = {
    "QColor.name()": lambda o: o.qt.QColor(255, 0, 1).name(),
    "QColor.red()": lambda o: o.qt.QColor(255, 0, 1).red(),
    "QSize ==": lambda o: o.qt.QSize(1, 2) == o.qt.QSize(1, 2),
    "QPoint.x()": lambda o: o.qt.QPoint(3, 4).x(),
    "QTimer.interval": lambda o: o.qt.QTimer().interval,
    "QTimer.singleShot": lambda o: o.qt.QTimer.singleShot(1, o.heard.clear),
    "QAction": lambda o: type_name(o.qt.QAction("a", o.w)),
    "QAction triggered": lambda o: (
        given(o, "action", o.qt.QAction("a", o.w)).connect("triggered()", lambda: o.heard.append("A")),
        heard_after(o, lambda: o.action.trigger())[-1],
    )[1],
    "QSettings value": lambda o: o.qt.QSettings().value("zz/none", "d"),
    "QDir.tempPath()": lambda o: o.qt.QDir.tempPath(),
    "QKeySequence": lambda o: o.qt.QKeySequence("Ctrl+B").toString(),
    "QShortcut": lambda o: type_name(o.qt.QShortcut(o.qt.QKeySequence("b"), o.w)),
    "QDialog.exec_": lambda o: callable(o.qt.QDialog().exec_),
    "QRegExp": lambda o: o.qt.QRegExp("a"),
    "QApplication.instance": lambda o: o.qt.QApplication.instance() is not None,
    "QApplication.processEvents": lambda o: o.qt.QApplication.processEvents(),
}
EXPRESSIONS = BUTTONS | FIELDS | WIDGETS | ENUMS | ITEMS | VALUES
