# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Dense truncated signed distance field with free-space carving, in torch: on a GPU where there is one.

Three things differ from the textbook, each because of a bias that it had on objects of known shape:

* distances are point-to-plane, along the surface's normal and not along the ray, or grazing views push surfaces out;
* free space is counted apart from the band around the surface, or the average of the two pulls surfaces in;
* behind a surface the weight falls to zero, or the two faces of a thin wall drive each other apart.

What no camera saw into, behind a surface, counts as solid, so that an object stands closed on its table. What lies
outside every picture is left open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from score.reconstruction.scan.frames import Intrinsics

__all__ = ["BYTES_PER_VOXEL", "DepthMap", "TsdfGrid", "depth_map", "grid_shape", "grid_window"]

SLAB_VOXELS = 1_000_000
"""Voxels that are updated at once: bounds the memory of intermediate results to about 100 MB."""
BYTES_PER_VOXEL = 45
"""Peak memory of fusing and meshing [bytes per voxel], rounded up: fields of the grid, their copies, labels, mesh."""
UNRELIABLE_WEIGHT = 0.1
"""Weight of pixels whose normal cannot be told, at edges: they are used along the ray, and lose against any other."""
LEAST_WEIGHT = 0.1
"""Sum of weights below which a voxel's distance is noise."""
LEAST_SHARE = 0.1
"""The same as a share of the frames that saw a surface near the voxel."""
CARVE_RATIO = 2.0
"""A voxel is free when it was seen as free this many times as often as near a surface."""
SHADOW_SHARE = 0.15
"""Share of the frames that must have a surface in front of a voxel before it counts as solid: fewer see a shadow."""


@dataclass(frozen=True)
class DepthMap:
    """One depth picture, prepared for fusion; every field has shape (height * width, ...), camera frame."""

    plane: Tensor
    """Unit normal towards the camera (3) and its product with the surface point [m] (1)."""
    depth: Tensor
    """Depth [m], 0 where nothing was measured."""
    nearest: Tensor
    """Least depth of the pixel and its neighbours [m]: space is free only in front of that."""
    weight: Tensor
    """Trust in the pixel, 0 to 1."""


def depth_map(
    depth: NDArray[np.float32],
    camera: Intrinsics,
    truncation: float,
    device: torch.device,
    window: tuple[slice, slice] | None = None,
) -> DepthMap:
    """Estimate normals and weights of a depth picture.

    Args:
        depth: Depth [m], shape (height, width), 0 where nothing was measured.
        camera: The camera.
        truncation: Half width of the band [m]; larger jumps of depth are edges.
        device: Where to compute.
        window: Rows and columns that matter; the rest of the picture counts as not measured. None for all.
    """
    rows, columns = window or (slice(0, camera.height), slice(0, camera.width))
    raw = torch.as_tensor(np.ascontiguousarray(depth[rows, columns]), device=device)
    valid = raw > 0.0
    smooth = _masked_mean(raw, valid)
    edge = _is_edge(smooth, valid, truncation)
    ray = _rays(camera, rows, columns, device)
    points = ray * smooth[..., None]
    normal = torch.linalg.cross(_central(points, 1), _central(points, 0))
    length = normal.norm(dim=-1, keepdim=True)
    normal = normal / length.clamp_min(1e-12)
    toward = -(normal * ray).sum(-1, keepdim=True)
    normal = torch.where(toward < 0.0, -normal, normal)
    cosine = toward.abs().squeeze(-1) / ray.norm(dim=-1)
    unreliable = edge | (length.squeeze(-1) < 1e-12) | (cosine < 0.1)
    along_ray = torch.tensor((0.0, 0.0, -1.0), device=device)
    normal = torch.where(unreliable[..., None], along_ray, normal)
    offset = (normal * ray).sum(-1, keepdim=True) * raw[..., None]
    weight = torch.where(unreliable, torch.full_like(raw, UNRELIABLE_WEIGHT), cosine**2) * valid
    far = torch.where(valid, raw, torch.full_like(raw, torch.inf))
    nearest = -torch.nn.functional.max_pool2d(-far[None, None], 3, stride=1, padding=1)[0, 0]
    fields = (torch.cat((normal, offset), dim=-1), raw, nearest, weight)
    return DepthMap(*(_embedded(values, camera, rows, columns) for values in fields))


class TsdfGrid:
    """A box of voxels that depth pictures are fused into."""

    def __init__(
        self,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        voxel: float,
        truncation: float,
        support: float,
        device: torch.device,
    ) -> None:
        """Reserve the grid.

        Args:
            low: Lower corner of the box [m], world frame, shape (3,).
            high: Upper corner [m], shape (3,).
            voxel: Edge of a voxel [m].
            truncation: Half width of the band around the surface [m].
            support: Depth behind a surface at which its weight ends [m]: over three times the noise, else the surface
                drifts, and under the thinnest wall.
            device: Where to compute.
        """
        self.low, self.voxel, self.truncation, self.device = low, voxel, truncation, device
        self._support = min(support, truncation)
        self.shape: tuple[int, ...] = grid_shape(low, high, voxel)
        self._sum = torch.zeros(self.shape, device=device)
        self._weight = torch.zeros(self.shape, device=device)
        self._free = torch.zeros(self.shape, dtype=torch.int16, device=device)
        self._near = torch.zeros(self.shape, dtype=torch.int16, device=device)
        self._behind = torch.zeros(self.shape, dtype=torch.int16, device=device)
        self._frames = 0

    def integrate(self, surface: DepthMap, camera: Intrinsics, camera_to_world: NDArray[np.float64]) -> None:
        """Fuse one depth picture.

        Args:
            surface: The prepared picture.
            camera: The camera.
            camera_to_world: Its pose (OpenCV), shape (4, 4) [m].
        """
        self._frames += 1
        world_to_camera = np.linalg.inv(camera_to_world)
        for part in self._slabs():
            self._integrate_slab(part, surface, camera, world_to_camera)

    def _integrate_slab(
        self, part: slice, surface: DepthMap, camera: Intrinsics, world_to_camera: NDArray[np.float64]
    ) -> None:
        x, y, z = self._camera_coordinates(part, world_to_camera)
        column = torch.round(x * (camera.fx / z) + camera.cx)
        row = torch.round(y * (camera.fy / z) + camera.cy)
        inside = (z > 0.0) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        pixel = torch.where(inside, row * camera.width + column, torch.zeros_like(row)).long()
        depth = surface.depth[pixel]
        gap = depth - z
        seen = inside & (depth > 0.0)
        limit = self.truncation
        near = seen & (gap >= -limit) & (gap <= limit)
        self._behind[part] += (seen & (gap < 0.0)).short()
        self._free[part] += (seen & (z < surface.nearest[pixel] - limit)).short()
        # The band is a few percent of the grid: what follows is worth gathering first.
        index = near.nonzero(as_tuple=True)
        pixels = pixel[index]
        plane = surface.plane[pixels]
        distance = plane[:, 0] * x[index] + plane[:, 1] * y[index] + plane[:, 2] * z[index] - plane[:, 3]
        # Also along the ray: where a view grazes, half a pixel aside turns the sign of the plane's distance.
        behind = (2.0 + 2.0 * torch.minimum(distance, gap[index]) / self._support).clamp(0.0, 1.0)
        weight = surface.weight[pixels] * behind
        self._sum[part][index] += weight * distance.clamp(-limit, limit)
        self._weight[part][index] += weight
        self._near[part][index] += 1

    def contradiction(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Share of the frames that saw through measured points, of those that saw a surface there or through.

        Args:
            points: Measured points [m], world frame, shape (N, 3), inside the box.

        Returns:
            Shares, shape (N,): near 0 where the frames agree.
        """
        cells = np.rint((points - self.low) / self.voxel).astype(np.int64)
        index = tuple(torch.as_tensor(cells, device=self.device).T)
        free, near = self._free[index].double(), self._near[index].double()
        return (free / (free + near).clamp_min(1.0)).cpu().numpy()

    def measured(self, points: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether frames measured a surface at points, rather than leaving them between free and unseen.

        Args:
            points: Points of the fused surface [m], world frame, shape (N, 3), inside the box.

        Returns:
            Flags, shape (N,).
        """
        cells = np.rint((points - self.low) / self.voxel).astype(np.int64)
        index = tuple(torch.as_tensor(cells, device=self.device).T)
        weight = self._weight[index]
        distance = self._sum[index].abs() / weight.clamp_min(LEAST_WEIGHT)
        return ((weight > LEAST_WEIGHT) & (distance < 1.5 * self.voxel)).cpu().numpy()

    def field(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the fused field.

        Returns:
            Signed distance [m], negative in solid, and whether anything is known about each voxel; both of the
            grid's shape.
        """
        limit = self.truncation
        # Where most frames ended their say behind the surface, the few that noise kept in the band are no sample.
        known = self._weight > torch.clamp_min(LEAST_SHARE * self._near, LEAST_WEIGHT)
        value = torch.where(known, self._sum / self._weight.clamp_min(LEAST_WEIGHT), torch.full_like(self._sum, -limit))
        # Frames that look at the back of something say nothing about a place; one that looks through it says all.
        carved = (self._free > 0) & (~known | (self._free > CARVE_RATIO * self._near))
        value = torch.where(carved, torch.full_like(value, limit), value)
        known |= carved | (self._behind >= max(2.0, SHADOW_SHARE * self._frames))
        values, open_space = value.cpu().numpy(), (carved & (self._free > 1)).cpu().numpy()
        return _without_bubbles(values, open_space, limit), known.cpu().numpy()

    def _camera_coordinates(self, part: slice, world_to_camera: NDArray[np.float64]) -> list[Tensor]:
        """Camera coordinates of a slab's voxel centres: sums of one term per axis, as the grid is regular."""
        first = self.low + self.voxel * np.array([part.start, 0, 0])
        shift = world_to_camera[:3, :3] @ first + world_to_camera[:3, 3]
        counts = (part.stop - part.start, *self.shape[1:])
        result = []
        for row in range(3):
            terms = []
            for axis in range(3):
                step = float(world_to_camera[row, axis]) * self.voxel
                shape = [1, 1, 1]
                shape[axis] = counts[axis]
                terms.append((torch.arange(counts[axis], device=self.device) * step).reshape(shape))
            result.append((terms[0] + float(shift[row])) + terms[1] + terms[2])
        return result

    def _slabs(self) -> Iterator[slice]:
        thickness = max(1, SLAB_VOXELS // (self.shape[1] * self.shape[2]))
        for start in range(0, self.shape[0], thickness):
            yield slice(start, min(start + thickness, self.shape[0]))


def _without_bubbles(values: NDArray[np.float32], open_space: NDArray[np.bool_], limit: float) -> NDArray[np.float32]:
    """Fill hollows that are connected with no space that was seen to be free: noise inside a solid."""
    labels, _ = ndimage.label(values > 0.0)
    reached = np.unique(labels[open_space])
    values[(labels > 0) & ~np.isin(labels, reached)] = -limit
    return values


def grid_window(
    low: NDArray[np.float64], high: NDArray[np.float64], camera: Intrinsics, camera_to_world: NDArray[np.float64]
) -> tuple[slice, slice] | None:
    """Rows and columns of a picture that may show a box; None where it shows nothing of it."""
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    seen = (corners - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
    if (seen[:, 2] <= 1e-3).any():
        # The camera is inside or beside the box, whose corners then bound nothing.
        return (slice(0, camera.height), slice(0, camera.width)) if (seen[:, 2] > 1e-3).any() else None
    window = []
    for pixel, size in (
        (camera.fy * seen[:, 1] / seen[:, 2] + camera.cy, camera.height),
        (camera.fx * seen[:, 0] / seen[:, 2] + camera.cx, camera.width),
    ):
        first, last = max(0, int(pixel.min()) - 4), min(size, int(pixel.max()) + 5)
        if first >= last:
            return None
        window.append(slice(first, last))
    return window[0], window[1]


def grid_shape(low: NDArray[np.float64], high: NDArray[np.float64], voxel: float) -> tuple[int, ...]:
    """Numbers of voxels along x, y, z of a box."""
    cells = np.ceil((high - low) / voxel - 1e-6)  # a box of whole voxels has no further one for a rounding error
    return tuple(int(count) for count in np.maximum(cells.astype(int) + 1, 2))


def _rays(camera: Intrinsics, rows: slice, columns: slice, device: torch.device) -> Tensor:
    """Directions with z = 1 of a window's pixels, shape (rows, columns, 3)."""
    y = (torch.arange(rows.start, rows.stop, device=device, dtype=torch.float32)[:, None] - camera.cy) / camera.fy
    x = (torch.arange(columns.start, columns.stop, device=device, dtype=torch.float32)[None] - camera.cx) / camera.fx
    return torch.stack(torch.broadcast_tensors(x, y, torch.ones((), device=device)), dim=-1)


def _embedded(values: Tensor, camera: Intrinsics, rows: slice, columns: slice) -> Tensor:
    """Return a window's values in a picture of zeros, flattened to (height * width, ...)."""
    full = values.new_zeros((camera.height, camera.width, *values.shape[2:]))
    full[rows, columns] = values
    return full.flatten(0, 1)


def _masked_mean(depth: Tensor, valid: Tensor, window: int = 5) -> Tensor:
    """Mean of the measured depths around each pixel that are near its own, 0 where nothing was measured."""
    pad = window // 2
    padded = torch.nn.functional.pad(depth, (pad, pad, pad, pad))
    total, count = torch.zeros_like(depth), torch.zeros_like(depth)
    for row in range(window):
        for column in range(window):
            other = padded[row : row + depth.shape[0], column : column + depth.shape[1]]
            # 2 % of the depth bridges slopes of 80 degrees between neighbours, and no gap between objects.
            close = (other > 0.0) & ((other - depth).abs() < 0.02 * depth)
            total += other * close
            count += close
    return torch.where(valid, total / count.clamp_min(1.0), torch.zeros_like(depth))


def _is_edge(depth: Tensor, valid: Tensor, limit: float) -> Tensor:
    """Pixels at which depth bends or jumps by more than the limit, or whose neighbours hold nothing."""
    edge = ~valid
    for axis in (0, 1):
        before, after = torch.roll(depth, 2, axis), torch.roll(depth, -2, axis)
        edge = edge | (before <= 0.0) | (after <= 0.0) | ((before + after - 2.0 * depth).abs() > limit)
    return edge


def _central(points: Tensor, axis: int) -> Tensor:
    """Central differences over four pixels, shape (height, width, 3); meaningless at the border, which is an edge."""
    return torch.roll(points, -2, axis) - torch.roll(points, 2, axis)
