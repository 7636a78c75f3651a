"""AdamW on a network: PyTorch's arithmetic without its optimizer class.

That class loads PyTorch's compiler, which is not used here and takes 2 s of processor time: half of what it takes to start.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.optim.adamw import adamw

BETAS = (0.9, 0.99)
EPSILON = 1e-8


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), on matrices only.

    Args:
        network: Its parameters are changed in place.
        weight_decay: Times the learning rate, what matrices lose at each step.
    """

    def __init__(self, network: torch.nn.Module, weight_decay: float) -> None:
        self._parameters = dict(network.named_parameters())
        self._groups = [
            ([name for name, parameter in self._parameters.items() if parameter.ndim > 1], weight_decay),
            ([name for name, parameter in self._parameters.items() if parameter.ndim <= 1], 0.0),
        ]
        self._means = {name: torch.zeros_like(parameter) for name, parameter in self._parameters.items()}
        self._squares = {name: torch.zeros_like(parameter) for name, parameter in self._parameters.items()}
        self._steps = {name: torch.tensor(0.0) for name in self._parameters}

    def step(self, loss: torch.Tensor, learning_rate: float) -> None:
        """One step down the gradient of a scalar loss."""
        self.clear()
        loss.backward()
        self.apply(learning_rate)

    def clear(self) -> None:
        """Forget gradients, before those of several losses are gathered."""
        for parameter in self._parameters.values():
            parameter.grad = None

    def apply(self, learning_rate: float) -> None:
        """One step down the gradients gathered since `clear`; parameters that no loss reached stay as they are."""
        with torch.no_grad():
            for group, weight_decay in self._groups:
                names = [name for name in group if self._parameters[name].grad is not None]
                adamw(
                    [self._parameters[name] for name in names],
                    [self._parameters[name].grad for name in names],
                    [self._means[name] for name in names],
                    [self._squares[name] for name in names],
                    [],
                    [self._steps[name] for name in names],
                    amsgrad=False,
                    beta1=BETAS[0],
                    beta2=BETAS[1],
                    lr=learning_rate,
                    weight_decay=weight_decay,
                    eps=EPSILON,
                    maximize=False,
                )

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All moments by name, not copied."""
        parts = {"mean": self._means, "square": self._squares, "steps": self._steps}
        return {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over the moments of another run of the same network.

        Raises:
            KeyError: If one is missing.
            RuntimeError: If one has another shape.
        """
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])
