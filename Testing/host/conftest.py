"""The host's own tests use the fixtures that it gives to others."""

from .fixtures import application, head_volume, panel, slicer_scene, user_answers  # noqa: F401
