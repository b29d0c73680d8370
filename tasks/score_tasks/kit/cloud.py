# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The segmented point cloud of a task, wrong as a camera is wrong.

A cloud has one segment per body. What the robot knows from its joints (hand, gripper) is exact to the joint angles.
What cameras see (objects, fixtures) carries, camera by camera, the calibration error of the episode: a shift and a turn
about the camera. Only sides that a camera can see have points, as many as the camera has pixels there, and the points
are others in every step: a point has no identity. They are drawn by the seed and the step of the episode alone, so that
an episode is the same beside whatever others. Surfaces hide what lies behind them in the same body only as far
as their normals tell; other bodies hide nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from isaaclab.managers import ManagerTermBase, ObservationTermCfg, SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat, quat_from_angle_axis

from score.policies.spec import JOINTS
from score.utils.random import counter_keys, counter_normal, counter_uniform
from score_tasks.kit.draws import episode_seeds
from score_tasks.kit.frames import Pose, body_pose_e, points_from, points_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isaaclab.envs import ManagerBasedRLEnv

_CURVE_BITS = 10
"""Bits per axis of the space-filling curve that surface points are sorted along."""


@dataclass(kw_only=True)
class CloudCameraCfg:
    """A depth camera that does not move, and how wrong its calibration is."""

    eye: tuple[float, float, float]
    """Where it stands, environment frame, m."""

    shift_std: float = 0.0
    """Standard deviation of the wrong place along each axis, drawn once per episode, m."""

    turn_std: float = 0.0
    """Standard deviation of the wrong direction about each axis, drawn once per episode, rad."""


@dataclass(kw_only=True)
class SeenSegmentCfg:
    """A body that the cameras see."""

    entity: SceneEntityCfg
    """Rigid object, or one body of an articulation (``body_names``)."""

    surface: Callable[..., tuple[NDArray[np.float32], NDArray[np.float32]]]
    """Returns points (M, 3), m, and outward unit normals (M, 3) of the surface, spread evenly, in the body's frame."""

    surface_params: dict[str, Any] = field(default_factory=dict)
    """Arguments of ``surface``."""

    count: int
    """Points in the cloud."""


@dataclass(kw_only=True)
class KnownSegmentCfg:
    """A part of the robot, known from its joints."""

    points: Callable[..., Callable[[], torch.Tensor]]
    """Called once with (environment, count); what it returns gives the points (N, count, 3) of a step in the cloud's
    frame, m."""

    count: int
    """Points in the cloud."""


class SegmentedCloud(ManagerTermBase):
    """Observation term: the cloud (N, P, 3) in the frame of the tool or palm, segment after segment, m."""

    def __init__(self, cfg: ObservationTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        cameras: dict[str, CloudCameraCfg] = cfg.params["cameras"]
        self._eyes = torch.tensor([camera.eye for camera in cameras.values()], device=env.device)
        shape = (env.num_envs, len(cameras), 3)
        self._shift = torch.zeros(shape, device=env.device)
        self._turn = torch.eye(3, device=env.device).repeat(env.num_envs, len(cameras), 1, 1)
        self._seeds = episode_seeds(env.num_envs, env.device)
        self._parts: list[Callable[[], torch.Tensor] | _SeenBody] = []
        for segment in cfg.params["segments"].values():
            if isinstance(segment, SeenSegmentCfg):
                segment.entity.resolve(env.scene)
                self._parts.append(_SeenBody(segment, env.device))
            else:
                self._parts.append(segment.points(env, segment.count))

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Draw the wrong calibration of every camera for a new episode."""
        ids = slice(None) if env_ids is None else env_ids
        cameras = self.cfg.params["cameras"].values()
        shift_std, turn_std = (
            torch.tensor([getattr(camera, name) for camera in cameras], device=self.device)[:, None]
            for name in ("shift_std", "turn_std")
        )
        self._shift[ids] = shift_std * torch.randn_like(self._shift[ids])
        self._turn[ids] = rotation(turn_std * torch.randn_like(self._shift[ids]))
        self._seeds[ids] = episode_seeds(len(self._seeds[ids]), self.device)

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        frame: Callable[[ManagerBasedRLEnv], Pose],
        segments: dict[str, SeenSegmentCfg | KnownSegmentCfg],
        cameras: dict[str, CloudCameraCfg],
        point_std: float,
    ) -> torch.Tensor:
        """Cloud of this control step.

        Args:
            env: The environment.
            frame: Gives the pose of the cloud's frame, in the environment frame.
            segments: Name -> segment, in the order of the cloud.
            cameras: Name -> camera; every one sees every seen segment.
            point_std: Standard deviation of the noise on each coordinate of a seen point and step, m.
        """
        pose = frame(env)
        keys = counter_keys(self._seeds, env.episode_length_buf)
        parts = []
        for index, part in enumerate(self._parts):
            if isinstance(part, _SeenBody):
                body = body_pose_e(env, part.entity)
                offsets = counter_uniform(counter_keys(keys, 2 * index), 1)
                points, camera = part.sample(body, self._eyes, offsets)
                reported = [relative(pose, wrong) for wrong in self._reported_poses(body)]
                points = points_by_camera(points, camera, reported)
                noise = counter_normal(counter_keys(keys, 2 * index + 1), points[0].numel()).view_as(points)
                parts.append(torch.addcmul(points, noise, points.new_tensor(point_std)))
            else:
                parts.append(part())
        return torch.nan_to_num(torch.cat(parts, dim=1))

    def _reported_poses(self, body: Pose) -> list[Pose]:
        """Where each camera, wrong as it is, sees a body: turned about the camera, then shifted; environment frame."""
        poses = []
        for index, eye in enumerate(self._eyes):
            wrong = (eye + self._shift[:, index], self._turn[:, index])
            poses.append((points_from(wrong, (body[0] - eye)[:, None])[:, 0], wrong[1] @ body[1]))
        return poses


class _SeenBody:
    """The surface of one body, and the points of it that cameras see."""

    def __init__(self, cfg: SeenSegmentCfg, device: str) -> None:
        points, normals = cfg.surface(**cfg.surface_params)
        # Neighbours along the curve are neighbours on the surface: drawing evenly along it spreads points evenly.
        order = curve_order(points)
        self.entity = cfg.entity
        self.count = cfg.count
        self._points = torch.as_tensor(points[order], device=device)
        self._normals = torch.as_tensor(normals[order], device=device)

    def sample(self, pose: Pose, eyes: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Points (N, P, 3) in the body's frame, m, and the index (N, P) of the camera that sees each."""
        pos, rot = (torch.nan_to_num(part) for part in pose)
        weights = pixel_density(self._points, self._normals, (eyes - pos[:, None]) @ rot)
        index = systematic_sample(weights.flatten(1), self.count, offsets)
        return self._points[index % len(self._points)], index // len(self._points)


def pixel_density(points: torch.Tensor, normals: torch.Tensor, eyes: torch.Tensor) -> torch.Tensor:
    """How many pixels a camera has per area at a point of a body, up to a factor; 0 on the far side.

    cos(angle of view) / distance^2 with the distance of the body's origin: a body is small beside it.

    Args:
        points: Points (M, 3), m, body frame.
        normals: Outward unit normals (M, 3).
        eyes: Places (N, K, 3) of the cameras in the body's frame, m.

    Returns:
        Densities (N, K, M), 1/m^2.
    """
    # (eye - point) . normal by a product of matrices, without a tensor of (N, K, M, 3)
    along = eyes @ normals.T - (points * normals).sum(-1)
    return torch.relu(along) / eyes.norm(dim=-1, keepdim=True) ** 3


def systematic_sample(weights: torch.Tensor, count: int, offsets: torch.Tensor) -> torch.Tensor:
    """Draw indices in proportion to weights, evenly along their order (systematic resampling).

    Args:
        weights: Not negative, (N, M).
        count: Indices to draw.
        offsets: Where the first is drawn within its share, uniform in [0, 1), (N, 1).

    Returns:
        Indices (N, count) in rising order; one whose weight is 0 is never drawn, unless all are.
    """
    ends = weights.cumsum(dim=1)
    places = (offsets + torch.arange(count, device=weights.device)) / count
    # right: the end of a stretch of zeros is not drawn; a rounding error below 1 keeps the last place inside
    index = torch.searchsorted(ends, places * ends[:, -1:] * (1.0 - 1e-6), right=True)
    return index.clamp(max=weights.shape[1] - 1)


def relative(frame: Pose, pose: Pose) -> Pose:
    """``pose`` in ``frame``, both given in one parent frame."""
    return points_in(frame, pose[0][:, None])[:, 0], frame[1].mT @ pose[1]


def points_by_camera(points: torch.Tensor, camera: torch.Tensor, poses: list[Pose]) -> torch.Tensor:
    """Points (N, P, 3) of a body in the cloud's frame, each by the pose that its own camera reports, m.

    Args:
        points: In the body's frame (N, P, 3), m.
        camera: Index (N, P) of the camera that sees each.
        poses: Pose of the body as each camera reports it, cloud's frame.
    """
    # Every point as every camera would report it, then the one that sees it: quicker than a rotation per point.
    result = points_from(poses[0], points)
    for index, pose in enumerate(poses[1:], start=1):
        result = torch.where((camera == index)[..., None], points_from(pose, points), result)
    return result


def rotation(vector: torch.Tensor) -> torch.Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3), rad."""
    flat = vector.reshape(-1, 3)
    angle = flat.norm(dim=-1)
    axis = flat / angle.clamp(min=1e-12)[:, None]
    return matrix_from_quat(quat_from_angle_axis(angle, axis)).reshape(*vector.shape, 3)


def curve_order(points: NDArray[np.float32]) -> NDArray[np.int64]:
    """Order (M,) of points (M, 3) along a Morton curve."""
    low = points.min(axis=0)
    cells = ((points - low) / max(float((points - low).max()), 1e-9) * (2**_CURVE_BITS - 1)).astype(np.int64)
    code = np.zeros(len(points), dtype=np.int64)
    for bit in range(_CURVE_BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return np.argsort(code, kind="stable")


def describe_segments(term: ObservationTermCfg) -> list[dict[str, Any]]:
    """Name, points and source of every segment of a cloud's term, as an observation's specification has them."""
    seen_by = "+".join(term.params["cameras"])
    return [
        {"name": name, "points": item.count, "seen_by": seen_by if isinstance(item, SeenSegmentCfg) else JOINTS}
        for name, item in term.params["segments"].items()
    ]


def set_calibration(term: ObservationTermCfg, shift_std: float, turn_std: float) -> None:
    """Change how wrong the calibration of a cloud's cameras is, in place; m and rad, along and about each axis."""
    for camera in term.params["cameras"].values():
        camera.shift_std, camera.turn_std = shift_std, turn_std
