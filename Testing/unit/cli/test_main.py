"""The frame of the command line: exit codes, sentences, interrupts, pipes."""

from __future__ import annotations

import argparse
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from semseg_core import __version__
from semseg_core.cli.main import COMMANDS, Cancellation, build_parser, main
from semseg_core.errors import CancelledError, DependencyError, InputError, MemoryLimitError, ModelError
from semseg_core.train.events import Done, Failed, from_line

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows cannot interrupt one process from another")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Puts the signal handlers of the tests back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def command_that(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable], None]:
    """Lets `semseg doctor` do something else."""

    def replace(run: Callable) -> None:
        def add_parser(commands: argparse._SubParsersAction) -> None:
            commands.add_parser("doctor").set_defaults(run=run)

        monkeypatch.setattr("semseg_core.cli.doctor.add_parser", add_parser)

    return replace


def raising(error: BaseException) -> Callable:
    def run(arguments: object, on_event: object, cancelled: object) -> None:
        del arguments, on_event, cancelled
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (InputError("image a.nii: there is no such file"), 2, "semseg: image a.nii: there is no such file"),
        (ModelError("model m: damaged"), 2, "semseg: model m: damaged"),
        (DependencyError("PyTorch is not installed"), 3, "semseg: PyTorch is not installed"),
        (MemoryLimitError("out of memory"), 4, "semseg: out of memory"),
        (MemoryError(), 4, "semseg: out of memory; close other programs"),
        (CancelledError("cancelled after 5 steps"), 130, "semseg: cancelled after 5 steps"),
        (KeyboardInterrupt(), 130, "semseg: cancelled"),
        (ModuleNotFoundError("No module", name="torch"), 3, "'torch' is not installed; install it with: pip install torch"),
        (ModuleNotFoundError("No module", name="semseg_core.x"), 1, "unexpected error, please report it"),
        (ZeroDivisionError("division by zero"), 1, "please report it with the output of --debug: ZeroDivisionError: division"),
    ],
)
def test_every_error_has_its_code_and_one_sentence(
    command_that: Callable, capsys: pytest.CaptureFixture, error: BaseException, code: int, sentence: str
) -> None:
    command_that(raising(error))
    assert main(["doctor"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_debug_shows_where_an_error_came_from(command_that: Callable, capsys: pytest.CaptureFixture) -> None:
    command_that(raising(InputError("image a.nii: bad")))
    assert main(["doctor", "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert "in run" in err
    assert err.splitlines()[-1] == "semseg: image a.nii: bad"


def test_programs_get_the_failure_as_an_event_too(command_that: Callable, capsys: pytest.CaptureFixture) -> None:
    command_that(raising(MemoryLimitError("out of memory")))
    assert main(["doctor", "--progress", "json"]) == 4
    assert from_line(capsys.readouterr().out) == Failed("out of memory", 4)


def test_every_command_knows_progress_and_debug() -> None:
    parser = build_parser()
    nested = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    assert tuple(nested.choices) == COMMANDS
    for name, command in nested.choices.items():
        inner = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
        for one in inner[0].choices.values() if inner else [command]:
            options = {option for action in one._actions for option in action.option_strings}
            assert {"--progress", "--debug"} <= options, name


@pytest.mark.parametrize("arguments", [[], ["bake"], ["finetune"], ["predict", "m"], ["doctor", "--progress", "loud"]])
def test_a_wrong_command_line_is_explained_with_code_2(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: semseg" in capsys.readouterr().err


def test_an_options_own_check_gives_a_sentence(in_process: Callable) -> None:
    code, out, err = in_process("finetune", "--tree", "t", "--budget", "soon", "-o", "m")
    assert (code, out) == (2, "")
    assert err == "semseg: budget 'soon': give seconds, minutes or steps, like 120s, 2min or 2000steps\n"


def test_help_and_version_say_what_it_is_for(semseg: Callable) -> None:
    shown = semseg("--help")
    assert shown.returncode == 0
    assert "not a medical device" in " ".join(shown.stdout.split())
    assert all(command in shown.stdout for command in COMMANDS)
    assert semseg("--version").stdout == f"semseg {__version__}\n"


@POSIX
def test_an_interrupt_before_the_first_poll_ends_at_once() -> None:
    cancelled = Cancellation()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert cancelled()  # even if a library had swallowed the interrupt


@POSIX
def test_after_the_first_poll_the_command_ends_in_its_own_way_and_a_second_interrupt_ends_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("semseg_core.cli.main.ONE_SIGNAL_S", -1.0)
    cancelled = Cancellation()
    assert not cancelled()
    os.kill(os.getpid(), signal.SIGTERM)
    assert cancelled()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@POSIX
def test_a_signal_to_the_process_and_to_its_group_is_one() -> None:
    cancelled = Cancellation()
    assert not cancelled()
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    assert cancelled()


@POSIX
@pytest.mark.parametrize(("goes_on", "code"), [(False, 0), (True, 130)])
def test_what_was_told_to_be_done_is_done_however_often_it_is_interrupted(
    command_that: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, goes_on: bool, code: int
) -> None:
    def run(_: object, on_event: Callable, cancelled: Callable) -> None:
        cancelled()
        on_event(Done())
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        if goes_on:  # with the next image of a series
            cancelled()
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("semseg_core.cli.main.ONE_SIGNAL_S", -1.0)
    command_that(run)
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == ("semseg: cancelled\n" if goes_on else "")


@POSIX
def test_an_interrupt_that_a_library_turned_into_an_error_is_still_a_cancel(
    command_that: Callable, capsys: pytest.CaptureFixture
) -> None:
    def run(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("multiarray failed to import") from None

    command_that(run)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "semseg: cancelled\n"


def test_a_reader_that_leaves_ends_the_command_quietly(command: Callable, environment: dict) -> None:
    process = subprocess.Popen(
        command("tree", "show", "whole-brain"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 130


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_pipes_of_any_encoding_carry_everything(semseg: Callable, environment: dict, encoding: str) -> None:
    shown = semseg("tree", "show", "brain-tumor", env={**environment, "PYTHONIOENCODING": encoding}, encoding=encoding)
    assert shown.returncode == 0, shown.stderr
    assert "whole tumor" in shown.stdout


class Interrupting(ModuleType):
    """A module whose loading is interrupted."""

    def __getattr__(self, name: str) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_while_python_loads_us_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "semseg_core.cli.main", Interrupting("semseg_core.cli.main"))
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("semseg_core", run_name="__main__")
    assert stop.value.code == 130
