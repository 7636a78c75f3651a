"""What may be asked of the worker: frozen records, each one JSON line on its standard input. Imports no torch.

    {"request": "open", "id": 1, "images": ["head.nii.gz"], "tree": "brain.json"}
    {"request": "set-marks", "id": 2, "scribbles": "marks-2.npz"}
    {"request": "refine", "id": 3, "budget": "3s", "slices": [[0, 96], [1, 80], [2, 101]]}
    {"request": "show-volume", "id": 4}

Every request is answered by one event `answer` with its id (`train/events.py`). Readers refuse names they do not know: a request
half understood would be answered wrongly.

Those that show something take `level` and `min_confidence` as `build_decoder` does; with `everything` they label also what
resembles no mark, which is unknown else. `unfamiliar_share` in the answer of `show-volume` is how much of the body that is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from semseg_core.errors import InputError, SemSegError
from semseg_core.train.config import Budget, TrainConfig

Slices = tuple[tuple[float, ...], ...]
"""Pairs of axis, 0 (k), 1 (j) or 2 (i), and index along it; or, for a slice at an angle, the four numbers of `tilted_grid`."""


@dataclass(frozen=True)
class Request:
    """Base of all requests; `name` is what it is called on the wire, `id` the number its answer carries."""

    name: ClassVar[str] = "request"
    id: int


@dataclass(frozen=True)
class Open(Request):
    """Take an image and a tree, compute the features; all else needs this first.

    Args:
        id: Number of the request.
        images: Image file, or its channels.
        tree: File or preset.
        value_column: Column of the tree's values, where it has several.
        channels: Channel names; those of the tree or the model when empty.
        model: Model directory to start from.
        config: How to train; its budget is not used.
    """

    name: ClassVar[str] = "open"
    images: tuple[str, ...]
    tree: str
    value_column: str | None = None
    channels: tuple[str, ...] = ()
    model: str | None = None
    config: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class SetTree(Request):
    """Go on with an edited tree: features stay, what was learned is carried along label by label; marks must be sent again."""

    name: ClassVar[str] = "set-tree"
    tree: str
    value_column: str | None = None


@dataclass(frozen=True)
class SetMarks(Request):
    """Replace all marks, from `write_marks`' `.npz`, a label map or a `.seg.nrrd`. Ends what older marks were used for."""

    name: ClassVar[str] = "set-marks"
    scribbles: str
    unknown_values: tuple[int, ...] = ()


@dataclass(frozen=True)
class Refine(Request):
    """Train on; `slices` are shown soon after the begin, ever more rarely while it goes on, and at the end (events `view`)."""

    name: ClassVar[str] = "refine"
    budget: Budget
    slices: Slices = ()
    level: int | str = "leaf"
    min_confidence: float = 0.0
    everything: bool = False


@dataclass(frozen=True)
class ShowSlices(Request):
    """Label some slices at once, between two steps of whatever is running."""

    name: ClassVar[str] = "show-slices"
    slices: Slices
    level: int | str = "leaf"
    min_confidence: float = 0.0
    everything: bool = False


@dataclass(frozen=True)
class ShowVolume(Request):
    """Label the whole volume."""

    name: ClassVar[str] = "show-volume"
    level: int | str = "leaf"
    min_confidence: float = 0.0
    everything: bool = False


@dataclass(frozen=True)
class Save(Request):
    """Write the model as it is now into a model directory."""

    name: ClassVar[str] = "save"
    output: str


@dataclass(frozen=True)
class Cancel(Request):
    """End what is running and forget what waits; the image and what was learned stay."""

    name: ClassVar[str] = "cancel"


@dataclass(frozen=True)
class Stop(Request):
    """End the worker, as closing its standard input does."""

    name: ClassVar[str] = "stop"


REQUESTS: dict[str, type[Request]] = {
    kind.name: kind for kind in (Open, SetTree, SetMarks, Refine, ShowSlices, ShowVolume, Save, Cancel, Stop)
}


def to_line(request: Request) -> str:
    """The request as one line of ASCII JSON."""
    record: dict[str, object] = {"request": request.name}
    for item in dataclasses.fields(request):
        value = getattr(request, item.name)
        record[item.name] = value.to_record() if isinstance(value, TrainConfig) else _plain(value)
    return json.dumps(record)


def from_line(line: str) -> Request:
    """The request of a line.

    Raises:
        BadRequestError: If it is no JSON object, or one of its names or values is wrong.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"request: is not valid JSON ({error})") from error
    number = record.get("id") if isinstance(record, dict) else None
    number = number if isinstance(number, int) and not isinstance(number, bool) else 0
    if not isinstance(record, dict) or record.get("request") not in REQUESTS:
        raise BadRequestError(f"request: 'request' must be one of {', '.join(REQUESTS)}", number)
    kind = REQUESTS[record.pop("request")]
    known = {item.name: item for item in dataclasses.fields(kind)}
    strange = sorted(set(record) - set(known))
    if strange:
        raise BadRequestError(f"request {kind.name}: '{strange[0]}' is unknown; it takes {', '.join(known)}", number)
    values = {}
    for name, value in record.items():
        try:
            values[name] = _READERS[known[name].type](value)
        except (TypeError, ValueError) as error:
            raise BadRequestError(f"request {kind.name}: {name} {value!r} has the wrong type", number) from error
        except SemSegError as error:
            raise BadRequestError(f"request {kind.name}: {error}", number) from error
    missing = [name for name, item in known.items() if _is_required(item) and name not in values]
    if missing:
        raise BadRequestError(f"request {kind.name}: '{missing[0]}' is missing", number)
    return kind(**values)


class BadRequestError(InputError):
    """A line that is no request; `number` is its id, 0 where it has none."""

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.number = number


def _is_required(item: dataclasses.Field) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Budget) else value


def _of(*kinds: type) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise TypeError
        return value

    return read


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _tuple_of(read: Callable[[object], object]) -> Callable[[object], tuple]:
    return lambda value: tuple(read(item) for item in _of(list)(value))


def _slice(value: object) -> tuple[float, ...]:
    axis, *place = _of(list)(value)
    if len(place) not in (1, 3):
        raise ValueError
    return _of(int)(axis), *_tuple_of(_of(int, float) if len(place) == 3 else _of(int))(place)


_READERS: dict[str, Callable[[object], object]] = {
    "bool": _flag,
    "int": _of(int),
    "str": _of(str),
    "float": _of(int, float),
    "int | str": _of(int, str),
    "str | None": _of(str, type(None)),
    "tuple[int, ...]": _tuple_of(_of(int)),
    "tuple[str, ...]": _tuple_of(_of(str)),
    "Slices": _tuple_of(_slice),
    "Budget": lambda value: Budget.parse(_of(str)(value)),
    "TrainConfig": lambda value: TrainConfig.from_record(_of(dict)(value)),
}
"""How a field of this annotation is read from JSON."""
