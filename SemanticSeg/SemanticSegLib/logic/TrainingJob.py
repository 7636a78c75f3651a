"""The job folder of a training: what is put into it, and what is taken out when the child has ended."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from SemanticSegLib.logic.TrainingCases import Case, JobFile
from SemanticSegLib.logic.TrainingRun import TrainingRun
from semseg_core.cli.options import parse_names, parse_values
from semseg_core.data.cases import CaseFiles
from semseg_core.errors import InputError, ModelError
from semseg_core.files import write_text
from semseg_core.job import FineTuneJob
from semseg_core.labels.formats.own_json import to_text
from semseg_core.models.contents import CARD, STROKES, WEIGHTS, load_card
from semseg_core.train.config import Budget, TrainConfig

if TYPE_CHECKING:
    from SemanticSegLib.logic.ModelStore import ModelStore
    from SemanticSegLib.logic.ParameterNode import SemanticSegParameterNode

TREE, MODEL, START = "tree.json", "model", "start"
"""Places in the job folder."""

MODEL_FILES = (WEIGHTS, STROKES, CARD)
"""What makes a model; a training that was cancelled leaves more than that. The card comes last: by it a model is found."""


def filesOf(cases: Sequence[Case], run: TrainingRun) -> list[list[JobFile]]:
    """What is to be written for each case, the marks last; looks at all nodes, and tells the run what they are called.

    Raises:
        InputError: If a node or a file cannot be used, or the folder cannot be written.
    """
    found = []
    for number, case in enumerate(cases, start=1):
        place = f"case{number}"
        _make(run.folder / place)
        files = case.files(place, run.folder, run.tree, run.tell)
        run.words.update({file.path: file.words for file in files})
        found.append(files)
    return found


def written(files: Sequence[Sequence[JobFile]]) -> Iterator[float]:
    """Writes the files part by part; gives the share of cases that are done."""
    for number, case in enumerate(files):
        for file in case:
            for _part in file.steps:
                yield number / len(files)


def jobOf(
    files: Sequence[Sequence[JobFile]],
    run: TrainingRun,
    parameters: SemanticSegParameterNode,
    channels: tuple[str, ...],
    start: Path | None,
) -> FineTuneJob:
    """The job, with paths that begin at its folder; writes what is small: the tree, and a copy of the start model.

    Raises:
        InputError: If the disk is full, or a choice cannot be used.
    """
    write_text(run.folder / TREE, to_text(run.tree))
    if start is not None:
        _make(run.folder / START)
        try:
            for name in (WEIGHTS, CARD):
                shutil.copyfile(start / name, run.folder / START / name)
        except OSError as error:
            found = _("start model '{name}': cannot be copied ({reason}); choose another, or free some disk space")
            raise InputError(found.format(name=start.name, reason=error.strerror)) from error
    return FineTuneJob(
        tree=TREE,
        cases=tuple(CaseFiles(tuple(file.path for file in case[:-1]), case[-1].path) for case in files),
        output=MODEL,
        unknown_values=parse_values(parameters.unknownValues),
        channels=channels,
        start=None if start is None else START,
        config=TrainConfig(
            loss=None if parameters.loss == "default" else parameters.loss,
            budget=Budget(seconds=parameters.budgetSeconds),
            learner=parameters.learner,
            device=parameters.device,
        ),
    )


def keepModel(models: ModelStore, folder: Path, name: str) -> str:
    """Put what the child made into the store.

    Args:
        models: The store.
        folder: The job folder.
        name: What the model shall be called.

    Returns:
        Its name in the store; empty where the child made none.

    Raises:
        InputError: If the disk is full.
    """
    made = folder / MODEL
    if not (made / CARD).is_file():
        return ""
    kept = models.newFolder(name)
    try:
        for file in MODEL_FILES:
            if (made / file).exists():
                shutil.move(made / file, kept / file)
    except OSError as error:
        shutil.rmtree(kept, ignore_errors=True)
        found = _("model '{name}': cannot be kept ({reason}); free some disk space and train again")
        raise InputError(found.format(name=kept.name, reason=error.strerror)) from error
    models.changed.emit()
    return kept.name


def startFolder(models: ModelStore, name: str) -> Path | None:
    """Where a start model lies, by its name in the store or its own folder; None for none.

    Raises:
        InputError: If there is no such model.
    """
    if not name:
        return None
    stored = next((model.folder for model in models.list() if model.name == name), Path(name))
    if not (stored / CARD).is_file():
        raise InputError(_("start model '{name}': it is not there any more; choose another, or none").format(name=name))
    return stored


def channelsOf(model: Path | None) -> tuple[str, ...]:
    """The channels a model takes; empty without one, or where its card cannot be read, which the child says better."""
    if model is None:
        return ()
    try:
        return load_card(model).channels
    except ModelError:
        return ()


def namesOfChannels(typed: str, offered: Sequence[tuple[str, ...]], count: int) -> tuple[str, ...]:
    """Names of the channels of an image: the typed ones, else the first offered that fit; empty for unnamed ones.

    Args:
        typed: As the user typed them, separated by commas; may be empty.
        offered: Those of the tree, of the start model.
        count: Channels of the image.

    Raises:
        InputError: If the typed names are not as many as the image has channels.
    """
    if not typed.strip():
        return next((names for names in offered if len(names) == count), ())
    names = parse_names(typed)
    if len(names) != count:
        found = _("channels '{names}': the image has {count}; name each channel once, separated by commas")
        raise InputError(found.format(names=typed, count=count))
    return names


def requireLoss(expression: str) -> None:
    """Refuse what is no expression of losses; names of options and their values are looked at by the child.

    Raises:
        InputError: If it cannot be read, or names a loss that does not exist.
    """
    from semseg_core.losses.catalog import DESCRIPTIONS
    from semseg_core.losses.expression import parse

    names = [words.name for words in DESCRIPTIONS]
    for term in parse(expression):
        if term.name not in names:
            found = _("loss '{name}': there is none of this name; the names are {names}")
            raise InputError(found.format(name=term.name, names=", ".join(names)))


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise InputError(
            _("job folder: cannot be written ({reason}); free some disk space").format(reason=error.strerror)
        ) from error
