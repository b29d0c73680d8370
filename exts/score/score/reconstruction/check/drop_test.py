# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Drop tests: jobs for the engines, and the judgement of what they return, which needs no engine."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from score.reconstruction.asset_folder import CavityRecord, RestPose
from score.utils.errors import UserError

ENGINES = {"ovphysx": "ovphysx", "newton_mjwarp": "newton"}
"""Engine -> package that has to be installed."""
REST_LIMIT = 0.002
"""No point of the object may rest further than this from where the scan has it [m]."""
JITTER_LIMIT = 0.0005
"""Peak to peak motion at the end [m]."""
ROLL_LIMIT = 0.01
"""Farthest that a rolling body moves during the last 0.4 s: it comes to rest [m]."""
TUNNEL_LIMIT = 0.005
"""No point may ever be deeper than this below the table [m]."""
_TIMEOUT = 1200.0
"""Longest time of one engine [s]; the first start compiles its kernels, on a busy machine for minutes."""
_LOW_DROP, _HIGH_DROP = 0.002, 0.03
_SECONDS = 2.0
_RECORD_EVERY = 6
"""Physics steps between recorded poses: 20 a second."""
_END_FRAMES = 8
"""Recorded poses that count as the end: 0.4 s."""


@dataclass(frozen=True)
class DropJob:
    """What one engine is to simulate; each environment has the asset and perhaps a second body on a table."""

    engine: str
    """A key of :data:`ENGINES`."""
    usd: str
    """USD file of the asset."""
    asset_poses: list[list[float]]
    """First pose in each environment: x, y, z [m], quaternion (x, y, z, w)."""
    other_poses: list[list[float]] = dataclasses.field(default_factory=list)
    """First pose of the second body in each environment; empty without one."""
    other_usd: str = ""
    """USD file of the second body; empty for a ball."""
    ball_radius: float = 0.0
    """Radius of the ball [m]; 0 without one."""
    ball_mass: float = 0.0
    """Mass of the ball [kg]."""
    seconds: float = _SECONDS
    """Simulated time [s]."""
    substeps: int = 1
    """Parts into which each physics step of the tasks is cut."""
    record_every: int = _RECORD_EVERY
    """Physics steps between recorded poses."""
    max_contacts: int = 500
    """Contacts per environment that the engine has room for."""


@dataclass(frozen=True)
class Trajectory:
    """What an engine returned."""

    asset: NDArray[np.float64]
    """Poses of the asset, shape (T, N, 7): position [m], quaternion (x, y, z, w), frame of each environment."""
    other: NDArray[np.float64] | None
    """Poses of the second body, shape (T, N, 7)."""
    mass: float
    """Mass that the engine read [kg]."""
    inertia: NDArray[np.float64]
    """Inertia tensor that it read [kg m^2], shape (3, 3), axes as the engine has them."""
    center: NDArray[np.float64]
    """Centre of mass that it read [m], shape (3,)."""


@dataclass(frozen=True)
class RestResult:
    """How an object came to rest."""

    shift: float
    """Largest distance of a point of the object from where the scan has it [m]."""
    jitter: float
    """Largest motion of a point during the last 0.4 s [m]."""
    deepest: float
    """Deepest that a point ever was below the table [m]."""
    finite: bool
    """Whether every number is finite."""
    rolled: float | None = None
    """For a rolling body, how far it went [m]; its ``shift`` is then that of the height of its centre of mass."""

    @property
    def passed(self) -> bool:
        """Whether it settled where it was scanned, or rolled on the table, and is still, or nearly so."""
        still = self.jitter <= (JITTER_LIMIT if self.rolled is None else ROLL_LIMIT)
        return self.finite and self.shift <= REST_LIMIT and still and self.deepest <= TUNNEL_LIMIT


def rest_job(engine: str, usd: Path, rest: RestPose, cavity: CavityRecord | None = None, mass: float = 0.1) -> DropJob:
    """Environment 0: set down from 2 mm. 1: dropped from 30 mm. 2, for a hollow: at rest, a ball dropped into it.

    Args:
        engine: A key of :data:`ENGINES`.
        usd: USD file of the asset.
        rest: Pose in which it stood.
        cavity: Its hollow, in the asset frame with z up.
        mass: Its mass [kg]; the ball has a tenth.
    """
    x, y, z = rest.position
    poses = [[x, y, z + lift, *rest.quaternion] for lift in (_LOW_DROP, _HIGH_DROP)]
    if cavity is None:
        return DropJob(engine, str(usd.resolve()), poses)
    radius = ball_radius(cavity)
    parked = [1.0 - 2.0 * radius, 0.0, radius, 0.0, 0.0, 0.0, 1.0]
    mouth = Rotation.from_quat(rest.quaternion).apply([*cavity.center, cavity.rim]) + np.array(rest.position)
    above = [float(mouth[0]), float(mouth[1]), float(mouth[2]) + 1.5 * radius, 0.0, 0.0, 0.0, 1.0]
    poses.append([x, y, z, *rest.quaternion])
    return DropJob(engine, str(usd.resolve()), poses, [parked, parked, above], ball_radius=radius, ball_mass=0.1 * mass)


def ball_radius(cavity: CavityRecord) -> float:
    """Radius of the ball that is dropped into a hollow [m]: it fits with room, and is no taller than the rim."""
    return min(0.5 * cavity.radius, 0.4 * (cavity.rim - cavity.floor))


def run_job(job: DropJob) -> Trajectory:
    """Simulate a job in a process of its own.

    Raises:
        UserError: The engine is not installed, failed or took too long.
    """
    return run_jobs([job])[0]


def run_jobs(jobs: Sequence[DropJob]) -> list[Trajectory]:
    """Simulate jobs, at once where there is a core for each: engines start slowly and use one.

    Raises:
        UserError: An engine is not installed, failed or took too long.
    """
    for job in jobs:
        require_engine(job.engine)
    at_once = max(1, len(os.sched_getaffinity(0)))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, len(jobs), at_once):
            batch = jobs[first : first + at_once]
            running = [_start(job, Path(folder) / str(first + index)) for index, job in enumerate(batch)]
            try:
                results += [_finish(job, *started) for job, started in zip(batch, running, strict=True)]
            finally:
                for process, _ in running:
                    process.kill()
    return results


def require_engine(engine: str) -> None:
    """Check that an engine is installed.

    Raises:
        UserError: It is not.
    """
    if importlib.util.find_spec(ENGINES[engine]) is None:
        raise UserError(
            f"drop test: the engine '{engine}' is not installed (no package '{ENGINES[engine]}'): install"
            ' "score-isaaclab[ovphysx]", or leave the test out with --no-drop.'
        )


def judge_rest(
    poses: NDArray[np.float64], rest: RestPose, points: NDArray[np.float64], table_slack: float = 0.0
) -> RestResult:
    """Judge how one body came to rest.

    Args:
        poses: Poses over time, shape (T, 7): position [m], quaternion (x, y, z, w).
        rest: Pose in which the scan has it.
        points: Points of the object that are followed, asset frame [m], shape (P, 3).
        table_slack: How deep the collision shapes reach below the object's own points at rest [m].
    """
    if not np.isfinite(poses).all():
        return RestResult(np.inf, np.inf, np.inf, finite=False)
    truth = Rotation.from_quat(rest.quaternion).apply(points) + np.array(rest.position)
    path = np.stack([Rotation.from_quat(pose[3:]).apply(points) + pose[:3] for pose in poses])
    shift = np.linalg.norm(path[-1] - truth, axis=1).max()
    jitter = np.linalg.norm(np.ptp(path[-_END_FRAMES:], axis=0), axis=1).max()
    return RestResult(float(shift), float(jitter), float(max(0.0, -path[..., 2].min() - table_slack)), finite=True)


def judge_rolling(
    poses: NDArray[np.float64], rest: RestPose, points: NDArray[np.float64], center: NDArray[np.float64]
) -> RestResult:
    """Judge how a body that rolls came to rest: on the table, its centre at its height, and slow at the end.

    Args:
        poses: Poses over time, shape (T, 7): position [m], quaternion (x, y, z, w).
        rest: Pose in which the scan has it.
        points: Points of the object that are followed, asset frame [m], shape (P, 3).
        center: Centre of mass, asset frame [m], shape (3,).
    """
    settled = judge_rest(poses, rest, points)
    if not settled.finite:
        return settled
    truth = Rotation.from_quat(rest.quaternion).apply(center) + np.array(rest.position)
    path = np.stack([Rotation.from_quat(pose[3:]).apply(center) + pose[:3] for pose in poses])
    return dataclasses.replace(
        settled,
        shift=float(abs(path[-1, 2] - truth[2])),
        jitter=float(np.linalg.norm(np.ptp(path[-_END_FRAMES:], axis=0))),
        rolled=float(np.linalg.norm(path[-1, :2] - truth[:2])),
    )


def ball_stays(asset: NDArray[np.float64], ball: NDArray[np.float64], cavity: CavityRecord) -> bool:
    """Whether a ball ended inside a hollow.

    Args:
        asset: Last pose of the asset, shape (7,).
        ball: Last pose of the ball, shape (7,).
        cavity: The hollow, asset frame.
    """
    if not (np.isfinite(asset).all() and np.isfinite(ball).all()):
        return False
    x, y, z = Rotation.from_quat(asset[3:]).inv().apply(ball[:3] - asset[:3])
    radius = ball_radius(cavity)
    near = np.hypot(x - cavity.center[0], y - cavity.center[1]) < 1.5 * cavity.radius
    # On the floor, not hanging in the opening: its lowest point is in the lower half.
    return bool(near and cavity.floor - 0.003 < z - radius < 0.5 * (cavity.floor + cavity.rim))


def same_inertia(read: NDArray[np.float64], authored: NDArray[np.float64], tolerance: float = 2e-3) -> bool:
    """Whether two inertia tensors have the same principal moments; engines differ in the axes they report in.

    Args:
        read: Shape (3, 3) [kg m^2].
        authored: Shape (3, 3) [kg m^2].
        tolerance: Largest relative difference of a moment.
    """
    moments = [np.linalg.eigvalsh((tensor + tensor.T) / 2.0) for tensor in (read, authored)]
    return bool(np.allclose(moments[0], moments[1], rtol=tolerance, atol=0.0))


def _start(job: DropJob, stem: Path) -> tuple[subprocess.Popen[str], Path]:
    source, target = stem.with_suffix(".json"), stem.with_suffix(".npz")
    source.write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
    command = [sys.executable, "-m", "score.reconstruction.check.drop_worker", str(source), str(target)]
    log = stem.with_suffix(".log").open("w+", encoding="utf-8")
    # A file, not a pipe: a full pipe would stop the engine while the other one is waited for.
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    log.close()
    return process, target


def _finish(job: DropJob, process: subprocess.Popen[str], target: Path) -> Trajectory:
    try:
        process.wait(timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"drop test: {job.engine} took longer than {_TIMEOUT:g} s: use fewer collision pieces."
        ) from None
    log = target.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    if process.returncode or not target.is_file():
        lines = [line for line in log.splitlines() if line.strip()] or ["no output"]
        raise UserError(f"drop test: {job.engine} failed: {lines[-1]}")
    overflow = next((line for line in log.splitlines() if "overflow" in line.lower()), None)
    if overflow:
        raise UserError(f"drop test: {job.engine} had too many contacts ({overflow.strip()}): use fewer pieces.")
    with np.load(target, allow_pickle=False) as data:
        other = data["other"].astype(np.float64) if "other" in data else None
        values = {key: data[key].astype(np.float64) for key in ("asset", "inertia", "center")}
        return Trajectory(other=other, mass=float(data["mass"][0]), **values)
