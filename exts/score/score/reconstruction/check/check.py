# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Checks an asset folder, also a hand-made one: USD, mass, collision against what is seen, drops on both engines."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from score.reconstruction.asset_folder import (
    ASSET_FILE,
    REPORT_FILE,
    Asset,
    AssetRecord,
    CollisionRecord,
    RestPose,
    read_asset,
)
from score.reconstruction.check.comparison import compare
from score.reconstruction.check.drop_test import (
    ENGINES,
    JITTER_LIMIT,
    REST_LIMIT,
    ROLL_LIMIT,
    Trajectory,
    ball_stays,
    judge_rest,
    judge_rolling,
    rest_job,
    run_jobs,
    same_inertia,
)
from score.reconstruction.check.insertion import check_insertion
from score.reconstruction.check.passport import Passport
from score.reconstruction.check.render import write_pictures
from score.reconstruction.scan import cleaning
from score.reconstruction.scan.closing import close_mesh
from score.reconstruction.shape.cavity import Cavity, find_cavity
from score.reconstruction.shape.decomposition import LARGEST_FILL
from score.reconstruction.shape.pieces import MAX_HULL_VERTICES, MAX_PIECES, ConvexPiece, combined_mesh
from score.reconstruction.shape.rolling import body_radius
from score.reconstruction.usd.usd_checks import usd_problems
from score.reconstruction.usd.usd_reader import UsdAsset, read_usd
from score.utils.errors import UserError
from score.utils.files import require_writable

_DISTANCE_LIMIT = (0.003, 0.03)
"""95 % of the pieces' surface is nearer to the visual mesh than this [m], or than this share of its diagonal."""


def check_asset(directory: Path, insert: Path | None = None, drops: int = 10) -> Passport:
    """Check an asset folder and write its passport and pictures into it.

    Args:
        directory: The folder; without ``asset.yaml`` it must hold one USD file.
        insert: Another asset folder: its asset is also dropped into the hollow of this one.
        drops: Drops of ``insert``.

    Returns:
        The passport. The steps of an earlier one that was written with the asset are kept.

    Raises:
        UserError: The folder is no asset, or an engine is missing.
    """
    asset = open_asset(Path(directory))
    peg = open_asset(Path(insert)) if insert is not None else None
    if drops < 1:
        raise UserError(f"--drops is {drops}: give at least 1.")
    require_writable(Path(directory))
    passport = Passport(asset.record.name, str(directory), steps=_earlier_steps(Path(directory)))
    examine(asset, passport, drop=True)
    if peg is not None:
        check_insertion(asset, peg, drops, passport)
    passport.write(Path(directory))
    return passport


def examine(asset: Asset, passport: Passport, *, drop: bool) -> None:
    """Make all checks of one asset and its pictures.

    Args:
        asset: The asset; its folder gets the pictures.
        passport: Gets the checks.
        drop: Whether the engines are started.
    """
    problems = usd_problems(asset.usd_path)
    passport.add("usd", not problems, "; ".join(problems[:4]) or "valid")
    usd = read_usd(asset.usd_path)
    _check_mass(asset.record, usd, passport)
    _check_shapes(usd, passport)
    visual = trimesh.Trimesh(usd.visual.vertices, usd.visual.faces, process=False)
    closed = _closed(visual)
    cavity = find_cavity(closed if closed is not None else visual)
    if usd.pieces:
        _check_faithful(visual, closed, cavity, usd, passport)
        axis = cavity.record.center if cavity else tuple(visual.bounds.mean(axis=0)[:2].tolist())
        passport.pictures = write_pictures(asset.directory, usd.visual, usd.pieces, axis)
    if drop:
        _check_drops(asset, usd, visual, cavity, passport)


def open_asset(directory: Path) -> Asset:
    """Read an asset folder; one without ``asset.yaml`` is described by its only USD file.

    Raises:
        UserError: It is neither.
    """
    if (directory / ASSET_FILE).is_file() or not directory.is_dir():
        return read_asset(directory)
    files = sorted(path for path in directory.iterdir() if path.suffix in (".usd", ".usda", ".usdc"))
    if len(files) != 1:
        raise UserError(
            f"{directory} has no {ASSET_FILE} and {len(files)} USD files: give a folder made by 'reconstruct.py asset',"
            " or one with exactly one USD file."
        )
    usd = read_usd(files[0])
    if not usd.mass > 0.0:
        raise UserError(f"usd: {files[0]} has no mass: author mass, centre of mass and inertia on its root.")
    points = usd.visual.vertices
    lowest = float(combined_mesh(usd.pieces).bounds[0][2]) if usd.pieces else float(points[:, 2].min())
    record = AssetRecord(
        name=files[0].stem,
        usd=files[0].name,
        mass=usd.mass,
        friction=usd.friction or 0.0,
        collision=CollisionRecord("hand", max(1, len(usd.pieces))),
        size=tuple(np.ptp(points, axis=0).tolist()),
        rest_pose=RestPose((0.0, 0.0, -lowest)),
        center_of_mass=tuple(usd.center.tolist()),
    )
    return Asset(directory, record)


def _check_mass(record: AssetRecord, usd: UsdAsset, passport: Passport) -> None:
    # USD keeps float32.
    exact = bool(np.float32(record.mass) == np.float32(usd.mass))
    passport.add("mass", exact and usd.mass > 0.0, f"{usd.mass:.6g} kg in the USD file, {record.mass:.6g} kg stated")


def _check_shapes(usd: UsdAsset, passport: Passport) -> None:
    corners = [len(piece.vertices) for piece in usd.pieces if isinstance(piece, ConvexPiece)]
    count, most = len(usd.pieces) + len(usd.unbaked), max(corners, default=0)
    passport.measured["shapes"] = {"pieces": count, "largest_hull": most}
    detail = f"{count} (limit {MAX_PIECES}), largest hull {most} vertices (limit {MAX_HULL_VERTICES})"
    fits = count <= MAX_PIECES and most <= MAX_HULL_VERTICES
    passport.add("shapes", fits and not usd.unbaked, "; ".join([detail, *usd.unbaked[:3]]))


def _check_faithful(
    visual: trimesh.Trimesh, closed: trimesh.Trimesh | None, cavity: Cavity | None, usd: UsdAsset, passport: Passport
) -> None:
    limit = max(_DISTANCE_LIMIT[0], _DISTANCE_LIMIT[1] * float(np.linalg.norm(visual.extents)))
    found = compare(visual, closed, cavity, usd.pieces, limit)
    passport.measured["collision_against_visual"] = asdict(found)
    detail = (
        f"95 % of the pieces' surface within {found.out_p95 * 1e3:.2f} mm of the mesh (limit {limit * 1e3:.1f}), of the"
        f" mesh within {found.in_p95 * 1e3:.2f} mm of the pieces"
    )
    if found.visual_volume:
        detail += f"; volume {found.collision_volume * 1e6:.1f} ml against {found.visual_volume * 1e6:.1f} ml"
    passport.add("collision mesh", found.out_p95 <= limit, detail)
    if found.openings_filled is not None:
        detail = f"{found.openings_filled:.1%} of the room between its parts filled (limit {LARGEST_FILL:.0%})"
        passport.add("openings", found.openings_filled <= LARGEST_FILL, detail)
    if cavity is not None and found.filled is not None:
        passport.measured["cavity"] = asdict(cavity.record)
        detail = f"{found.filled:.1%} of {cavity.record.volume * 1e6:.0f} ml filled (limit {LARGEST_FILL:.0%})"
        passport.add("hollow", found.filled <= LARGEST_FILL, detail)


def _check_drops(
    asset: Asset, usd: UsdAsset, visual: trimesh.Trimesh, cavity: Cavity | None, passport: Passport
) -> None:
    record = asset.record
    hollow = cavity.record if cavity is not None else None
    jobs = [rest_job(engine, asset.usd_path, record.rest_pose, hollow, record.mass) for engine in ENGINES]
    for engine, trajectory in zip(ENGINES, run_jobs(jobs), strict=True):
        _check_engine_mass(engine, trajectory, usd, passport)
        _check_rest(engine, trajectory, asset, usd, visual, passport)
        if hollow is not None and trajectory.other is not None:
            stays = ball_stays(trajectory.asset[-1, 2], trajectory.other[-1, 2], hollow)
            passport.add(f"{engine}: ball", stays, "a ball dropped in " + ("stays in" if stays else "did not stay in"))


def _check_engine_mass(engine: str, trajectory: Trajectory, usd: UsdAsset, passport: Passport) -> None:
    center = float(np.linalg.norm(trajectory.center - usd.center))
    same = bool(np.isclose(trajectory.mass, usd.mass, rtol=1e-5))
    inertia = same_inertia(trajectory.inertia, usd.inertia)
    passport.add(
        f"{engine}: mass",
        same and inertia and center < 1e-5,
        f"read {trajectory.mass:.6g} kg, centre {center * 1e3:.4f} mm off, inertia {'as' if inertia else 'not as'}"
        " authored",
    )


def _check_rest(
    engine: str, trajectory: Trajectory, asset: Asset, usd: UsdAsset, visual: trimesh.Trimesh, passport: Passport
) -> None:
    points, rest, center = np.asarray(visual.convex_hull.vertices), asset.record.rest_pose, trajectory.center
    turn = Rotation.from_quat(rest.quaternion)
    collided = np.asarray(combined_mesh(usd.pieces).vertices) if usd.pieces else np.zeros((0, 3))
    rolls = body_radius(turn.apply(points), turn.apply(collided), turn.apply(center)) is not None
    results: dict[str, Any] = {}
    for index, name in enumerate(("set down", "dropped 30 mm")):
        poses = trajectory.asset[:, index]
        result = judge_rolling(poses, rest, points, center) if rolls else judge_rest(poses, rest, points)
        results[name] = asdict(result)
        if result.rolled is not None:
            passport.add(
                f"{engine}: {name}",
                result.passed,
                f"rolls {result.rolled * 1e3:.1f} mm, its centre {result.shift * 1e3:.2f} mm from its height (limit"
                f" {REST_LIMIT * 1e3:.0f}), moves {result.jitter * 1e3:.2f} mm at the end (limit"
                f" {ROLL_LIMIT * 1e3:.0f}), {result.deepest * 1e3:.2f} mm below the table at worst",
            )
            continue
        detail = (
            f"rests {result.shift * 1e3:.2f} mm from the scan (limit {REST_LIMIT * 1e3:.0f}), moves"
            f" {result.jitter * 1e3:.3f} mm at the end (limit {JITTER_LIMIT * 1e3:.1f}), {result.deepest * 1e3:.2f} mm"
            " below the table at worst"
        )
        passport.add(f"{engine}: {name}", result.passed, detail)
    passport.measured.setdefault("drop", {})[engine] = results


def _closed(visual: trimesh.Trimesh) -> trimesh.Trimesh | None:
    """Return the visual mesh closed, for its volume and hollow; None where that is not possible."""
    try:
        surface = cleaning.repaired(
            np.asarray(visual.vertices), cleaning.weld(np.asarray(visual.vertices), np.asarray(visual.faces))
        )
        return close_mesh(surface, on_table=True).mesh
    except UserError:
        return None


def _earlier_steps(directory: Path) -> dict[str, Any]:
    try:
        data = json.loads((directory / REPORT_FILE).read_text(encoding="utf-8"))
        steps = data.get("steps", {})
        return steps if isinstance(steps, dict) else {}
    except (OSError, ValueError, AttributeError):
        return {}
