# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Drops a peg into the hole of a socket, many times, on both engines: a tight fit that only looks open jams here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from score.reconstruction.asset_folder import Asset
from score.reconstruction.check.drop_test import ENGINES, DropJob, run_jobs
from score.reconstruction.check.passport import Passport
from score.reconstruction.shape.cavity import find_cavity
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import BoxPiece, Piece, combined_mesh
from score.reconstruction.usd.usd_reader import read_usd
from score.utils.errors import UserError

SEAT_LIMIT = 0.001
"""A peg is seated when its tip is within this of the floor [m]."""
_RELEASE = 0.001
"""Height of the tip above the rim at the start [m]."""
_SUBSTEPS = 4
"""In a whole physics step a falling peg moves by 1.2 mm, more than the play, and PhysX sets it on the rim."""
_TILT = math.radians(0.3)
_PLAY = 0.8
"""Share of the free play by which a peg may start beside the centre."""


@dataclass(frozen=True)
class Hole:
    """A hole as the collision pieces leave it, in the asset frame."""

    center: NDArray[np.float64]
    """x and y of its middle [m]."""
    width: NDArray[np.float64]
    """Free width along its own two axes [m]."""
    yaw: float
    """Angle of its first axis about z [rad]."""
    floor: float
    """Height of its floor [m]."""
    rim: float
    """Height of its rim [m]."""


def check_insertion(socket: Asset, peg: Asset, drops: int, passport: Passport) -> None:
    """Drop a peg into a socket and note how often it seats.

    Args:
        socket: Asset with a hollow; it stands free on the table.
        peg: Asset that is dropped, upright as it was scanned.
        drops: Number of drops; the first is centred, the others start beside the centre and tilted.
        passport: Passport of the socket.

    Raises:
        UserError: The socket's collision pieces leave no hole that is wide enough, or an engine is missing.
    """
    hole = hole_of(read_usd(socket.usd_path).pieces)
    peg_pieces = read_usd(peg.usd_path).pieces
    starts = peg_starts(hole, peg_pieces, drops)
    rest = [*socket.record.rest_pose.position, *socket.record.rest_pose.quaternion]
    # The job's poses are those of the table's frame, the hole's of the socket's: both agree but for the rest pose.
    starts = [_composed(rest, start) for start in starts]
    socket_usd, peg_usd = str(socket.usd_path), str(peg.usd_path)
    jobs = [DropJob(engine, socket_usd, [rest] * drops, starts, peg_usd, substeps=_SUBSTEPS) for engine in ENGINES]
    corners = np.asarray(combined_mesh(peg_pieces).vertices)
    passport.measured["insertion"] = {}
    for engine, trajectory in zip(ENGINES, run_jobs(jobs), strict=True):
        assert trajectory.other is not None
        gaps = tip_gaps(trajectory.asset[-1], trajectory.other[-1], hole.floor, corners)
        seated = int((np.abs(gaps) < SEAT_LIMIT).sum())
        passport.measured["insertion"][engine] = {"seated": seated, "drops": drops, "gaps": gaps.tolist()}
        worst = float(np.max(np.abs(gaps))) * 1e3
        detail = f"{seated} of {drops} drops of {peg.record.name} seated, tip at most {worst:.2f} mm from the floor"
        passport.add(f"{engine}: insertion", seated == drops, detail)


def hole_of(pieces: Sequence[Piece]) -> Hole:
    """Find the hole that collision pieces leave.

    Raises:
        UserError: They leave none.
    """
    mesh = combined_mesh(pieces)
    cavity = find_cavity(mesh)
    if cavity is None:
        raise UserError("insertion: the socket's collision pieces leave no hole: make it with fit:slot or fit:ring.")
    record = cavity.record
    yaw = next((_yaw(piece) for piece in pieces if isinstance(piece, BoxPiece)), 0.0)
    axes = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    start = np.array([*record.center, (record.floor + record.rim) / 2.0])
    # The hollow is known to a cell of its grid; four rays give its walls.
    rays = np.array([[*(sign * axis), 0.0] for axis in axes for sign in (-1.0, 1.0)])
    reach, _ = MeshQueries(mesh.vertices, mesh.faces, "cpu").cast(np.tile(start, (4, 1)), rays)
    low, high = reach[[0, 2]].astype(np.float64), reach[[1, 3]].astype(np.float64)
    center = start[:2] + (high - low) / 2.0 @ axes
    return Hole(center, low + high, yaw, record.floor, record.rim)


def peg_starts(hole: Hole, pieces: Sequence[Piece], drops: int, seed: int = 0) -> list[list[float]]:
    """Where a peg is let go, frame of the socket.

    Args:
        hole: The hole.
        pieces: The peg's collision pieces, its own frame, upright.
        drops: Number of starts; the first is centred and straight.
        seed: Seed of the others: beside the centre by up to 80 % of the play, tilted by 0.3 degrees.

    Returns:
        Poses: x, y, z [m], quaternion (x, y, z, w).

    Raises:
        UserError: The peg is wider than the hole.
    """
    yaw = next((_yaw(piece) for piece in pieces if isinstance(piece, BoxPiece)), 0.0)
    # Of the four ways to turn a square into a square take the smallest turn.
    turn = (hole.yaw - yaw + math.pi / 4.0) % (math.pi / 2.0) - math.pi / 4.0
    straight = Rotation.from_euler("z", turn)
    corners = np.asarray(combined_mesh(pieces).vertices)
    along = Rotation.from_euler("z", turn - hole.yaw).apply(corners)[:, :2]
    low, high = along.min(axis=0), along.max(axis=0)
    play = hole.width - (high - low)
    if play.min() <= 0.0:
        raise UserError(
            f"insertion: the peg ({(high - low).max() * 1e3:.2f} mm) is wider than the hole"
            f" ({hole.width.min() * 1e3:.2f} mm): check the measured dimensions."
        )
    rng = np.random.default_rng(seed)
    starts = []
    for index in range(drops):
        # In a disc: a round peg in the corner of a square of this size would stand on the rim.
        toward, angle = rng.uniform(0.0, 2.0 * math.pi, size=2)
        beside = rng.uniform(0.0, 0.5) * _PLAY * play * np.array([math.cos(toward), math.sin(toward)])
        tilt = Rotation.from_rotvec(_TILT * np.array([math.cos(angle), math.sin(angle), 0.0]))
        if index == 0:
            beside, tilt = np.zeros(2), Rotation.identity()
        rotation = tilt * straight
        turned = rotation.apply(corners)
        middle = Rotation.from_euler("z", hole.yaw).apply([*((low + high) / 2.0 - beside), 0.0])[:2]
        position = [*(hole.center - middle).tolist(), hole.rim + _RELEASE - float(turned[:, 2].min())]
        starts.append([*position, *rotation.as_quat().tolist()])
    return starts


def tip_gaps(
    sockets: NDArray[np.float64], pegs: NDArray[np.float64], floor: float, corners: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each peg's lowest point is above the floor of its hole.

    Args:
        sockets: Last poses of the sockets, shape (N, 7): position [m], quaternion (x, y, z, w).
        pegs: Last poses of the pegs, shape (N, 7).
        floor: Height of the hole's floor, socket frame [m].
        corners: Corners of the peg, its own frame [m], shape (C, 3).

    Returns:
        Gaps [m], shape (N,); infinity where a pose is not finite.
    """
    gaps = np.full(len(pegs), np.inf)
    for index, (socket, peg) in enumerate(zip(sockets, pegs, strict=True)):
        if np.isfinite(socket).all() and np.isfinite(peg).all():
            world = Rotation.from_quat(peg[3:]).apply(corners) + peg[:3]
            gaps[index] = Rotation.from_quat(socket[3:]).inv().apply(world - socket[:3])[:, 2].min() - floor
    return gaps


def _composed(outer: Sequence[float], inner: Sequence[float]) -> list[float]:
    rotation = Rotation.from_quat(outer[3:])
    position = rotation.apply(inner[:3]) + np.array(outer[:3])
    return [*position.tolist(), *(rotation * Rotation.from_quat(inner[3:])).as_quat().tolist()]


def _yaw(piece: BoxPiece) -> float:
    x = Rotation.from_quat(piece.quaternion).as_matrix()[:, 0]
    return math.atan2(x[1], x[0])
