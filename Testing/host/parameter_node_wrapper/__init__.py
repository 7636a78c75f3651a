"""`slicer.parameterNodeWrapper`, written anew for tests: the same parameter strings and node references in a real node.

Not here are `Any`, `QColor`, lists and dicts without element types, own serializers, and `createGui`; they are refused.
"""

from . import containers  # noqa: F401 (lists, tuples and dicts make themselves known)
from .annotations import (
    Choice,
    Decimals,
    Default,
    Exclude,
    IsInstance,
    Maximum,
    Minimum,
    NotNone,
    RangeBounds,
    SingleStep,
    Validator,
    WithinRange,
)
from .pack import FloatRange, isParameterPack, parameterPack
from .wrapper import isParameterNodeWrapper, parameterNodeWrapper

SlicerParameterNamePropertyName = "SlicerParameterName"

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "FloatRange",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "RangeBounds",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "isParameterNodeWrapper",
    "isParameterPack",
    "parameterNodeWrapper",
    "parameterPack",
]
