# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Writes a capsule: the folder that goes to the robot (DESIGN 4.6)."""

from __future__ import annotations

import datetime
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
from score.deployment.manifest import HASHED_FILES, MANIFEST_FILE, POLICY_FILE, write_manifest
from score.deployment.runtime import SteeringHead
from score.utils.files import atomic_directory, sha256_of

if TYPE_CHECKING:
    from score.policies.spec import PolicySpec

LATENCY_BUDGET_MS = 20.0
"""What the slowest control step may take on one CPU core, milliseconds: a fifth of a 10 Hz period."""

WARM_UP_DECISIONS = 4
"""Decisions to take on zeros before the first episode: TorchScript compiles during the first calls of each of its paths
(control steps with a decision and without), which takes some 0.3 s."""

PARITY_TOLERANCE = 1e-5
"""Largest difference from the simulator's own actions, in action units."""


@dataclass(frozen=True)
class CapsulePieces:
    """What a capsule is made of."""

    base: torch.nn.Module
    """Base policy with ``encode`` and ``decode``."""

    steering: SteeringHead
    """Trained steering policy."""

    spec: PolicySpec
    """Specification of the base policy with the task's limits of the actions."""

    task: str
    """Gym id of the task."""

    chunk_length: int
    """Actions executed per decision."""

    max_offset: float
    """Largest distance of a target from the measured position, in action units."""

    basis: str = "full"
    """Name of the latent basis."""

    measured_key: str = MEASURED_KEY
    """Observation that targets are compared with."""

    past_target_key: str = PAST_TARGET_KEY
    """Window of past commanded targets, kept inside."""

    base_policy: Mapping[str, Any] = field(default_factory=dict)
    """Where the base policy comes from: at least its ``sha256``."""

    training_run: Mapping[str, Any] = field(default_factory=dict)
    """Where the steering policy comes from: run folder's name, checkpoint, its ``sha256``, iteration, seed, commit."""

    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """Evaluation JSON (DESIGN 4.5); empty if the policy was not evaluated."""

    golden: Mapping[str, Any] = field(default_factory=dict)
    """Where the recorded episode comes from: domain, engine, seed, success."""


def export_capsule(pieces: CapsulePieces, episode: GoldenEpisode, directory: Path, *, overwrite: bool = False) -> Path:
    """Compile the policy and write the capsule, whole or not at all.

    Args:
        pieces: The policy and where it comes from.
        episode: An episode recorded in the simulator with exactly this policy.
        directory: The folder to make.
        overwrite: Whether an existing folder is replaced.

    Returns:
        ``directory``.

    Raises:
        UserError: The folder exists or cannot be written, or the specification allows no capsule.
        ValueError: The episode was not recorded with this specification.
    """
    policy = build_policy(
        pieces.base,
        pieces.steering,
        pieces.spec,
        chunk_length=pieces.chunk_length,
        max_offset=pieces.max_offset,
        measured_key=pieces.measured_key,
        past_target_key=pieces.past_target_key,
    )
    wanted = [name for name in pieces.spec.observations if name != pieces.past_target_key]
    if sorted(episode.observations) != sorted(wanted):
        raise ValueError(f"The episode holds {sorted(episode.observations)}, the policy takes {sorted(wanted)}.")
    directory = Path(directory)
    with atomic_directory(directory, overwrite=overwrite) as folder:
        policy.save(str(folder / POLICY_FILE))
        write_golden(episode, folder / "golden.safetensors")
        shutil.copyfile(Path(__file__).with_name("run_policy.py"), folder / "run_policy.py")
        files = {
            name: {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size} for name in HASHED_FILES
        }
        write_manifest(describe(pieces, files), folder / MANIFEST_FILE)
    return directory


def describe(pieces: CapsulePieces, files: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's content: names, order, shapes, units, frames, rates, limits, latent rule, versions, origin."""
    spec, steering, actions = pieces.spec, pieces.steering, pieces.spec.actions
    kept = spec.observations.get(pieces.past_target_key)
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
            }
            for name, item in spec.observations.items()
            if name != pieces.past_target_key
        ],
        "output": {
            "names": list(actions.names),
            "shape": [len(actions.names)],
            "dtype": "float32",
            "units": actions.units,
            "meaning": "absolute target, clamped: first to max_offset around the measured value, then to [low, high]",
            "low": list(actions.low),
            "high": list(actions.high),
            "max_offset": pieces.max_offset,
            "offset_from": pieces.measured_key,
        },
        "kept_inside": {} if kept is None else {pieces.past_target_key: {"history": kept.history, "units": kept.units}},
        "chunk": {"horizon": spec.horizon, "executed": pieces.chunk_length},
        "latent": {
            "rule": "sampled" if steering.sampled else "mean",
            "basis": pieces.basis,
            "code_size": steering.basis.shape[0],
            "bound": steering.bound,
            "scale": steering.scale,
            "complement": "seeded N(0, 1)" if steering.sampled else "zero",
            "seed": steering.seed if steering.sampled else None,
        },
        "latency": {"budget_ms": LATENCY_BUDGET_MS, "warm_up_steps": WARM_UP_DECISIONS * pieces.chunk_length},
        "parity_tolerance": PARITY_TOLERANCE,
        "base_policy": dict(pieces.base_policy),
        "training_run": dict(pieces.training_run),
        "evaluation": dict(pieces.evaluation),
        "golden": dict(pieces.golden),
        "versions": {"score": score.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "files": dict(files),
    }
