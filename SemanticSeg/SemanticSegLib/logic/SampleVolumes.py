"""Volumes to try the module with: public files of Slicer's own test data, under the names of the presets that fit them."""

from __future__ import annotations

from typing import NamedTuple

import slicer.util
from slicer.i18n import tr as _

CATEGORY = "SemanticSeg"


class Sample(NamedTuple):
    """A file of Slicer's test data, known by its checksum, which is a part of its address."""

    name: str
    nodeName: str
    fileName: str
    sha256: str


def samples() -> tuple[Sample, ...]:
    """What is offered. Names of files are Slicer's own, so that what was downloaded there is not downloaded again."""
    return (
        Sample(
            _("Head MR, for the preset 'head tissue'"),
            "MRHead",
            "MR-head.nrrd",
            "cc211f0dfd9a05ca3841ce1141b292898b2dd2d3f08286affadf823a7e58df93",
        ),
        Sample(
            _("Chest CT, for the preset 'CT organs'"),
            "CTChest",
            "CT-chest.nrrd",
            "4507b664690840abb6cb9af2d919377ffc4ef75b167cb6fd0f747befdb12e38e",
        ),
        Sample(
            _("Brain tumor MR, for the preset 'neurosurgical scene'"),
            "MRBrainTumor1",
            "RegLib_C01_1.nrrd",
            "998cb522173839c78657f4bc0ea907cea09fd04e44601f17c82ea27927937b95",
        ),
    )


def registerSampleVolumes() -> None:
    """Offer the volumes in the module Sample Data; nothing is downloaded before somebody clicks there."""
    from SampleData import SampleDataLogic  # a module of the application, which is there when startup has completed

    for sample in samples():
        SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=sample.name,
            uris=f"{slicer.util.TESTING_DATA_URL}SHA256/{sample.sha256}",
            fileNames=sample.fileName,
            nodeNames=sample.nodeName,
            checksums=f"SHA256:{sample.sha256}",
        )
