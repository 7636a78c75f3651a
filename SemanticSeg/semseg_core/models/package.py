"""A model as one file, to be sent or stored: a zip archive of its card and its weights, and nothing else.

What comes from elsewhere is not trusted: names in the archive are never used as paths, sizes are limited, the card is read and
the weights are compared with their checksum before anything takes its place.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from semseg_core.errors import InputError, ModelError
from semseg_core.files import replacing, require_file
from semseg_core.models.contents import CARD, WEIGHTS, load_card, read_weights

LIMITS = {CARD: 64 << 20, WEIGHTS: 1 << 30}
"""The largest files that are taken out of an archive, in bytes. Models of 148 leaves have 2 MB."""


def export_model(folder: str | Path, path: str | Path) -> None:
    """Pack a model directory into one file; the checkpoint and the strokes beside the model stay behind.

    Raises:
        ModelError: If the folder holds no sound model.
        InputError: If the disk is full or the file cannot be written; an earlier file stays whole.
    """
    folder = Path(folder)
    load_card(folder)
    weights = read_weights(folder)
    with replacing(path, "model file") as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.write(folder / CARD, CARD, zipfile.ZIP_DEFLATED)
        archive.writestr(WEIGHTS, weights)  # as they are: random numbers do not become smaller


def import_model(path: str | Path, folder: str | Path) -> None:
    """Unpack a file of `export_model` into a new model directory.

    Raises:
        ModelError: If it is no such file, or a damaged one; the folder is not made then.
        InputError: If the file cannot be read, the folder exists, or cannot be written.
    """
    path, folder = require_file(path, "model file"), Path(folder)
    if folder.exists():
        raise InputError(f"model {folder}: exists already; choose another name")
    contents = _contents(path)
    # Read whole under another name first, so that what stands under the model's name is a model.
    with replacing(folder, "model") as temporary:
        temporary.mkdir()
        for name, data in contents.items():
            (temporary / name).write_bytes(data)
        try:
            load_card(temporary)
            read_weights(temporary)
        except ModelError as error:
            raise ModelError(str(error).replace(str(temporary), path.name)) from error


def _contents(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(info.filename for info in archive.infolist())
            if names != sorted(LIMITS):
                raise ModelError(
                    f"model file {path}: does not hold {CARD} and {WEIGHTS} alone; choose one exported from SemanticSeg"
                )
            return {name: _limited(archive, name, path) for name in LIMITS}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"model file {path}: is no sound zip archive ({error}); copy or export it again") from error
    except OSError as error:
        raise InputError(f"model file {path}: cannot be read ({error.strerror or error}); copy it again") from error


def _limited(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """A member of the archive; what its header says of the size is not believed."""
    with archive.open(name) as stream:
        data = stream.read(LIMITS[name] + 1)
    if len(data) > LIMITS[name]:
        raise ModelError(f"model file {path}: its {name} is larger than {LIMITS[name] >> 20} MB; this is no model of SemanticSeg")
    return data
