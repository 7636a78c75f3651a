"""`SampleData`: sources that modules register are written down; nothing is downloaded."""

from __future__ import annotations

from typing import Any


class SampleDataLogic:
    """`registered` has the arguments of each source."""

    registered: list[dict[str, Any]] = []

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFiles: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
        loadFileType: Any = None,
    ) -> None:
        SampleDataLogic.registered.append({name: value for name, value in locals().items() if value is not None})
