# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Training of a base policy from demonstrations: the loop, its files, and how it stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from score import __version__
from score.imitation.dataset import DemonstrationSet
from score.imitation.plausibility import implausible
from score.imitation.report import Measurement, draw_curves, write_scalars
from score.imitation.settings import PretrainCfg
from score.imitation.trainer import Trainer, training_identity
from score.imitation.windows import make_spec, make_windows, split_episodes
from score.policies.bundle import require_bundle_place, save_bundle
from score.utils.errors import UserError
from score.utils.files import require_writable

CHECKPOINT_FILE = "checkpoint.pt"
CURVES_FILE = "curves.png"


@dataclass(frozen=True)
class TrainingResult:
    """What a training left."""

    bundle: Path
    """The base policy."""
    training: Path
    """Folder with curves, TensorBoard events and the checkpoint."""
    measurements: tuple[Measurement, ...]
    """All validations, in order."""


def training_directory(output: Path) -> Path:
    """Folder of what a training leaves besides the bundle ``output``: ``<output>_training``, next to it."""
    return output.with_name(f"{output.name}_training")


def train_base_policy(
    data: DemonstrationSet,
    output: Path,
    cfg: PretrainCfg,
    *,
    label: str = "",
    resume: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
) -> TrainingResult:
    """Train a base policy and write it as a bundle.

    The bundle and a checkpoint are written every ``cfg.checkpoint_every`` updates, at the end and at Ctrl-C, each
    atomically. TensorBoard events and ``curves.png`` lie in :func:`training_directory`.

    Args:
        data: Demonstrations with the observations that ``cfg`` names.
        output: Folder of the bundle.
        cfg: Settings.
        label: Name of the task, kept in the bundle for readers.
        resume: Go on from the checkpoint of an interrupted training into the same folder.
        overwrite: Whether an existing base policy in ``output`` may be replaced by a new training.
        console: Where progress goes; standard output by default.

    Raises:
        UserError: Too few episodes, data that cannot be normalised, a place that cannot be written or is taken, nothing
            to resume or something else to resume.
        KeyboardInterrupt: Ctrl-C, after everything is saved; its message says where.
    """
    output, training = Path(output), training_directory(Path(output))
    checkpoint = training / CHECKPOINT_FILE
    _require_place(output, checkpoint, resume, overwrite)
    train_indices, validation_indices = split_episodes(len(data.episodes), cfg.validation_fraction, cfg.seed)
    windows = [make_windows([data.episodes[i] for i in part], cfg) for part in (train_indices, validation_indices)]
    trainer = Trainer(make_spec(data, cfg), windows[0], windows[1], cfg)
    identity = training_identity(cfg, data.sha256)
    if resume:
        trainer.restore(checkpoint, identity)
    console = console or Console()
    findings = implausible(data)
    for finding in findings:
        console.print(f"Warning: {data.path.name}: {finding}", soft_wrap=True, markup=False)
    console.print(
        f"{len(train_indices)} episodes ({len(windows[0])} steps) to train on,"
        f" {len(validation_indices)} ({len(windows[1])}) to validate;"
        f" {sum(p.numel() for p in trainer.policy.parameters()) / 1e6:.2f} million parameters",
        soft_wrap=True,
    )
    facts = {
        "task": label,
        "data": data.path.name,
        "data_sha256": data.sha256,
        "episodes": len(data.episodes),
        "demonstrated_success": data.success_rate,
        "warnings": findings,
        "seed": cfg.seed,
        "score_version": __version__,
        "torch_version": str(torch.__version__),
    }

    def save() -> None:
        trainer.save(checkpoint, identity)
        save_bundle(trainer.averaged_policy, output, _provenance(facts, trainer))

    def finish() -> None:
        save()
        if trainer.measurements:
            draw_curves(trainer.measurements, data.units["actions"], training / CURVES_FILE)

    with SummaryWriter(str(training), purge_step=trainer.update + 1 if resume else None) as writer:
        try:
            _loop(trainer, cfg, writer, console, save)
        except KeyboardInterrupt as interrupt:
            finish()
            left = f"the base policy after {trainer.update} of {cfg.updates} updates is in {output}; --resume goes on"
            raise KeyboardInterrupt(left) from interrupt
    finish()
    return TrainingResult(output, training, tuple(trainer.measurements))


def _loop(
    trainer: Trainer, cfg: PretrainCfg, writer: SummaryWriter, console: Console, save: Callable[[], None]
) -> None:
    columns = (
        TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("elapsed"), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("loss {task.fields[loss]:.4f}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=cfg.updates, completed=trainer.update, loss=float("nan"))
        while trainer.update < cfg.updates:
            loss = trainer.step()
            progress.update(task, completed=trainer.update, loss=loss)
            if trainer.update % cfg.validation_every == 0 or trainer.update == cfg.updates:
                measurement = trainer.measure()
                write_scalars(writer, measurement)
                progress.console.print(_line(measurement, cfg.updates), soft_wrap=True)
            if trainer.update % cfg.checkpoint_every == 0 and trainer.update < cfg.updates:
                save()


def _require_place(output: Path, checkpoint: Path, resume: bool, overwrite: bool) -> None:
    require_bundle_place(output)
    if resume and not checkpoint.is_file():
        raise UserError(f"Nothing to resume: {checkpoint} does not exist. Start without --resume.")
    taken = [path for path in (output, checkpoint) if path.exists() and (path.is_file() or any(path.iterdir()))]
    if taken and not (resume or overwrite):
        raise UserError(
            f"{taken[0]} already exists: give --resume to go on with it, --overwrite to replace it, or another"
            " --output."
        )
    require_writable(checkpoint.parent)
    require_writable(output.parent)
    if not resume:
        for stale in (*checkpoint.parent.glob("events.out.tfevents.*"), checkpoint):
            stale.unlink(missing_ok=True)


def _provenance(facts: dict[str, Any], trainer: Trainer) -> dict[str, Any]:
    result = {**facts, "updates": trainer.update}
    if trainer.measurements:
        last = trainer.measurements[-1]
        result["validation_loss"] = round(last.validation_loss, 5)
        result["validation_action_error"] = [float(f"{error:.3g}") for error in last.action_error]
    return result


def _line(measurement: Measurement, updates: int) -> str:
    first, last = measurement.action_error[0], measurement.action_error[-1]
    return (
        f"update {measurement.update}/{updates}: loss {measurement.train_loss:.4f},"
        f" validation {measurement.validation_loss:.4f}, action error {first:.5f} (first row) to {last:.5f} (last)"
    )
