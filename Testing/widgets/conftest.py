"""The panel on the test host; the fixtures are those of `host/fixtures.py`."""

from host.fixtures import application, head_volume, panel, slicer_scene, user_answers, user_folders  # noqa: F401
