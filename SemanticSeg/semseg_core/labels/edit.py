"""Edits of a label tree. Each gives a new tree and the remap that carries scribbles, results and models along.

Undo is keeping the old tree (and the old scribbles).
"""
