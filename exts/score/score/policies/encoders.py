# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Encoders of observations that are too large to be a condition as they are."""

import torch
from torch import Tensor

_CPU_GROUP = 4
"""Clouds at a time on a CPU: activations of 4 x 512 points fit its cache, which halves the time for a batch of 64."""

POOLS = ("max", "max_mean")
"""Ways to pool the features of points, see :class:`PointNet`."""


class PointNet(torch.nn.Module):
    """Permutation-invariant encoder of a point cloud: shared per-point MLP, pooling, global MLP.

    Follows Qi et al., "PointNet" (CVPR 2017), as the published base policy does: no batch norm, and a ReLU after
    every layer but the last. Two deviations, both for millimetre precision:

    * ``pool="max_mean"`` (default) concatenates the mean to the maximum. A maximum hangs on the single noisiest point;
      a mean over n points averages sensor noise by sqrt(n). ``pool="max"`` is the published pooling.
    * The embedding ends in a LayerNorm without parameters instead of a ReLU, so that whatever reads it (also the
      steering policy) gets numbers of unit size without statistics of its own.
    """

    def __init__(
        self,
        point_widths: tuple[int, ...] = (64, 64, 128),
        global_widths: tuple[int, ...] = (128,),
        embedding_dim: int = 128,
        pool: str = "max_mean",
    ) -> None:
        """Set up.

        Args:
            point_widths: Widths of the per-point layers. The default costs 6.4 million multiply-adds for 512 points.
            global_widths: Widths of the layers between pooling and embedding.
            embedding_dim: Length E of the embedding.
            pool: ``max`` or ``max_mean``.
        """
        super().__init__()
        self.cpu_group = _CPU_GROUP
        self.use_mean = pool == "max_mean"
        pooled = point_widths[-1] * (2 if self.use_mean else 1)
        self.point_mlp = _mlp([3, *point_widths], last_relu=True)
        self.global_mlp = _mlp([pooled, *global_widths, embedding_dim], last_relu=False)
        self.norm = torch.nn.LayerNorm(embedding_dim, elementwise_affine=False)

    def forward(self, points: Tensor) -> Tensor:
        """Encode clouds.

        Args:
            points: Normalised coordinates, shape (B, P, 3).

        Returns:
            Embeddings, shape (B, E).
        """
        # In training the graph keeps all activations anyway, and small groups only cost time.
        if points.is_cuda or torch.is_grad_enabled():
            pooled = self._pool(points)
        else:
            pooled = torch.cat([self._pool(group) for group in points.split(self.cpu_group)])
        return self.norm(self.global_mlp(pooled))

    @torch.jit.export
    def extents(self, points: Tensor) -> Tensor:
        """Nothing, (B, 0): sizes are among the features."""
        return points[:, 0, :0]

    def _pool(self, points: Tensor) -> Tensor:
        # Flat, as a Linear layer on three axes returns a view, and gradients through in-place ReLUs on views are slow.
        features = self.point_mlp(points.reshape(-1, 3)).view(points.shape[0], points.shape[1], -1)
        # The same numbers: max remembers where they were, which makes its gradient cheap; amax is faster without one.
        pooled = features.max(dim=1).values if torch.is_grad_enabled() else features.amax(dim=1)
        if self.use_mean:
            pooled = torch.cat([pooled, features.mean(dim=1)], dim=-1)
        return pooled


SEGMENT_SCALES = (1.0, 0.2, 0.05)
"""Scales of centroid differences, in units of the normalised cloud (about 6 cm): far, near and at the goal."""


def segment_ends(segments: list[int], points: int) -> list[int]:
    """Where each segment of a cloud ends that has ``points`` points in the proportions of ``segments``.

    The one rule for clouds of another size: whoever makes one keeps to it, whoever reads one cuts by it.

    Args:
        segments: Points of each segment of the full cloud.
        points: Points of the cloud.

    Raises:
        ValueError: A segment would have no point.
    """
    ends: list[int] = []
    start, total = 0, sum(segments)
    for count in segments:
        start += count
        ends.append(start * points // total)
        if ends[-1] <= (ends[-2] if len(ends) > 1 else 0):
            raise ValueError(f"A cloud of {points} points leaves a segment of {segments} empty.")
    return ends


class SegmentedPointNet(torch.nn.Module):
    """Encoder of a cloud whose segments come always in the same order (gripper, peg, socket), their points in any.

    A plain PointNet has to find out which point belongs to what. A segmented cloud says so: every segment is encoded on
    its own, about its centroid and at unit size (shared per-point MLP, max and mean pooling: orientation), and where
    they are relative to each other enters as differences of successive centroids. A centroid of n points averages noise
    by sqrt(n); a shift of all segments alike, which can hurt no task, drops out of the differences.
    ``tanh(d / scale)`` at several scales keeps a millimetre as visible beside the goal as a decimetre is far from it;
    these numbers stay outside the LayerNorm.
    """

    def __init__(
        self,
        segments: tuple[int, ...],
        point_widths: tuple[int, ...],
        global_widths: tuple[int, ...],
        embedding_dim: int,
    ) -> None:
        """Set up.

        Args:
            segments: Points of each segment, in the order of the cloud; at least two segments.
            point_widths: Widths of the per-point layers.
            global_widths: Widths of the layers between pooling and embedding.
            embedding_dim: Length E of the embedding, centroid differences included.
        """
        super().__init__()
        self.segments: list[int] = list(segments)
        self.scales: list[float] = list(SEGMENT_SCALES)
        self.point_mlp = _mlp([3, *point_widths], last_relu=True)
        pooled = 2 * point_widths[-1] * len(segments) + self.difference_dim(segments)
        self.global_mlp = _mlp([pooled, *global_widths, embedding_dim - self.difference_dim(segments)], last_relu=False)
        self.norm = torch.nn.LayerNorm(embedding_dim - self.difference_dim(segments), elementwise_affine=False)

    @staticmethod
    def difference_dim(segments: tuple[int, ...]) -> int:
        """Numbers of the embedding that are centroid differences."""
        return 3 * len(SEGMENT_SCALES) * (len(segments) - 1)

    @torch.jit.export
    def extents(self, points: Tensor) -> Tensor:
        """Return the sizes that :meth:`forward` takes out of the segments: deviations along their principal axes.

        Args:
            points: Coordinates [m], shape (B, P, 3).

        Returns:
            Shape (B, 3 S) [m], of each segment the smallest first.
        """
        sizes: list[Tensor] = []
        start = 0
        for end in segment_ends(self.segments, points.shape[1]):
            segment = points[:, start:end]
            shape = segment - segment.mean(dim=1, keepdim=True)
            covariance = shape.mT @ shape / float(end - start)
            sizes.append(torch.linalg.eigh(covariance)[0].clamp_min(0.0).sqrt())
            start = end
        return torch.cat(sizes, dim=-1)

    def forward(self, points: Tensor) -> Tensor:
        """Encode clouds.

        Args:
            points: Normalised coordinates, shape (B, P, 3); if P is not the sum of the segments, each has its share
                of the points by :func:`segment_ends`.

        Returns:
            Embeddings, shape (B, E).
        """
        pooled: list[Tensor] = []
        differences: list[Tensor] = []
        start = 0
        previous = points[:, 0]
        for index, end in enumerate(segment_ends(self.segments, points.shape[1])):
            segment = points[:, start:end]
            centroid = segment.mean(dim=1)
            shape = segment - centroid.unsqueeze(1)
            # To unit size: a peg of 2 cm in a cloud of 20 cm would otherwise look like a point, its turn like nothing.
            shape = shape / shape.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-4)
            features = self.point_mlp(shape)
            pooled.append(features.amax(dim=1))
            pooled.append(features.mean(dim=1))
            if index > 0:
                for scale in self.scales:
                    differences.append(torch.tanh((centroid - previous) / scale))
            previous = centroid
            start = end
        difference = torch.cat(differences, dim=-1)
        embedding = self.global_mlp(torch.cat([torch.cat(pooled, dim=-1), difference], dim=-1))
        return torch.cat([self.norm(embedding), difference], dim=-1)


def _mlp(widths: list[int], last_relu: bool) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for i in range(len(widths) - 1):
        layers.append(torch.nn.Linear(widths[i], widths[i + 1]))
        if last_relu or i < len(widths) - 2:
            # In place: the activations of all points are the largest tensors here, and Linear needs only its input.
            layers.append(torch.nn.ReLU(inplace=True))
    return torch.nn.Sequential(*layers)
