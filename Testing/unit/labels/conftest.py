"""A file written and read as a label tree in one go."""

import json

import pytest

from semseg_core.labels.reading import load_tree


@pytest.fixture
def read(tmp_path):
    """Write a file and read it as a label tree."""

    def write_and_read(name, content, **options):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return load_tree(path, **options)

    return write_and_read
