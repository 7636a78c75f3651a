"""AdamW against PyTorch's class."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
import torch

from semseg_core.train.optimizer import BETAS, AdamW


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.GELU(), torch.nn.LayerNorm(7), torch.nn.Linear(7, 3))


def losses(model: torch.nn.Module, count: int):
    for seed in range(count):
        inputs = torch.randn(16, 5, generator=torch.Generator().manual_seed(seed))
        yield model(inputs).square().mean() + model(inputs * 2).sum() * 0.01


def test_it_makes_the_steps_of_pytorchs_class_with_decay_on_matrices_only() -> None:
    ours, theirs = network(), network()
    matrices = [parameter for parameter in theirs.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in theirs.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.3}, {"params": vectors, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=1.0, betas=BETAS)
    optimizer = AdamW(ours, 0.3)
    for step, (mine, other) in enumerate(zip(losses(ours, 20), losses(theirs, 20), strict=True)):
        rate = 1e-2 / (1 + step)
        optimizer.step(mine, rate)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.zero_grad()
        other.backward()
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-7)


def test_moments_carry_over_to_another_run() -> None:
    first = network()
    optimizer = AdamW(first, 0.3)
    for loss in losses(first, 5):
        optimizer.step(loss, 1e-2)
    second = copy.deepcopy(first)
    resumed = AdamW(second, 0.3)
    resumed.load_state_dict({name: tensor.clone() for name, tensor in optimizer.state_dict().items()})
    for mine, other in zip(losses(first, 3), losses(second, 3), strict=True):
        optimizer.step(mine, 1e-2)
        resumed.step(other, 1e-2)
    assert all(torch.equal(mine, other) for mine, other in zip(first.parameters(), second.parameters(), strict=True))


def test_moments_of_another_network_are_refused() -> None:
    optimizer = AdamW(network(), 0.3)
    with pytest.raises(KeyError):
        optimizer.load_state_dict({})
    with pytest.raises(RuntimeError):
        optimizer.load_state_dict({name: torch.zeros(2, 9) for name in optimizer.state_dict()})


def test_training_does_not_load_the_compiler() -> None:
    code = (
        "import sys, torch; from semseg_core.train.optimizer import AdamW; layer = torch.nn.Linear(2, 2); "
        "AdamW(layer, 0.1).step(layer(torch.ones(1, 2)).sum(), 0.1); sys.exit('torch._dynamo' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
