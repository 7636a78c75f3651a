"""The scripted pip and PyTorchUtils: what was asked is kept, and what comes of it is the test's choice."""

from __future__ import annotations

from pathlib import Path
from subprocess import CalledProcessError

import pytest

from . import packaging, pytorch_utils
from .packaging import pip


@pytest.fixture(autouse=True)
def script():
    pip.reset()
    pytorch_utils.script.reset()
    yield pytorch_utils.script
    pip.reset()
    pytorch_utils.script.reset()


def test_requirements_files_are_read(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("# why\n-r other.txt\nnumpy>=1.26\n\ntqdm\n")
    assert [str(each) for each in packaging.load_requirements(tmp_path / "requirements.txt")] == ["numpy>=1.26", "tqdm"]


def test_what_is_there_is_not_installed():
    packaging.pip_ensure(["numpy>=1", "nothing-like-it; sys_platform == 'none'"])
    assert pip.asked == []
    assert not packaging.pip_check("numpy>=1 numpy<1")


def test_what_seems_missing_is_installed_once():
    pip.missing = {"numpy", "tqdm"}
    packaging.pip_ensure(["numpy>=1", "tqdm", "packaging"], requester="us")
    packaging.pip_ensure("numpy tqdm")
    assert [(names, more["requester"]) for names, more in pip.asked] == [(["numpy>=1", "tqdm"], "us")]
    assert packaging.pip_check("numpy tqdm")


@pytest.mark.parametrize(("outcome", "error"), [("declined", RuntimeError), ("failed", CalledProcessError)])
def test_installing_may_not_happen(outcome, error):
    pip.missing, pip.outcome = {"numpy"}, outcome
    with pytest.raises(error):
        packaging.pip_ensure("numpy")
    assert not packaging.pip_check("numpy")


def test_who_is_not_asked_cannot_decline():
    pip.missing, pip.outcome = {"numpy"}, "declined"
    packaging.pip_ensure("numpy", prompt_install=False)
    assert packaging.pip_check("numpy")


def test_pip_in_the_background_tells_its_exit_code():
    pip.missing, pip.outcome = {"numpy"}, "failed"
    codes = []
    packaging.pip_install("numpy", blocking=False, completedCallback=codes.append)
    assert codes == [1]


def test_torch_comes_through_its_extension(script):
    script.installed = False
    logic = pytorch_utils.PyTorchUtilsLogic()
    script.outcome = "declined"
    assert logic.installTorch(askConfirmation=True) is None
    script.outcome = "failed"
    with pytest.raises(RuntimeError):
        logic.installTorch()
    script.outcome = "installed"
    assert logic.installTorch(torchVersionRequirement=">=2.2").__version__
    assert logic.torchInstalled()
    assert [each["torchVersionRequirement"] for each in script.asked] == [None, None, ">=2.2"]
