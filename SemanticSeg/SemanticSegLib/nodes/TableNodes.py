"""Tables of a result as table nodes."""

from __future__ import annotations

from collections.abc import Sequence

import slicer
import vtk


def fillTable(tableNode: slicer.vtkMRMLTableNode, columns: Sequence[tuple[str, Sequence[object]]]) -> None:
    """Replace what a table node holds.

    Args:
        tableNode: The table.
        columns: Titles and cells of the columns: all text, all whole numbers, or numbers of any kind.
    """
    table = vtk.vtkTable()
    for title, cells in columns:
        array = _array(cells)
        array.SetName(title)
        for cell in cells:
            array.InsertNextValue(cell)
        table.AddColumn(array)
    tableNode.SetAndObserveTable(table)
    tableNode.SetUseColumnTitleAsColumnHeader(True)


def _array(cells: Sequence[object]) -> vtk.vtkAbstractArray:
    if all(isinstance(cell, str) for cell in cells):
        return vtk.vtkStringArray()
    return vtk.vtkLongLongArray() if all(isinstance(cell, int) for cell in cells) else vtk.vtkDoubleArray()
