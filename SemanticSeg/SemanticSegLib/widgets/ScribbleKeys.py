"""Keys while scribbling, and only then: one hand on the mouse, the other one here.

Q, W, Z, Y, -, + and Esc mean what they mean in Slicer's own Segment Editor, whose keys are off while another module is shown.
C, E and N are free in Slicer 5.12: its slice views take the arrows, B, F, G, R, T, V, brackets and braces.
"""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer

KEYS = {
    "previousLabel": ("Q",),
    "nextLabel": ("W",),
    "labelUnderCursor": ("C",),
    "smaller": ("-",),
    "larger": ("+", "="),
    "erase": ("E",),
    "nextSlice": ("N",),
    "undo": ("Z",),
    "redo": ("Y",),
    "stop": ("Esc",),
}
"""Each gesture and its keys, the one that is shown first."""


class ScribbleKeys:
    """Shortcuts of the main window that can be switched on and off together.

    Args:
        window: The main window; None where there is none.
        slots: What each gesture of `KEYS` calls; `erase` is called when its key goes down.
        eraseReleased: Called when the key of `erase` goes up again.
    """

    def __init__(
        self, window: qt.QMainWindow | None, slots: dict[str, Callable[[], None]], eraseReleased: Callable[[], None]
    ) -> None:
        self._window = window
        self._hold = Hold(qt.Qt.Key_E, slots["erase"], eraseReleased)
        self._slots = {**slots, "erase": self._hold.press}
        self._shortcuts: list[qt.QShortcut] = []

    def install(self) -> None:
        """Switch the keys on."""
        if self._shortcuts or self._window is None:
            return
        for gesture, keys in KEYS.items():
            for key in keys:
                shortcut = qt.QShortcut(self._window)
                shortcut.setKey(qt.QKeySequence(key))
                shortcut.autoRepeat = gesture in ("smaller", "larger")
                shortcut.connect("activated()", self._slots[gesture])
                self._shortcuts.append(shortcut)

    def uninstall(self) -> None:
        """Switch the keys off."""
        self._hold.end()
        for shortcut in self._shortcuts:
            # Without a parent it would be deleted at once, in the middle of its own press where it is the key that stops.
            shortcut.enabled = False
            shortcut.deleteLater()
        self._shortcuts = []


def keyText(gesture: str) -> str:
    """The first key of a gesture as this system writes it, for tooltips."""
    return qt.QKeySequence(KEYS[gesture][0]).toString(qt.QKeySequence.NativeText)


class Hold(qt.QObject):
    """A key that means something as long as it is held.

    A shortcut tells only that a key went down. From then on, and only until it goes up, the application's events are watched; a
    stroke that is being drawn when the key goes up is finished first.

    Args:
        key: The key, a number of `qt.Qt`.
        pressed: Called when it goes down.
        released: Called when it is up and no mouse button is down.
    """

    def __init__(self, key: int, pressed: Callable[[], None], released: Callable[[], None]) -> None:
        super().__init__()
        self._key = key
        self._pressed, self._released = pressed, released
        self._held = False
        self._up = False

    def press(self) -> None:
        """The key went down; it means nothing while a stroke is drawn, which Slicer would drop with its tool."""
        if not self._held and not isDrawing():
            self._held, self._up = True, False
            slicer.app.installEventFilter(self)
            self._pressed()

    def end(self) -> None:
        """Let go at once."""
        if self._held:
            self._held = False
            slicer.app.removeEventFilter(self)
            self._released()

    def eventFilter(self, _watched: qt.QObject, event: qt.QEvent) -> bool:
        kind = event.type()
        keyUp = kind == qt.QEvent.KeyRelease and event.key() == self._key and not event.isAutoRepeat()
        self._up = self._up or keyUp or kind == qt.QEvent.ApplicationDeactivate
        if self._up and not isDrawing():
            qt.QTimer.singleShot(0, self.end)  # a stroke's own release comes first
        return False


def isDrawing() -> bool:
    """Whether a stroke may be under way: the mouse button that draws is down."""
    return bool(qt.QApplication.mouseButtons() & qt.Qt.LeftButton)
