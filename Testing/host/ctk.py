"""The module `ctk` of Slicer: imitations of the CTK widgets that a panel uses.

What CTK declares as property, signal, public slot or Q_INVOKABLE is public here, and nothing else is, as PythonQt shows nothing
else: `ctkSliderWidget.setRange` is plain C++ and does not exist in Python. Further classes: see qt.py on `register_widget`.
"""

from __future__ import annotations

from . import (
    ctk_buttons,
    ctk_containers,
    ctk_fields,
    ctk_pickers,
    ctk_range_slider,
    ctk_range_widget,
    ctk_sliders,
    ctk_spin_box,
)

for _module in (
    ctk_buttons,
    ctk_containers,
    ctk_fields,
    ctk_pickers,
    ctk_range_slider,
    ctk_range_widget,
    ctk_sliders,
    ctk_spin_box,
):
    globals().update({name: cls for name, cls in vars(_module).items() if name.startswith("ctk") and isinstance(cls, type)})
