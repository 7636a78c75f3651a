"""Jobs in real child processes: what they tell, how they end, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from host.gestures import wait_until

from SemanticSegLib.logic.ChildProcess import childEnvironment, crashSentence, slicerPython
from SemanticSegLib.logic.JobFolders import JobFolders
from SemanticSegLib.logic.Runner import JobRunner, Outcome, RunningJob
from semseg_core.data.images import write_label_map
from semseg_core.errors import DependencyError
from semseg_core.geometry import Grid
from semseg_core.job import DoctorJob, EvaluateJob, Job
from semseg_core.labels.reading import save_tree
from semseg_core.labels.tree import LabelTree
from semseg_core.train.events import Done, Failed, Kept, Note, Stage, to_line
from semseg_core.watch import is_running

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for Slicer's Python are scripts with a #! line"),
    pytest.mark.usefixtures("application"),
]

JOB = DoctorJob("found.json")

PROGRAM = """#!{python}
import os, pathlib, signal, subprocess, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index("run") + 1])
{body}
"""


@pytest.fixture
def folders(tmp_path: Path) -> JobFolders:
    return JobFolders(tmp_path / "Zwischenspeicher Zoë")


@pytest.fixture
def runner_of(tmp_path: Path, folders: JobFolders) -> Iterator[Callable[..., JobRunner]]:
    """Makes runners whose Python is a script with this body, where there is one, and Python itself else."""
    made = []

    def make(body: str | None = None, graceS: float = 20.0) -> JobRunner:
        program = Path(sys.executable)
        if body is not None:
            program = tmp_path / f"python{len(made)}"
            program.write_text(PROGRAM.format(python=sys.executable, body=body), encoding="utf-8")
            program.chmod(0o700)
        made.append(JobRunner(str(program), folders, graceS))
        return made[-1]

    yield make
    for runner in made:
        runner.endAll()


def ended(job: RunningJob) -> Outcome:
    """How a job ended, which is waited for."""
    wait_until(lambda: not job.isRunning, 30.0)
    return job.outcome


def says(*events: object) -> str:
    """The lines of a program that prints events."""
    return "\n".join(f"print({to_line(event)!r}, flush=True)" for event in events)


def test_a_job_runs_in_a_child_and_leaves_nothing(runner_of: Callable, brain_tree: LabelTree, oblique_grid: Grid) -> None:
    runner = runner_of()
    folder = runner.newFolder()
    save_tree(folder.path / "tree.json", brain_tree)
    values = np.full(oblique_grid.shape, 3, dtype=np.int32)
    write_label_map(folder.path / "truth.nii.gz", values, oblique_grid)
    events, outcomes = [], []
    job = runner.start(EvaluateJob("tree.json", "truth.nii.gz", "truth.nii.gz", "report.json"), folder)
    job.events.connect(events.append)
    job.finished.connect(outcomes.append)
    outcome = ended(job)
    assert outcomes == [outcome]
    assert (outcome.kind, outcome.message, outcome.exitCode) == ("done", "", 0), outcome.logTail
    assert [type(event) for event in events] == [Stage, Stage, Done]
    assert outcome.done == events[-1]
    assert json.loads((folder.path / "report.json").read_text(encoding="utf-8"))
    folder.remove()
    assert not folder.path.exists()
    folder.remove()  # again is harmless


def test_what_the_command_line_refuses_is_said_with_paths_of_the_folder(runner_of: Callable) -> None:
    job = runner_of().start(EvaluateJob("brain-tissue", "truth.nii.gz", "none.nii.gz", "report.json"))
    outcome = ended(job)
    assert (outcome.kind, outcome.exitCode) == ("failed", 2)
    assert outcome.message == "truth truth.nii.gz: there is no such file; check the path"
    assert outcome.logTail == f"semseg: truth <job>{os.sep}truth.nii.gz: there is no such file; check the path"
    assert str(job.folder.path) not in outcome.logTail


def test_lines_are_heard_whole_and_what_is_no_event_is_passed_over(runner_of: Callable) -> None:
    line = to_line(Note("größer → 髄膜"))
    body = f"print({line[:20]!r}, end='', flush=True); time.sleep(0.4); print({line[20:]!r})\nprint('a library says hello')\n"
    job = runner_of(body + says(Done())).start(JOB)
    heard = []
    job.events.connect(heard.append)
    assert ended(job).kind == "done"
    assert heard == [Note("größer → 髄膜"), Done()]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, "want of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -11, "unexpectedly (code -11)"),
        ("sys.exit(3)", 3, "unexpectedly (code 3)"),
    ],
)
def test_a_crash_is_told_with_what_it_last_said(runner_of: Callable, body: str, code: int, words: str) -> None:
    talk = "print(folder / 'x.nii', Path('/mnt/ann/DOE^JOHN/scan 7.nii'), 'is the last word', file=sys.stderr)"
    job = runner_of(f"from pathlib import Path\n{says(Stage('Reading'))}\n{talk}\n{body}").start(JOB)
    outcome = ended(job)
    assert (outcome.kind, outcome.exitCode) == ("crashed", code)
    assert words in outcome.message
    assert outcome.logTail.startswith(f"<job>{os.sep}x.nii")
    assert "DOE" not in outcome.logTail
    assert "ann" not in outcome.logTail


def test_a_bug_is_told_as_one(runner_of: Callable) -> None:
    outcome = ended(runner_of(says(Failed("'float' object is not iterable", 1)) + "\nsys.exit(1)").start(JOB))
    assert outcome.kind == "failed"
    assert outcome.message.startswith("Something unexpected happened ('float' object is not iterable).")


def test_one_of_windows_codes_means_memory() -> None:
    assert crashSentence(0xC0000017) == crashSentence(-9) == crashSentence(137)
    assert crashSentence(0xC0000005) != crashSentence(-9)


LISTENING = """
while not (folder / "cancel").exists():
    time.sleep(0.02)
{last}
sys.exit(130)
"""


def test_cancel_is_asked_for_and_what_was_kept_is_told(runner_of: Callable) -> None:
    kept = Kept(("model/model.json",), {"steps": 7})
    body = LISTENING.format(last=says(kept, Failed("cancelled after 7 steps", 130)))
    job = runner_of(body).start(JOB)
    assert (job.isRunning, job.isCancelling) == (True, False)
    job.cancel()
    job.cancel()
    assert job.isCancelling
    outcome = ended(job)
    assert (outcome.kind, outcome.message, outcome.kept) == ("cancelled", "cancelled after 7 steps", kept)
    assert not job.isCancelling
    job.cancel()
    assert job.outcome is outcome


FAMILY = """
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
(folder / "pids").write_text(f"{os.getpid()} {child.pid}")
child.wait()
"""


def family(job: RunningJob) -> list[int]:
    """Process numbers of a launcher and what it launched."""
    path = job.folder.path / "pids"
    wait_until(lambda: path.exists() and len(path.read_text().split()) == 2, 20.0)
    return [int(pid) for pid in path.read_text().split()]


def are_gone(pids: list[int]) -> bool:
    """Whether none of them runs; one that has ended and was not waited for, as in a container without init, counts as gone."""

    def is_gone(pid: int) -> bool:
        try:
            return not is_running(pid) or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    return all(is_gone(pid) for pid in pids)


def test_one_that_does_not_listen_is_ended_with_all_that_it_started(runner_of: Callable) -> None:
    job = runner_of(FAMILY, graceS=0.3).start(JOB)
    pids = family(job)
    assert not are_gone(pids)
    asked = time.monotonic()
    job.cancel()
    assert ended(job).kind == "cancelled"
    assert time.monotonic() - asked < 10.0
    wait_until(lambda: are_gone(pids))


def test_a_killed_launcher_takes_its_child_along(runner_of: Callable) -> None:
    job = runner_of(FAMILY).start(JOB)
    launcher, child = family(job)
    os.kill(launcher, signal.SIGKILL)
    assert ended(job).kind == "crashed"
    wait_until(lambda: are_gone([child]))


def test_closing_slicer_ends_every_job_at_once_and_deletes_its_files(runner_of: Callable) -> None:
    runner = runner_of(FAMILY)
    jobs = [runner.start(JOB), runner.start(JOB)]
    pids = [pid for job in jobs for pid in family(job)]
    outcomes = []
    jobs[0].finished.connect(outcomes.append)
    unused, kept = runner.newFolder(), runner.newFolder().keep()
    began = time.monotonic()
    runner.endAll()
    assert time.monotonic() - began < 6.0
    assert [outcome.kind for outcome in outcomes] == ["cancelled"]
    assert not any(job.folder.path.exists() or job.isRunning for job in jobs)
    assert (unused.path.exists(), kept.exists()) == (False, True)
    wait_until(lambda: are_gone(pids))


def test_a_job_ends_when_slicer_is_killed(tmp_path: Path) -> None:
    """A process that starts a job as the runner does, and is killed; the job is real and long."""
    root = tmp_path / "cache"
    program = f"""
import sys, time
from pathlib import Path
from semseg_core.cli import run
sys.modules["slicer"] = slicer = type(sys)("slicer")
sys.modules["slicer.i18n"] = i18n = type(sys)("slicer.i18n")
i18n.tr = str
class QTimer:
    def __getattr__(self, name):
        return lambda *arguments: None
sys.modules["qt"] = qt = type(sys)("qt")
qt.QTimer = QTimer
from SemanticSegLib.logic.JobFolders import JobFolders
from SemanticSegLib.logic.Runner import JobRunner
from semseg_core.job import DoctorJob
job = JobRunner({str(tmp_path / "python")!r}, JobFolders(Path({str(root)!r}))).start(DoctorJob("found.json"))
print(job.folder.path, job._process.pid, flush=True)
time.sleep(60)
"""
    # A child that does what `semseg run` does, on a job that never ends by itself.
    (tmp_path / "python").write_text(
        f"""#!{sys.executable}
import sys, time
from semseg_core.cli import main, run
class Endless:
    def execute(self, on_event, cancelled):
        open(sys.argv[4] + "/working", "w").close()
        while not cancelled():
            time.sleep(0.02)
run.load_job = lambda folder: Endless()
sys.exit(main.main(sys.argv[3:]))
""",
        encoding="utf-8",
    )
    (tmp_path / "python").chmod(0o700)
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=childEnvironment())
    folder, child = parent.stdout.readline().rsplit(" ", 1)
    waiting = time.monotonic()
    while not (Path(folder) / "working").exists() and time.monotonic() - waiting < 20.0:
        time.sleep(0.02)
    assert not are_gone([int(child)])
    parent.kill()
    parent.communicate()
    waiting = time.monotonic()
    while not are_gone([int(child)]) and time.monotonic() - waiting < 20.0:
        time.sleep(0.02)
    assert are_gone([int(child)])
    assert Path(folder).exists()
    JobFolders(root).sweep()
    assert not Path(folder).exists()


def test_the_child_finds_the_library_and_speaks_utf_8(runner_of: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    job = runner_of(
        f"import semseg_core; print(sys.flags.utf8_mode, sys.flags.no_user_site, file=sys.stderr)\n{says(Done())}"
    ).start(JOB)
    assert ended(job).logTail == "1 1"
    assert childEnvironment()["PYTHONPATH"].endswith(f"{os.pathsep}elsewhere")


def test_slicers_python_is_found_or_missed_in_words(folders: JobFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLICER_HOME", str(tmp_path / "home"))
    with pytest.raises(DependencyError, match="PythonSlicer"):
        slicerPython()
    (tmp_path / "home" / "bin").mkdir(parents=True)
    shutil.copy(sys.executable, tmp_path / "home" / "bin" / "PythonSlicer")
    assert slicerPython() == str(tmp_path / "home" / "bin" / "PythonSlicer")
    with pytest.raises(DependencyError, match=r"cannot be started .* Install Slicer again"):
        JobRunner(str(tmp_path / "none"), folders).start(JOB)


def test_a_deleted_folder_ends_its_job(runner_of: Callable) -> None:
    job: Job = runner_of("while (folder / 'job.json').exists():\n    time.sleep(0.02)\nsys.exit(130)").start(JOB)
    shutil.rmtree(job.folder.path)
    outcome = ended(job)
    assert (outcome.kind, outcome.message, outcome.logTail) == ("cancelled", "Cancelled.", "")
