"""Signals in PythonQt's manners: `widget.connect("clicked(bool)", f)` and `widget.clicked.connect(f)`, by exact signature.

PythonQt hands a Python function or method at most as many arguments as it takes; any other callable gets them all.
"""

from __future__ import annotations

import ctypes
import inspect
import types
from dataclasses import dataclass

import shiboken6
from PySide6 import QtCore

from . import strict

_qt_connect = QtCore.QObject.connect
_qt_disconnect = QtCore.QObject.disconnect

# (class, C++ signature) → name of the Python signal that stands for it, where PySide6 cannot spell the C++ types.
_aliases: dict[tuple[type, str], str] = {}


def alias_signal(cls: type, signature: str, name: str) -> None:
    """Let the class's Python signal `name` be connected by a C++ signature such as `currentNodeChanged(vtkMRMLNode*)`."""
    _aliases[cls, normalized(signature)] = name


def normalized(signature: str) -> str:
    """The signature as Qt writes it: no blanks, no `const &`."""
    return QtCore.QMetaObject.normalizedSignature(signature.lstrip("12")).data().decode()


@dataclass(frozen=True)
class _Connection:
    signature: str
    target: object
    undo: types.FunctionType


# Address of the sender → its connections. Wrappers come and go, the C++ object stays: hence the address.
_connections: dict[int, list[_Connection]] = {}


def connect(sender: QtCore.QObject, signature: str, target, slot: str | None = None) -> bool:
    """`QObject.connect` of PythonQt; False, and a violation, where there is no such signal or slot."""
    if slot is not None:
        return _connect_slot(sender, signature, target, slot)
    if not callable(target):
        raise TypeError(f"connect({signature!r}): {target!r} is not callable")
    wanted = normalized(signature)
    source = _source(sender, wanted)
    if source is None:
        strict.report(f"QObject::connect() signal '{wanted}' does not exist on {type(sender).__name__}")
        return False
    receive = _receiver(target, f"slot of {type(sender).__name__}.{wanted}")
    if isinstance(source, str):
        handle = _qt_connect(sender, QtCore.SIGNAL(source), receive)

        def undo():
            _qt_disconnect(handle)
    else:
        source.connect(receive)

        def undo():
            source.disconnect(receive)

    _remember(sender, _Connection(wanted, target, undo))
    return True


def disconnect(sender: QtCore.QObject, signature: str, target=None, slot: str | None = None) -> bool:
    """`QObject.disconnect` of PythonQt; False, and a violation, where nothing was connected so."""
    wanted = normalized(signature)
    if slot is not None:
        done = bool(_qt_disconnect(sender, QtCore.SIGNAL(wanted), target, QtCore.SLOT(normalized(slot))))
    else:
        kept = _connections.get(_address(sender), [])
        found = [one for one in kept if one.signature == wanted and (target is None or one.target == target)]
        for one in found if target is None else found[:1]:
            kept.remove(one)
            one.undo()
        done = bool(found)
    if not done:
        strict.report(f"QObject::disconnect() of '{wanted}' on {type(sender).__name__}: {target} was not connected")
    return done


class BoundSignal:
    """`widget.clicked`: connect, disconnect, emit, call. The first signature of that name is meant, as in PythonQt."""

    def __init__(self, sender: QtCore.QObject, name: str, signal: QtCore.SignalInstance):
        self._sender, self._name, self._signal = sender, name, signal

    def connect(self, target) -> bool:
        return connect(self._sender, self.signature, target)

    def disconnect(self, *target) -> bool:
        return disconnect(self._sender, self.signature, *target)

    def emit(self, *arguments) -> None:
        for _ in arguments:
            # PySide6 6.12 gives back one reference to True too many for each bool that Python emits, until the interpreter dies.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(True))
        self._signal.emit(*arguments)

    __call__ = emit

    @property
    def signature(self) -> str:
        """The first C++ signature of this name."""
        for cls in type(self._sender).__mro__:
            for (owner, signature), name in _aliases.items():
                if owner is cls and name == self._name:
                    return signature
        meta = self._sender.metaObject()
        methods = (meta.method(index) for index in range(meta.methodCount()))
        return next(m.methodSignature().data().decode() for m in methods if m.name().data().decode() == self._name)


def _source(sender: QtCore.QObject, wanted: str) -> str | QtCore.SignalInstance | None:
    for cls in type(sender).__mro__:
        if (cls, wanted) in _aliases:
            return sender._plain_signal(_aliases[cls, wanted])
    if "PyObject" in wanted or sender.metaObject().indexOfSignal(wanted) < 0:
        return None
    return wanted


def _connect_slot(sender: QtCore.QObject, signature: str, receiver: QtCore.QObject, slot: str) -> bool:
    wanted, wanted_slot = normalized(signature), normalized(slot)
    if receiver.metaObject().indexOfMethod(wanted_slot) < 0:
        method = getattr(receiver, wanted_slot.partition("(")[0], None)
        if not callable(method) or isinstance(method, types.BuiltinMethodType):
            strict.report(f"QObject::connect() slot '{wanted_slot}' does not exist on {type(receiver).__name__}")
            return False
        return connect(sender, wanted, method)
    if _source(sender, wanted) != wanted:
        strict.report(f"QObject::connect() signal '{wanted}' does not exist on {type(sender).__name__}")
        return False
    return bool(_qt_connect(sender, QtCore.SIGNAL(wanted), receiver, QtCore.SLOT(wanted_slot)))


def _receiver(target, where: str):
    limit = _taken(target)

    def receive(*arguments):
        try:
            target(*arguments[:limit])
        except Exception as error:  # noqa: BLE001 - PythonQt prints it and goes on; the test fails at its end
            strict.report_exception(where, error)

    return receive


def _taken(target) -> int | None:
    """How many arguments PythonQt hands over at most; None: all."""
    function = target.__func__ if isinstance(target, types.MethodType) else target
    if not isinstance(function, types.FunctionType) or function.__code__.co_flags & inspect.CO_VARARGS:
        return None
    return function.__code__.co_argcount - isinstance(target, types.MethodType)


def _remember(sender: QtCore.QObject, connection: _Connection) -> None:
    address = _address(sender)
    if address not in _connections:
        _connections[address] = []
        _qt_connect(sender, QtCore.SIGNAL("destroyed()"), lambda: _connections.pop(address, None))
    _connections[address].append(connection)


def _address(sender: QtCore.QObject) -> int:
    return shiboken6.getCppPointer(sender)[0]
