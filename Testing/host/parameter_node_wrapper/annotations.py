"""What may stand beside a type in `Annotated`: a default, and checks that a value must pass."""

from __future__ import annotations

from typing import Annotated, Any, get_args


class Default:
    """The value that a parameter starts with, or a function that makes it."""

    def __init__(self, value: Any = None, *, generator: Any = None) -> None:
        self._value = value
        self._generator = generator

    @property
    def value(self) -> Any:
        return self._generator() if self._generator else self._value


class Validator:
    """Base class of the checks; `validate` raises for a value that fails."""

    def validate(self, value: Any) -> None:
        raise NotImplementedError


class IsNone(Validator):
    def validate(self, value: Any) -> None:
        if value is not None:
            raise ValueError(f"Value must be None, is {value!r}")


class NotNone(Validator):
    def validate(self, value: Any) -> None:
        if value is None:
            raise ValueError("Value must not be None")


class IsInstance(Validator):
    """None passes: whether it may be None is the business of `NotNone`."""

    def __init__(self, classtype: Any) -> None:
        self.classtype = classtype

    def validate(self, value: Any) -> None:
        if value is not None and not isinstance(value, self.classtype):
            raise TypeError(f"Value must be of type {self.classtype}, is {value!r} of type {type(value)}")


class Minimum(Validator):
    def __init__(self, minimum: float) -> None:
        self.minimum = minimum

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must be at least {self.minimum}, is {value}")


class Maximum(Validator):
    def __init__(self, maximum: float) -> None:
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"Value must be at most {self.maximum}, is {value}")


class WithinRange(Validator):
    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within [{self.minimum}, {self.maximum}], is {value}")


class RangeBounds(Validator):
    """For a `FloatRange`."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if not (self.minimum <= value.minimum and value.maximum <= self.maximum):
            raise ValueError(f"Range must be within [{self.minimum}, {self.maximum}], is [{value.minimum}, {value.maximum}]")


class Choice(Validator):
    def __init__(self, choices: Any) -> None:
        self.choices = choices

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, is {value!r}")


class Exclude(Validator):
    def __init__(self, excludedValues: Any) -> None:
        self.excludedValues = excludedValues

    def validate(self, value: Any) -> None:
        if value in self.excludedValues:
            raise ValueError(f"Value must not be one of {self.excludedValues}, is {value!r}")


class Decimals:
    """How many digits a bound slider or spin box shows."""

    def __init__(self, value: int) -> None:
        self.value = value


class SingleStep:
    """The step of a bound slider or spin box."""

    def __init__(self, value: float) -> None:
        self.value = value


def split(annotated: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type and its annotations; a type without any gives none."""
    bare, *annotations = get_args(Annotated[annotated, "so that there is always one"])
    return bare, tuple(annotations[:-1])


def first(annotations: tuple[Any, ...], kind: type) -> Any:
    """The first annotation of a kind, or None."""
    return next((annotation for annotation in annotations if isinstance(annotation, kind)), None)
