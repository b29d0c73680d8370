# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Writes an asset as MJCF and URDF, and checks both by loading them in MuJoCo."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from score.reconstruction.asset_folder import Asset, RestPose
from score.reconstruction.check.drop_test import (
    TUNNEL_LIMIT,
    judge_rest,
    judge_rolling,
    rest_job,
    run_job,
    same_inertia,
)
from score.reconstruction.check.passport import Passport
from score.reconstruction.others.descriptions import mjcf, urdf
from score.reconstruction.others.meshes import write_hulls, write_visual
from score.reconstruction.usd.usd_reader import UsdAsset, read_usd
from score.utils.errors import UserError
from score.utils.files import atomic_directory

__all__ = ["FORMATS", "LARGEST_TURN", "REST_DIFFERENCE", "export_asset", "exported_files", "rest_in_mujoco"]

FORMATS = {"mjcf": ".xml", "urdf": ".urdf"}
"""Format -> ending of its file."""
REST_DIFFERENCE = 0.001
"""No point may rest further from where it rests with the USD file [m]."""
LARGEST_TURN = 1.0
"""Nor may the object be turned further against it [deg]."""
_LIFT = 0.002
_SECONDS = 2.0
_TIMESTEP = 0.002
_FRAMES_PER_SECOND = 20


def exported_files(name: str) -> tuple[str, ...]:
    """Patterns of all that a folder of an exported asset holds."""
    return (f"{name}.xml", f"{name}.urdf", f"{name}_texture.png", f"{name}_visual*", f"{name}_c[0-9]*.obj")


def export_asset(asset: Asset, output: Path, *, drop: bool = True, overwrite: bool = False) -> Passport:
    """Write an asset as MJCF and URDF, load both in MuJoCo, and compare with the USD file.

    Args:
        asset: The asset.
        output: Folder to make.
        drop: Whether the USD file is set down in MuJoCo-Warp too, to compare how they rest; else with the scan's pose.
        overwrite: Whether a folder of an earlier export is replaced.

    Returns:
        The checks.

    Raises:
        UserError: MuJoCo is missing, the asset has colliders that are no pieces, or the folder cannot be made.
    """
    _require_mujoco()
    name = asset.record.name
    usd = read_usd(asset.usd_path)
    if usd.unbaked or not usd.mass > 0.0:
        reason = usd.unbaked[0] if usd.unbaked else "it has no mass"
        raise UserError(f"export: {asset.usd_path} cannot be written for other simulators: {reason}.")
    passport = Passport(name, str(output))
    with atomic_directory(output, replaces=exported_files(name) if overwrite else ()) as folder:
        visual, hulls = write_visual(folder, name, usd.visual), write_hulls(folder, name, usd.pieces)
        for kind, write in (("mjcf", mjcf), ("urdf", urdf)):
            (folder / f"{name}{FORMATS[kind]}").write_text(write(name, usd, visual, hulls), encoding="utf-8")
        reference, against = asset.record.rest_pose, "the scan"
        if drop:
            poses = run_job(rest_job("newton_mjwarp", asset.usd_path, reference, mass=usd.mass)).asset[:, 0]
            reference, against = _last_pose(poses), "the USD file in MuJoCo-Warp"
        for kind, suffix in FORMATS.items():
            _check(kind, folder / f"{name}{suffix}", asset.record.rest_pose, reference, against, usd, passport)
    return passport


def rest_in_mujoco(path: Path, rest: RestPose, seconds: float = _SECONDS) -> tuple[NDArray[np.float64], Any]:
    """Set a described body down on a table in MuJoCo.

    Args:
        path: MJCF or URDF of one body.
        rest: Pose in which it stood; it is let go 2 mm higher.
        seconds: Simulated time [s].

    Returns:
        Poses over time, shape (T, 7): position [m], quaternion (x, y, z, w); and the compiled model.

    Raises:
        UserError: MuJoCo does not read the file.
    """
    import mujoco

    try:
        spec = mujoco.MjSpec.from_file(str(path))
        body = spec.worldbody.first_body()
        if body.first_joint() is None:
            body.add_freejoint()
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2.0, 2.0, 0.1])
        spec.option.timestep = _TIMESTEP
        spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        model = spec.compile()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"export: MuJoCo does not read {path.name}: {error}") from error
    data = mujoco.MjData(model)
    x, y, z, w = rest.quaternion
    data.qpos[:] = [rest.position[0], rest.position[1], rest.position[2] + _LIFT, w, x, y, z]
    poses, every = [], round(1.0 / _FRAMES_PER_SECOND / _TIMESTEP)
    for step in range(round(seconds / _TIMESTEP)):
        mujoco.mj_step(model, data)
        if step % every == every - 1:
            poses.append(data.qpos[[0, 1, 2, 4, 5, 6, 3]].copy())
    return np.array(poses), model


def _check(
    kind: str, path: Path, start: RestPose, reference: RestPose, against: str, usd: UsdAsset, passport: Passport
) -> None:
    poses, model = rest_in_mujoco(path, start)
    body = model.nbody - 1
    turn = Rotation.from_quat(model.body_iquat[body][[1, 2, 3, 0]]).as_matrix()
    tensor = turn @ np.diag(model.body_inertia[body]) @ turn.T
    off = float(np.linalg.norm(model.body_ipos[body] - usd.center))
    mass = float(model.body_mass[body])
    # Texts of seven digits: they agree to six.
    exact = bool(np.isclose(mass, usd.mass, rtol=1e-6)) and same_inertia(tensor, usd.inertia, 1e-4) and off < 1e-6
    detail = f"read {mass:.6g} kg, centre {off * 1e3:.4f} mm off, {len(usd.pieces)} pieces"
    passport.add(f"{kind}: mass", exact, detail)
    colliding = int((model.geom_contype[model.geom_bodyid == body] != 0).sum())
    passport.add(f"{kind}: pieces", colliding == len(usd.pieces), f"{colliding} of {len(usd.pieces)} collide")
    points = np.asarray(usd.visual.vertices)
    if usd.rolling > 0.0:
        # Where it comes to a stop, and on which side, is chance; URDF has no word for what resists rolling.
        result = judge_rolling(poses, reference, points, usd.center)
        passport.measured[kind] = {"shift": result.shift, "rolled": result.rolled}
        passport.add(
            f"{kind}: rest",
            result.finite and result.shift <= REST_DIFFERENCE and result.deepest <= TUNNEL_LIMIT,
            f"rolls {1e3 * (result.rolled or 0.0):.1f} mm, its centre {result.shift * 1e3:.2f} mm from its height with"
            f" {against} (limit 1 mm)",
        )
        return
    result = judge_rest(poses, reference, points)
    angle = np.degrees((Rotation.from_quat(poses[-1, 3:]) * Rotation.from_quat(reference.quaternion).inv()).magnitude())
    passport.measured[kind] = {"shift": result.shift, "turn_deg": float(angle), "jitter": result.jitter}
    passport.add(
        f"{kind}: rest",
        result.finite and result.shift <= REST_DIFFERENCE and angle <= LARGEST_TURN,
        f"rests {result.shift * 1e3:.2f} mm and {angle:.2f} degrees from {against} (limits 1 mm, 1 degree)",
    )


def _last_pose(poses: NDArray[np.float64]) -> RestPose:
    x, y, z, *quaternion = poses[-1].tolist()
    length = float(np.linalg.norm(quaternion))
    return RestPose((x, y, z), tuple(value / length for value in quaternion))


def _require_mujoco() -> None:
    if importlib.util.find_spec("mujoco") is None:
        raise UserError("export: the package 'mujoco' is missing: install \"score-isaaclab[isaaclab]\".")
