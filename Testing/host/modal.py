"""Modal dialogs and menus take their answers from `answers`; pages are opened nowhere; PythonQt's return values."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from . import answers, strict

opened_urls: list[str] = []
_single_shots: set[QtCore.QTimer] = set()


def install() -> None:
    """Replace what would wait for a user or leave the process."""
    for name, otherwise in {
        "information": QtWidgets.QMessageBox.StandardButton.Ok,
        "warning": QtWidgets.QMessageBox.StandardButton.Ok,
        "critical": QtWidgets.QMessageBox.StandardButton.Ok,
        "question": QtWidgets.QMessageBox.StandardButton.No,
        "about": None,
    }.items():
        _replace_static(QtWidgets.QMessageBox, name, otherwise)
    for name, otherwise in {"getText": "", "getMultiLineText": "", "getItem": "", "getInt": 0, "getDouble": 0.0}.items():
        _replace_static(QtWidgets.QInputDialog, name, otherwise)
    for name in ("getOpenFileName", "getSaveFileName", "getExistingDirectory"):
        _replace_static(QtWidgets.QFileDialog, name, "")
    _replace_static(QtWidgets.QFileDialog, "getOpenFileNames", [])
    _replace_static(QtWidgets.QColorDialog, "getColor", QtGui.QColor())
    QtWidgets.QDialog.exec = QtWidgets.QDialog.exec_ = _run_dialog
    for cls in (QtWidgets.QMessageBox, QtWidgets.QFileDialog, QtWidgets.QInputDialog, QtWidgets.QColorDialog):
        cls.exec = cls.exec_ = _run_dialog
    QtWidgets.QMenu.exec = QtWidgets.QMenu.exec_ = _run_menu
    QtWidgets.QToolButton.showMenu = QtWidgets.QPushButton.showMenu = lambda button: _run_menu(button.menu())
    QtGui.QDesktopServices.openUrl = staticmethod(_open_url)
    QtCore.QTimer.singleShot = staticmethod(_single_shot)


def forget() -> None:
    """Stop the timers that still run and forget the opened pages."""
    for timer in list(_single_shots):
        timer.stop()
        timer.deleteLater()
    _single_shots.clear()
    opened_urls.clear()


def _replace_static(cls: type, name: str, otherwise) -> None:
    def ask(*arguments):
        return answers.take(f"{cls.__name__}.{name}", arguments, otherwise)

    setattr(cls, name, staticmethod(ask))


def _run_dialog(dialog: QtWidgets.QDialog) -> int:
    texts = (dialog.windowTitle, *(getattr(dialog, each) for each in ("text", "informativeText") if hasattr(type(dialog), each)))
    answer = answers.take(f"{type(dialog).__name__}.exec_", texts, QtWidgets.QDialog.DialogCode.Rejected)
    if isinstance(dialog, QtWidgets.QMessageBox) and not callable(answer):
        button = _button(dialog, answer)
        if button is None:
            strict.report(f"the message box has no button {answer!r}")
            return 0
        answer = _click(button)
    if not callable(answer):
        dialog.done(int(answer))
        return int(answer)
    dialog.show()
    answer(dialog)
    if dialog.visible:
        strict.report(f"the answer to {type(dialog).__name__} left it open")
        dialog.reject()
    if isinstance(dialog, QtWidgets.QMessageBox):
        return int(dialog.standardButton(dialog.clickedButton())) if dialog.clickedButton() else 0
    return dialog.result()


def _button(box: QtWidgets.QMessageBox, answer) -> QtWidgets.QAbstractButton | None:
    """The button of a text, or of a standard button's number."""
    return next((each for each in box.buttons() if answer in (each.text.replace("&", ""), box.standardButton(each))), None)


def _click(button: QtWidgets.QAbstractButton):
    return lambda _dialog: button.click()


def _run_menu(menu: QtWidgets.QMenu, *_position) -> QtGui.QAction | None:
    entries = {action.text.replace("&", ""): action for action in _actions(menu)}
    answer = answers.take("QMenu.exec_", tuple(entries), None)
    action = answer(menu) if callable(answer) else entries.get(answer)
    if isinstance(answer, str) and action is None:
        strict.report(f"the menu has no entry {answer!r}, only {sorted(entries)}")
    if action is not None and not action.enabled:
        strict.report(f"the menu's entry {answer!r} is disabled")
        action = None
    if action is not None and not callable(answer):
        action.trigger()
    menu.aboutToHide.emit()
    return action


def _actions(menu: QtWidgets.QMenu) -> list[QtGui.QAction]:
    """The entries of a menu and of those that open from it, made as they are when a user opens them."""
    menu.aboutToShow.emit()
    return [each for action in menu.actions() for each in (_actions(action.menu()) if action.menu() else [action])]


def _open_url(url: QtCore.QUrl) -> bool:
    opened_urls.append(url.toString())
    return True


def _single_shot(milliseconds: int, target) -> None:
    timer = QtCore.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    _single_shots.add(timer)

    def fire():
        _single_shots.discard(timer)
        timer.deleteLater()
        target()

    timer.connect("timeout()", fire)
    timer.start()
