"""The user's models: one model directory each, in the user's data folder, known by the name of its directory."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from SemanticSegLib.logic.Signal import Signal
from semseg_core.errors import InputError, ModelError
from semseg_core.models.card import ModelCard
from semseg_core.models.contents import CARD, load_card
from semseg_core.models.package import export_model, import_model
from semseg_core.user_folders import data_folder, make_private

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
"""Signs that no file name may have on Windows, where models may be carried to."""

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows."""

LONGEST = 80
"""Signs a name may have: a path has 260 on Windows."""


@dataclass(frozen=True)
class StoredModel:
    """A model of the store.

    Args:
        name: As the user knows it.
        folder: Its model directory.
        card: What it expects and answers; None where the card cannot be read.
        fault: Why it cannot be read; empty where it can.
        bytes: Disk space it takes.
        modified: When it was written, in seconds since 1970.
    """

    name: str
    folder: Path
    card: ModelCard | None
    fault: str
    bytes: int
    modified: float


class ModelStore:
    """Lists, renames, deletes, exports and imports models. Reads no weights but to check them, and needs no PyTorch.

    Attributes:
        changed: `()` after the list has changed.
        renamed: `(old: str, new: str)` before that, so that whoever has chosen a model keeps it.

    Args:
        root: Where the models are; a folder in the user's data if None. It is made when the first model comes.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.changed = Signal()
        self.renamed = Signal()
        self.root = root or data_folder() / "models"
        self._read: dict[tuple[Path, int], tuple[ModelCard | None, str]] = {}

    def list(self) -> tuple[StoredModel, ...]:
        """All models, the newest first. Damaged ones are listed too, with their fault, so that they can be deleted."""
        cards = self.root.glob(f"*/{CARD}")
        found = (self._stored(card) for card in cards if not card.parent.name.startswith("."))
        return tuple(sorted(found, key=lambda model: (-model.modified, model.name)))

    def model(self, name: str) -> StoredModel:
        """One model.

        Raises:
            InputError: If there is none of this name.
        """
        for model in self.list():
            if model.name == name:
                return model
        raise InputError(_("model '{name}': it is not there any more; choose another").format(name=name))

    @property
    def bytes(self) -> int:
        """Disk space that all models take."""
        return sum(model.bytes for model in self.list())

    def newFolder(self, name: str) -> Path:
        """An empty folder for a new model. Emit `changed` when the model is in it.

        It is called as wished, or nearly: signs that a file name cannot have are replaced, and where the name is taken a number
        is added.

        Raises:
            InputError: If the folder cannot be made.
        """
        folder = self.root / self._freeName(name)
        try:
            make_private(self.root.parent)
            make_private(self.root)
            folder.mkdir()
        except OSError as error:
            raise InputError(
                _("model '{name}': its folder cannot be made ({reason}); free some disk space").format(
                    name=name, reason=error.strerror
                )
            ) from error
        return folder

    def rename(self, name: str, newName: str) -> None:
        """Give a model another name.

        Raises:
            InputError: If the name cannot be used or is taken, or there is no such model.
        """
        folder, newName = self.model(name).folder, newName.strip()
        if newName == name:
            return
        if newName != usableName(newName):
            raise InputError(
                _("name '{name}': use up to {count} letters, digits and signs, but none of {signs}").format(
                    name=newName, count=LONGEST, signs='< > : " / \\ | ? *'
                )
            )
        # A change of case alone is one file to Windows and macOS, and no conflict.
        if (self.root / newName).exists() and newName.casefold() != name.casefold():
            raise InputError(_("name '{name}': another model has it; choose a different one").format(name=newName))
        try:
            folder.rename(self.root / newName)
        except OSError as error:
            raise InputError(
                _("model '{name}': cannot be renamed ({reason}); wait until nothing uses it").format(
                    name=name, reason=error.strerror
                )
            ) from error
        self.renamed.emit(name, newName)
        self.changed.emit()

    def delete(self, name: str) -> None:
        """Delete a model for good.

        Raises:
            InputError: If there is no such model, or something keeps it from being deleted.
        """
        try:
            shutil.rmtree(self.model(name).folder)
        except OSError as error:
            raise InputError(
                _("model '{name}': cannot be deleted ({reason}); wait until nothing uses it").format(
                    name=name, reason=error.strerror
                )
            ) from error
        finally:
            self.changed.emit()

    def exportTo(self, name: str, path: Path) -> None:
        """Write a model as one file, without the strokes that taught it and what its training would go on from.

        Raises:
            SemSegError: If the model is damaged, or the file cannot be written.
        """
        export_model(self.model(name).folder, path)

    def importFrom(self, path: Path) -> StoredModel:
        """Take in a model from a file of `exportTo`; it is called as the file.

        Raises:
            SemSegError: If it is no such file, a damaged one, or the disk is full.
        """
        folder = self.newFolder(Path(path).stem)
        folder.rmdir()  # import_model makes it, when all is found sound
        import_model(path, folder)
        self.changed.emit()
        return self.model(folder.name)

    def _stored(self, card: Path) -> StoredModel:
        folder, state = card.parent, card.stat()
        key = (card, state.st_mtime_ns)
        if key not in self._read:
            try:
                self._read[key] = (load_card(folder), "")
            except ModelError as error:
                self._read[key] = (None, str(error))
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        return StoredModel(folder.name, folder, *self._read[key], size, state.st_mtime)

    def _freeName(self, wish: str) -> str:
        name = usableName(wish)
        taken = {path.name.casefold() for path in self.root.iterdir()} if self.root.is_dir() else set()
        names = (name, *(f"{name} {number}" for number in range(2, len(taken) + 3)))
        return next(one for one in names if one.casefold() not in taken)


def usableName(wish: str) -> str:
    """The nearest name that a folder can have on every system.

    Example:
        >>> usableName("MRHead 14:32")
        'MRHead 14.32'
    """
    name = FORBIDDEN.sub("-", wish.replace(":", "."))[:LONGEST].strip(" .")
    return f"-{name}" if not name or RESERVED.fullmatch(name) else name
