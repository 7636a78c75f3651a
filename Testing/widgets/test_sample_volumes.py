"""Sample volumes are Slicer's own public files, with checksums, and are offered once."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from SemanticSegLib.logic.SampleVolumes import CATEGORY, registerSampleVolumes, samples


@pytest.mark.usefixtures("application")
def test_samples_are_registered_with_the_checksum_that_their_address_names(monkeypatch):
    registered = []

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(category, sampleName, uris, fileNames, nodeNames, checksums):
            registered.append((category, sampleName, uris, fileNames, nodeNames, checksums))

    module = ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic
    monkeypatch.setitem(sys.modules, "SampleData", module)
    registerSampleVolumes()
    assert len(registered) == len({entry[1] for entry in registered}) == len(samples()) > 1
    for category, _name, address, fileName, nodeName, checksum in registered:
        assert category == CATEGORY
        algorithm, digest = checksum.split(":")
        assert address == f"https://github.com/Slicer/SlicerTestingData/releases/download/{algorithm}/{digest}"
        assert len(digest) == 64
        assert fileName.endswith(".nrrd")
        assert nodeName
