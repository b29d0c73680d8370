# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Writes a capsule: the folder that goes to the robot."""

from __future__ import annotations

import dataclasses
import datetime
import io
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import score
from score.deployment.build import MEASURED_KEY, PAST_TARGET_KEY, build_policy
from score.deployment.golden import GoldenEpisode, write_golden
from score.deployment.manifest import (
    CAPSULE_FILES,
    HASHED_FILES,
    MANIFEST_FILE,
    PARITY_TOLERANCE,
    POLICY_FILE,
    latency_budgets,
    write_manifest,
)
from score.deployment.noise_table import NoiseTable
from score.utils.files import atomic_directory, sha256_of

if TYPE_CHECKING:
    from score.policies.spec import ObservationSpec, PolicySpec
    from score.steering.plan import SteeringHead

WARM_UP_DECISIONS = 4
"""Decisions to take on zeros before the first episode: TorchScript compiles during the first calls of each of its paths
(control steps with a decision and without), which takes some 0.3 s."""


@dataclass(frozen=True)
class CapsulePieces:
    """What a capsule is made of."""

    head: SteeringHead
    """Trained steering policy, the base policy inside."""

    spec: PolicySpec
    """Specification of the base policy with the task's limits of the actions."""

    task: str
    """Gym id of the task."""

    max_offset: float | tuple[float, ...] | None
    """Largest distance of a target from the measured position, one or one per action, in action units; None if nothing
    is measured."""

    sampled: bool = False
    """Draw codes from the trained distribution instead of taking their mean."""

    seed: int = 0
    """Seed of the noise that the capsule uses, if it uses any."""

    late_steps: int = 0
    """Control steps from a decision's observation to the first action of its chunk."""

    measured_key: str = MEASURED_KEY
    """Observation that targets are compared with."""

    past_target_key: str = PAST_TARGET_KEY
    """Window of past commanded targets, kept inside."""

    base_policy: Mapping[str, Any] = field(default_factory=dict)
    """Where the base policy comes from: at least its ``sha256``."""

    training_run: Mapping[str, Any] = field(default_factory=dict)
    """Where the steering policy comes from: run folder's name, checkpoint, its ``sha256``, iteration, seed, commit."""

    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """Report of an evaluation; empty if the policy was not evaluated."""

    golden: Mapping[str, Any] = field(default_factory=dict)
    """Where the recorded episode comes from: domain, engine, seed, success."""

    @property
    def inputs(self) -> dict[str, ObservationSpec]:
        """Observations that the capsule takes: all but the past targets, which a task with measured positions keeps."""
        kept = None if self.max_offset is None else self.past_target_key
        return {name: item for name, item in self.spec.observations.items() if name != kept}


def export_capsule(pieces: CapsulePieces, episode: GoldenEpisode, directory: Path, *, overwrite: bool = False) -> Path:
    """Compile the policy and write the capsule, whole or not at all.

    Args:
        pieces: The policy and where it comes from.
        episode: An episode recorded in the simulator with exactly this policy.
        directory: The folder to make.
        overwrite: Whether an existing capsule is replaced.

    Returns:
        ``directory``.

    Raises:
        UserError: The folder exists or cannot be written, or the specification allows no capsule.
        ValueError: The episode was not recorded with this specification.
    """
    policy = build_policy(
        pieces.head,
        pieces.spec,
        max_offset=pieces.max_offset,
        measured_key=pieces.measured_key,
        past_target_key=pieces.past_target_key,
        sampled=pieces.sampled,
        seed=pieces.seed,
        late_steps=pieces.late_steps,
    )
    wanted = list(pieces.inputs)
    if sorted(episode.observations) != sorted(wanted):
        raise ValueError(f"The episode holds {sorted(episode.observations)}, the policy takes {sorted(wanted)}.")
    directory = Path(directory)
    with atomic_directory(directory, replaces=CAPSULE_FILES if overwrite else ()) as folder:
        # Written by Python, whose error on a full disk is an exception; torch's own writer ends the process.
        buffer = io.BytesIO()
        torch.jit.save(policy, buffer)
        (folder / POLICY_FILE).write_bytes(buffer.getvalue())
        write_golden(episode, folder / "golden.safetensors")
        shutil.copyfile(Path(__file__).with_name("run_policy.py"), folder / "run_policy.py")
        files = {
            name: {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size} for name in HASHED_FILES
        }
        write_manifest(describe(pieces, files), folder / MANIFEST_FILE)
    return directory


def describe(pieces: CapsulePieces, files: Mapping[str, Any]) -> dict[str, Any]:
    """Make the manifest: names, order, shapes, units, frames, rates, limits, latent rule, versions, origin."""
    spec, head, actions = pieces.spec, pieces.head, pieces.spec.actions
    free = pieces.max_offset is None
    seed = NoiseTable(head, pieces.sampled, pieces.seed).seed
    near = "" if free else "first to max_offset around the measured value, then "
    return {
        "task": pieces.task,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "control_rate_hz": spec.control_rate_hz,
        "inputs": [
            {
                "name": name,
                "shape": list(item.shape),
                "dtype": "float32",
                "units": item.units,
                "frame": item.frame,
                "names": list(item.names),
                "history": item.history,
                "segments": [dataclasses.asdict(segment) for segment in item.segments],
            }
            for name, item in pieces.inputs.items()
        ],
        "output": {
            "names": list(actions.names),
            "shape": [len(actions.names)],
            "dtype": "float32",
            "units": actions.units,
            "meaning": f"absolute target, clamped: {near}to [low, high]",
            "low": list(actions.low),
            "high": list(actions.high),
            "max_offset": list(pieces.max_offset) if isinstance(pieces.max_offset, tuple) else pieces.max_offset,
            "offset_from": None if free else pieces.measured_key,
        },
        "kept_inside": {
            name: {"history": item.history, "units": item.units}
            for name, item in spec.observations.items()
            if name not in pieces.inputs
        },
        "chunk": {"horizon": spec.horizon, "executed": head.chunk_steps, "late": pieces.late_steps},
        "latent": {
            "method": head.method,
            "rule": "sampled" if pieces.sampled else "mean",
            "basis": head.plan.kind,
            "code_size": head.plan.code_dim,
            "bound": head.squash.bound,
            "scale": head.squash.scale,
            "complement": "zero" if seed is None else "seeded N(0, 1)",
            "seed": seed,
        },
        "latency": {
            **latency_budgets(spec.control_rate_hz, pieces.late_steps),
            "warm_up_steps": WARM_UP_DECISIONS * head.chunk_steps,
        },
        "parity_tolerance": PARITY_TOLERANCE,
        "base_policy": dict(pieces.base_policy),
        "training_run": dict(pieces.training_run),
        "evaluation": dict(pieces.evaluation),
        "golden": dict(pieces.golden),
        "versions": {"score": score.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "files": dict(files),
    }
