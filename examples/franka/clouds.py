# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Two sources of clouds for a capsule: a recorded episode, and a RealSense camera with segmentation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import segments as seg
import torch

__all__ = ["RealSenseCloud", "RecordedCloud", "split_cloud"]

FEWEST_POINTS = 10
"""An object with fewer points is not seen."""


class RecordedCloud:
    """The clouds of a recorded episode, one a control step; the last one again and again after its end."""

    def __init__(self, clouds: torch.Tensor, name: str = "point_cloud") -> None:
        """Take the clouds (T, n, 3) [m]; ``name`` is the capsule's input."""
        self.clouds, self.name, self.step = clouds, name, 0

    def read(self) -> tuple[dict[str, torch.Tensor], float]:
        """Return the next cloud, and the time.monotonic() of now: a camera that is never late."""
        cloud = self.clouds[min(self.step, len(self.clouds) - 1)]
        self.step += 1
        return {self.name: cloud}, time.monotonic()


class RealSenseCloud:
    """A depth camera at a known place. Objects are told apart by colour; what is not in the box is left out.

    Settings, a JSON file::

        {
          "serial": "",                       the camera's number; empty takes the only one
          "camera_to_base": [[...], ...],     pose (4, 4) of the colour camera in the arm's base frame
          "box": [[0.3, -0.3, 0.0], [0.8, 0.3, 0.5]],     what is looked at, base frame [m]
          "table": 0.004,                     points nearer to the plane of the table are left out [m]; 0 keeps all
          "colors": {"peg": [[230, 120, 30], 0.1], "socket": [[60, 90, 200], 0.1]}     colour, tolerance
        }
    """

    def __init__(
        self,
        settings: Path,
        tcp_pose: Callable[[], np.ndarray[Any, Any]],
        known: dict[str, torch.Tensor],
        name: str = "point_cloud",
    ) -> None:
        """Start the camera.

        Args:
            settings: The JSON file.
            tcp_pose: Gives the pose (4, 4) of the frame that the capsule wants its cloud in, in the base frame.
            known: Segments that no camera is needed for, such as the gripper in its own frame; (n, 3) each.
            name: The capsule's input.
        """
        import pyrealsense2 as rs

        self.cfg = json.loads(settings.read_text())
        self.pose = np.asarray(self.cfg["camera_to_base"], dtype=float)
        self.tcp_pose, self.known, self.name = tcp_pose, known, name
        self.table: np.ndarray[Any, Any] | None = None
        self.newest: tuple[dict[str, torch.Tensor], float] | None = None
        self.rs, self.align, self.pipeline, config = rs, rs.align(rs.stream.color), rs.pipeline(), rs.config()
        if self.cfg["serial"]:
            config.enable_device(self.cfg["serial"])
        config.enable_stream(rs.stream.depth, 640, 480, rs.format.z16, 30)
        config.enable_stream(rs.stream.color, 640, 480, rs.format.rgb8, 30)
        self.pipeline.start(config)

    def read(self) -> tuple[dict[str, torch.Tensor], float]:
        """Return the newest cloud by segments, (n, 3) [m] each, and the time.monotonic() at which it was taken.

        Waits for the first picture only; later, a picture that did not come leaves the cloud as old as it is, which
        the loop counts. Raises a RuntimeError if an object is not seen.
        """
        frames = self.pipeline.wait_for_frames() if self.newest is None else self.pipeline.poll_for_frames()
        if frames:
            self.newest = self.cloud(frames), time.monotonic() - self.age(frames)
        assert self.newest is not None
        return self.newest

    def age(self, frames: Any) -> float:
        """Seconds since the pictures were taken, by the camera's clock where it is set to this computer's."""
        if frames.get_frame_timestamp_domain() == self.rs.timestamp_domain.hardware_clock:
            return 0.0  # not comparable: the time of arrival has to do
        return max(time.time() - frames.get_timestamp() / 1000.0, 0.0)

    def cloud(self, frames: Any) -> dict[str, torch.Tensor]:
        """Segments of one pair of pictures, in the capsule's frame."""
        frames = self.align.process(frames)
        depth, color = frames.get_depth_frame(), frames.get_color_frame()
        lens = depth.profile.as_video_stream_profile().intrinsics
        metres = np.asanyarray(depth.get_data()) * depth.get_units()
        points = seg.transform(self.pose, seg.deproject(metres, (lens.fx, lens.fy), (lens.ppx, lens.ppy)))
        wanted = (metres > 0.0) & seg.inside(points, *self.cfg["box"])
        if self.table is None and self.cfg["table"] > 0.0:  # once: the table does not move
            self.table = seg.fit_plane(points[wanted][::7], 0.003)
        if self.table is not None:
            wanted &= seg.above_plane(points, self.table, self.cfg["table"])
        found = split_cloud(points, wanted, np.asanyarray(color.get_data()), self.cfg["colors"])
        into_tcp = np.linalg.inv(self.tcp_pose())
        seen = {part: torch.tensor(seg.transform(into_tcp, points)).float() for part, points in found.items()}
        return {f"{self.name}/{part}": points for part, points in {**self.known, **seen}.items()}


def split_cloud(
    points: np.ndarray[Any, Any],
    wanted: np.ndarray[Any, Any],
    picture: np.ndarray[Any, Any],
    colors: dict[str, tuple[tuple[int, int, int], float]],
) -> dict[str, np.ndarray[Any, Any]]:
    """Split what a camera sees into objects by their colours.

    Args:
        points: Where each pixel is (H, W, 3) [m].
        wanted: Which pixels to look at (H, W).
        picture: Colour picture (H, W, 3), uint8.
        colors: Object -> its colour, and a tolerance as :func:`segments.near_color` takes it.

    Returns:
        Object -> points (n, 3) [m].

    Raises:
        RuntimeError: An object is not seen.
    """
    found = {
        name: points[wanted & seg.near_color(picture, tuple(color), tolerance)]
        for name, (color, tolerance) in colors.items()
    }
    missing = [name for name, seen in found.items() if len(seen) < FEWEST_POINTS]
    if missing:
        raise RuntimeError(f"The camera does not see {', '.join(missing)}: look at its box, table and colors.")
    return found
