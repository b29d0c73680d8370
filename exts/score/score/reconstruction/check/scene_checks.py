# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Checks of a scene before a simulator sees it: overlapping objects, objects off the table, poses out of reach.

Every check is made at the nominal pose, at the corners of the ranges, and at draws from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import manifold3d
import numpy as np
from numpy.typing import NDArray

from score.reconstruction.scene import Scene, SceneObject
from score.reconstruction.shape.pieces import Piece
from score.reconstruction.usd.usd_reader import read_usd
from score.utils.errors import UserError

__all__ = ["Problem", "Reachable", "check_scene"]

Reachable = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
"""Positions (N, 3) [m] in the scene frame -> which of them the arm reaches, (N,)."""
TOUCH = 0.0005
"""Overlaps thinner than this are contact: what rests on something overlaps by the engines' and the scan's error [m]."""
FLOATING = 0.003
"""An object this far over everything below it would drop at every reset [m]."""
DRAWS = 64
"""Draws from the ranges."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a scene."""

    objects: tuple[str, ...]
    """Names of the objects it is about."""
    text: str
    """One sentence: what, by how much, and what to do."""


@dataclass(frozen=True)
class _Body:
    item: SceneObject
    hulls: list[manifold3d.Manifold]
    corners: NDArray[np.float64]
    """Corners of all hulls, asset frame, shape (N, 3)."""


def check_scene(scene: Scene, reachable: Reachable | None = None, seed: int = 0) -> list[Problem]:
    """Check a scene.

    Args:
        scene: The scene.
        reachable: Tells which positions the arm reaches; None leaves that check out.
        seed: Seed of the draws from the ranges.

    Returns:
        The problems; empty if all is well.

    Raises:
        UserError: An asset's USD file is unsound, or its colliders are not baked.
    """
    bodies = [_body(item) for item in scene.objects]
    draws = _draws(scene.objects, np.random.default_rng(seed))
    problems = []
    for body in bodies:
        problems += _off_table(body, scene, draws[body.item.name])
        if reachable is not None and body.item.reach:
            problems += _out_of_reach(body, draws[body.item.name], reachable)
    problems += [problem for body in bodies if (problem := _in_table(body, scene, draws[body.item.name]))]
    problems += [problem for a, b in itertools.combinations(bodies, 2) if (problem := _overlap(a, b, draws))]
    problems += [problem for body in bodies if (problem := _floating(body, bodies, scene))]
    return problems


def _body(item: SceneObject) -> _Body:
    usd = read_usd(item.asset.usd_path)
    if usd.unbaked:
        raise UserError(f"objects.{item.name}: {item.asset.usd_path}: {usd.unbaked[0]}")
    hulls = [_hull(piece) for piece in usd.pieces]
    corners = np.concatenate([np.asarray(piece.mesh().vertices) for piece in usd.pieces])
    return _Body(item, hulls, corners)


def _hull(piece: Piece) -> manifold3d.Manifold:
    return manifold3d.Manifold.hull_points(np.ascontiguousarray(piece.mesh().vertices, dtype=np.float64))


def _draws(objects: Sequence[SceneObject], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Offsets (D, 6) of each object: nominal first, then corners of its ranges, then draws; D is the same for all."""
    result = {}
    for item in objects:
        low, high = item.bounds
        moving = np.flatnonzero(high > low)
        signs = (
            np.array(list(itertools.product((0, 1), repeat=len(moving)))) if 0 < len(moving) <= 4 else np.empty((0, 0))
        )
        corners = np.zeros((len(signs), 6))
        for column, axis in enumerate(moving[: signs.shape[1]]):
            corners[:, axis] = np.where(signs[:, column] == 1, high[axis], low[axis])
        uniform = rng.uniform(low, high, size=(DRAWS, 6))
        result[item.name] = np.concatenate([np.zeros((1, 6)), corners, uniform])[: DRAWS + 1]
        if item.inside:
            result[item.name] += result[item.inside]
    return result


def _moved(body: _Body, offset: NDArray[np.float64]) -> NDArray[np.float64]:
    pose = body.item.pose(offset)
    return np.asarray(body.corners @ pose[:3, :3].T + pose[:3, 3])


def _off_table(body: _Body, scene: Scene, offsets: NDArray[np.float64]) -> list[Problem]:
    if body.item.support != "table":
        return []
    half, middle = np.asarray(scene.table.size[:2]) / 2.0, np.asarray(scene.table.position[:2])
    over = 0.0
    for offset in offsets:
        corners = _moved(body, offset)
        feet = corners[corners[:, 2] < corners[:, 2].min() + 0.005]
        over = max(over, float((np.abs(feet[:, :2] - middle) - half).max()))
    if over <= 0.0:
        return []
    return [
        Problem(
            (body.item.name,),
            f"'{body.item.name}' stands up to {over * 1e3:.1f} mm over the edge of the table: change its position or"
            " ranges, or enlarge the table.",
        )
    ]


def _in_table(body: _Body, scene: Scene, offsets: NDArray[np.float64]) -> Problem | None:
    size, top = np.asarray(scene.table.size), np.asarray(scene.table.position)
    deepest = 0.0
    for offset in offsets:
        corners = _moved(body, offset)
        over = (np.abs(corners[:, :2] - top[:2]) < size[:2] / 2.0).all(axis=1) & (corners[:, 2] > top[2] - size[2])
        if over.any():
            deepest = max(deepest, float(top[2] - corners[over, 2].min()))
    if deepest <= 2.0 * TOUCH:
        return None
    name = body.item.name
    return Problem((name,), f"'{name}' is up to {deepest * 1e3:.1f} mm inside the table: raise its position or ranges.")


def _floating(body: _Body, bodies: Sequence[_Body], scene: Scene) -> Problem | None:
    if body.item.support != "table":
        return None
    corners = _moved(body, np.zeros(6))
    gap = float(corners[:, 2].min() - scene.table.position[2])
    if gap <= FLOATING:
        return None
    for other in bodies:
        below = _moved(other, np.zeros(6))
        beside = (corners[:, :2].min(axis=0) > below[:, :2].max(axis=0)) | (
            corners[:, :2].max(axis=0) < below[:, :2].min(axis=0)
        )
        if other is not body and not beside.any() and below[:, 2].max() > corners[:, 2].min() - FLOATING:
            return None  # something is there that may carry it
    name = body.item.name
    return Problem(
        (name,),
        f"'{name}' floats {gap * 1e3:.1f} mm over the table: lower it, or set support: free if it is held.",
    )


def _out_of_reach(body: _Body, offsets: NDArray[np.float64], reachable: Reachable) -> list[Problem]:
    middle = body.corners.min(axis=0) / 2.0 + body.corners.max(axis=0) / 2.0
    poses = [body.item.pose(offset) for offset in offsets]
    positions = np.array([pose[:3, :3] @ middle + pose[:3, 3] for pose in poses])
    good = reachable(positions)
    if good.all():
        return []
    worst = np.round(positions[np.flatnonzero(~good)[0]], 3).tolist()
    name = body.item.name
    return [
        Problem(
            (name,),
            f"the arm does not reach '{name}' in {int((~good).sum())} of {len(good)} poses, for example at {worst}:"
            " change its position or ranges, or set reach: false.",
        )
    ]


def _overlap(a: _Body, b: _Body, draws: dict[str, NDArray[np.float64]]) -> Problem | None:
    worst, count = 0.0, 0
    offsets = list(zip(draws[a.item.name], draws[b.item.name], strict=True))
    for first, second in offsets:
        depth = _depth(a, first, b, second)
        count += depth > TOUCH
        worst = max(worst, depth)
    if count == 0:
        return None
    names = (a.item.name, b.item.name)
    return Problem(
        names,
        f"'{names[0]}' and '{names[1]}' overlap by up to {worst * 1e3:.1f} mm in {count} of {len(offsets)} poses: move"
        " them apart, or narrow their ranges.",
    )


def _depth(a: _Body, first: NDArray[np.float64], b: _Body, second: NDArray[np.float64]) -> float:
    """How deep two objects overlap [m]: the thinnest side of the thickest common part."""
    corners = [_moved(body, offset) for body, offset in ((a, first), (b, second))]
    if (np.minimum(*(c.max(axis=0) for c in corners)) <= np.maximum(*(c.min(axis=0) for c in corners))).any():
        return 0.0
    placed = [
        [hull.transform(body.item.pose(offset)[:3]) for hull in body.hulls]
        for body, offset in ((a, first), (b, second))
    ]
    deepest = 0.0
    for one, other in itertools.product(*placed):
        box, against = np.array(one.bounding_box()), np.array(other.bounding_box())
        if (np.minimum(box[3:], against[3:]) <= np.maximum(box[:3], against[:3])).any():
            continue
        common = one ^ other
        if not common.is_empty():
            bounds = np.array(common.bounding_box())
            deepest = max(deepest, float((bounds[3:] - bounds[:3]).min()))
    return deepest
