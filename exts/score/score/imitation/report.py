# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What base-policy training measures, and where it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from score.utils.files import atomic_file


@dataclass(frozen=True)
class Measurement:
    """State of training after some updates."""

    update: int
    """Updates done."""
    train_loss: float
    """Flow-matching loss of the raw model, mean since the last measurement [normalised units squared]."""
    validation_loss: float
    """The same loss of the averaged model on validation windows without augmentation."""
    action_error: tuple[float, ...]
    """Mean absolute error of sampled actions of the averaged model on validation windows, for each row of the chunk
    [action units]. Demonstrations that differ on purpose keep it above zero."""
    learning_rate: float
    """Learning rate at that time."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {**asdict(self), "action_error": list(self.action_error)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Measurement:
        """Inverse of :meth:`to_dict`."""
        return cls(**{**data, "action_error": tuple(data["action_error"])})


def write_scalars(writer: SummaryWriter, measurement: Measurement) -> None:
    """Write a measurement as TensorBoard scalars."""
    update = measurement.update
    writer.add_scalar("loss/train", measurement.train_loss, update)
    writer.add_scalar("loss/validation", measurement.validation_loss, update)
    writer.add_scalar("learning_rate", measurement.learning_rate, update)
    for row, error in enumerate(measurement.action_error):
        writer.add_scalar(f"action_error/row_{row}", error, update)
    writer.flush()


def draw_curves(measurements: Sequence[Measurement], units: str, path: Path) -> None:
    """Draw losses over updates, and the action error of first, middle and last row, as a PNG.

    Args:
        measurements: At least one, in order.
        units: Units of actions, for the axis.
        path: The picture.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, errors = figure.subplots(1, 2)
    updates = [measurement.update for measurement in measurements]
    losses.plot(updates, [m.train_loss for m in measurements], label="training (augmented)")
    losses.plot(updates, [m.validation_loss for m in measurements], label="validation (averaged weights)")
    losses.set(xlabel="update", ylabel="loss of the network", yscale="log")
    rows = len(measurements[0].action_error)
    for row in sorted({0, rows // 2, rows - 1}):
        errors.plot(updates, [m.action_error[row] for m in measurements], label=f"chunk row {row}")
    errors.set(xlabel="update", ylabel=f"validation action error [{units}]", yscale="log")
    for axes in (losses, errors):
        axes.legend()
        axes.grid(True, which="both", alpha=0.3)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=120)
