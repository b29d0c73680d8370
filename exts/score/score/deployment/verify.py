# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Checks a capsule on any machine that has torch: hashes, parity with the recorded episode, limits, latency."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from score.deployment.golden import GOLDEN_FILE, GoldenEpisode, read_golden, read_log
from score.deployment.identify import require_capsule_folder, require_torchscript
from score.deployment.manifest import HASHED_FILES, MANIFEST_FILE, POLICY_FILE, read_manifest
from score.deployment.replay import replay_capsule
from score.deployment.run_policy import seams
from score.utils.errors import UserError
from score.utils.files import sha256_of
from score.utils.targets import clamp_target

REPEATS = 5
"""Replays of the golden episode. The first shows parity after loading, the others repeatability after ``reset()``."""

_LIMIT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class CapsuleReport:
    """What :func:`verify_capsule` found."""

    capsule: str
    """Folder."""

    task: str
    """Gym id of the task."""

    steps: int
    """Control steps of the recorded episode, or of the log."""

    max_difference: float
    """Largest difference from the simulator's actions over all replays, in action units."""

    tolerance: float
    """Largest difference allowed."""

    same_decisions: bool
    """Whether new chunks were decoded at the same steps as in the simulator, in every replay."""

    within_limits: bool
    """Whether every recorded action is within its limits and, where positions are measured, near them."""

    latency_ms: dict[str, float]
    """``p50``, ``p99`` and ``max`` over all calls, as measured here and now. ``decision``, ``slowest_step``: the
    slowest control step with and without a decision by the time that its core worked on it, in the least of its
    replays, so that other programs on this computer do not count."""

    budget_ms: float
    """What ``slowest_step`` may be."""

    decision_budget_ms: float
    """What ``decision`` may be."""

    chunk_ms: float
    """How long the actions of a decision last."""

    seams: tuple[float, float]
    """Largest change of a target from one control step to the next, from chunk to chunk and inside of chunks, in action
    units."""

    @property
    def failures(self) -> list[str]:
        """What does not hold, in words; empty if the capsule is good."""
        found = []
        if not self.max_difference <= self.tolerance:
            found.append(
                f"actions differ from the simulator's by {self.max_difference:.2e}, more than {self.tolerance:.0e}"
            )
        if not self.same_decisions:
            found.append("decisions are taken at other steps than in the simulator")
        if not self.within_limits:
            found.append("recorded actions leave the limits of the manifest")
        if not self.latency_ms["slowest_step"] < self.budget_ms:
            found.append(
                f"the slowest control step takes {self.latency_ms['slowest_step']:.1f} ms, "
                f"the budget is {self.budget_ms:g} ms"
            )
        if not self.latency_ms["decision"] < self.decision_budget_ms:
            found.append(
                f"a decision takes {self.latency_ms['decision']:.1f} ms, the budget is {self.decision_budget_ms:g} ms"
                " (export.py --late_steps N gives it N control steps)"
            )
        return found

    def summary(self) -> str:
        """Return the findings for the console."""
        took = self.latency_ms
        lines = [
            f"Capsule {self.capsule} ({self.task}), {self.steps} recorded control steps, torch alone:",
            f"  actions    at most {self.max_difference:.1e} from the simulator's (limit {self.tolerance:.0e})",
            f"  decisions  {'at the same steps' if self.same_decisions else 'AT OTHER STEPS'}",
            f"  limits     {'kept' if self.within_limits else 'NOT KEPT'}",
            f"  latency    a decision {took['decision']:.1f} ms (budget {self.decision_budget_ms:g} ms on one core; its"
            f" actions last {self.chunk_ms:g} ms), other steps {took['slowest_step']:.1f} ms (budget"
            f" {self.budget_ms:g} ms)",
            f"  all calls  median {took['p50']:.2f}, p99 {took['p99']:.1f}, longest {took['max']:.1f} ms",
            f"  seams      targets change by up to {self.seams[0]:.3g} from chunk to chunk, {self.seams[1]:.3g} inside",
        ]
        if took["max"] >= self.decision_budget_ms > max(took["decision"], took["slowest_step"]):
            lines.append(
                "  note       some calls took longer than the budget: is another program running? A robot would wait."
            )
        verdict = [f"FAILED: {failure}." for failure in self.failures] or ["Passed."]
        return "\n".join(lines + verdict)

    def to_dict(self) -> dict[str, Any]:
        """All numbers and the verdict, ready for JSON."""
        return {**asdict(self), "failures": self.failures, "passed": not self.failures}


def verify_capsule(path: Path, *, repeats: int = REPEATS, log: Path | None = None) -> CapsuleReport:
    """Check a capsule.

    Args:
        path: The capsule's folder.
        repeats: Replays of the recorded episode, at least 1.
        log: A log of ``run_policy.py`` to compare with in the place of the recorded episode.

    Returns:
        The findings. A capsule that computes something else, or too slowly, is a finding and not an exception.

    Raises:
        UserError: ``path`` is no capsule, or one that is damaged, edited or of a newer format.
    """
    if repeats < 1:
        raise UserError(f"At least one replay is needed to check a capsule, got {repeats}.")
    path = Path(path)
    manifest, episode = read_capsule(path)
    if log is not None:
        episode = read_log(log)
        if episode.actions.shape[1] != len(manifest["output"]["names"]):
            raise UserError(f"--log {log} has {episode.actions.shape[1]} actions a step, this capsule others.")
    outcome = replay_capsule(path, log or path / GOLDEN_FILE, repeats)
    difference = max(outcome["difference"], key=lambda value: float("inf") if value != value else value)
    return CapsuleReport(
        capsule=str(path),
        task=manifest["task"],
        steps=len(episode),
        max_difference=difference,
        tolerance=manifest["parity_tolerance"],
        same_decisions=outcome["decisions"],
        within_limits=_within_limits(episode, manifest["output"]),
        latency_ms=_latency(outcome["milliseconds"], outcome["core_milliseconds"], episode.decisions.tolist()),
        budget_ms=manifest["latency"]["budget_ms"],
        decision_budget_ms=manifest["latency"]["decision_ms"],
        chunk_ms=1000.0 * manifest["chunk"]["executed"] / manifest["control_rate_hz"],
        seams=seams(episode.actions, episode.decisions, manifest["chunk"]["late"]),
    )


def read_capsule(path: Path) -> tuple[dict[str, Any], GoldenEpisode]:
    """Read all of a capsule and run nothing of it.

    Args:
        path: The capsule's folder.

    Returns:
        Manifest and recorded episode.

    Raises:
        UserError: See :func:`verify_capsule`.
    """
    require_capsule_folder(path)
    manifest = read_manifest(path / MANIFEST_FILE)
    _require_files(path, manifest)
    episode = read_golden(path / GOLDEN_FILE)
    _require_inputs(path, episode, manifest)
    return manifest, episode


def _require_files(path: Path, manifest: dict[str, Any]) -> None:
    for name in HASHED_FILES:
        file, recorded = path / name, manifest["files"][name]
        if not file.is_file():
            raise UserError(f"{file} is missing: copy the whole capsule folder, or export it again.")
        if name == POLICY_FILE:
            require_torchscript(file)
        size = file.stat().st_size
        if size < recorded["bytes"]:
            raise UserError(
                f"{file} is cut off: {size} bytes of {recorded['bytes']}. Copy the capsule again, or export it again."
            )
        if sha256_of(file) != recorded["sha256"]:
            raise UserError(
                f"{file} is not the file that was exported (its sha256 differs from {MANIFEST_FILE}): do not run it; "
                "copy the capsule again, or export it again."
            )


def _require_inputs(path: Path, episode: GoldenEpisode, manifest: dict[str, Any]) -> None:
    wanted = {item["name"]: tuple(item["shape"]) for item in manifest["inputs"]}
    found = {name: tuple(tensor.shape[1:]) for name, tensor in episode.observations.items()}
    if wanted != found or episode.actions.shape[1] != len(manifest["output"]["names"]):
        raise UserError(
            f"{path / GOLDEN_FILE} holds {found} and actions {tuple(episode.actions.shape)}, but the manifest "
            f"describes {wanted} and {len(manifest['output']['names'])} actions: export the capsule again."
        )


def _within_limits(episode: GoldenEpisode, output: dict[str, Any]) -> bool:
    low, high = torch.tensor(output["low"]), torch.tensor(output["high"])
    measured = episode.observations.get(output["offset_from"]) if output["offset_from"] is not None else None
    offset = torch.tensor(output["max_offset"] or 0.0)
    held = clamp_target(episode.actions, low, high, measured, offset)
    return bool(((episode.actions - held).abs() <= _LIMIT_TOLERANCE).all())


def _latency(milliseconds: list[float], core: list[float], decides: list[bool]) -> dict[str, float]:
    ordered, steps = sorted(milliseconds), len(decides)
    per_step = [min(core[step::steps]) for step in range(steps)]
    slowest = {
        kind: max((took for took, decided in zip(per_step, decides, strict=True) if decided is kind), default=0.0)
        for kind in (True, False)
    }
    return {
        "p50": statistics.median(ordered),
        "p99": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "max": ordered[-1],
        "decision": slowest[True],
        "slowest_step": slowest[False],
    }
