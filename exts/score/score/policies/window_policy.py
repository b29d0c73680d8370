# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the kinds that are trained here share: windows become a condition, and a sampler's chunk actions."""

# No `from __future__ import annotations`: TorchScript reads the annotations.
import torch
from torch import Tensor

from score.policies.base_policy import BasePolicy
from score.policies.encoders import PointNet, SegmentedPointNet
from score.policies.features import WindowFeatures
from score.policies.normalisation import Normalizer, Statistic, checked_axes, checked_statistic
from score.policies.settings import EncoderCfg
from score.policies.spec import Chunk, PolicySpec
from score.utils.errors import UserError


class WindowPolicy(BasePolicy):
    """PointNet and low-dimensional windows -> condition; a sampler's chunk -> actions in units.

    The condition is ``[cloud embedding, normalised low-dimensional features]``, see
    :class:`~score.policies.features.WindowFeatures`. A kind adds the sampler: :meth:`sample` and :meth:`squared_error`.

    With ``spec.actions.relative_to`` the sampler's chunk is a normalised offset from the newest frame of that
    observation. Chunks are then a few centimetres wide whatever the arm's pose, so an error of the network of one
    percent is a fraction of a millimetre at the tip; of absolute joint targets over the whole workspace it would be
    several. Each row of the chunk has its own statistic, as its offset grows with its distance in time. The newest
    frame is read back from the condition, so ``decode`` still needs nothing else and returns absolute targets.

    For the sampler an action is given along ``action_axes``, orthonormal directions in the space of actions, by default
    the actions themselves. Principal axes of the demonstrations keep apart what joints only do together: moving a tool
    sideways by a millimetre takes three joints at once, and an independent error of one percent of their range in each
    would be several millimetres. Along its own axis, with a deviation of its own, the small motion is as plain as the
    large one.
    """

    action_axes: Tensor
    """Orthonormal directions as columns, shape (A, A)."""

    def __init__(
        self,
        spec: PolicySpec,
        network: EncoderCfg,
        statistics: dict[str, Statistic],
        action_axes: Tensor | None = None,
        latent_shape: tuple[int, int] | None = None,
        chunk: Chunk | None = None,
    ) -> None:
        """Set up.

        Args:
            spec: The policy's interface.
            network: Sizes of the encoder, and how observations and actions are given.
            statistics: Those that :func:`statistic_shapes` names, for example from
                :func:`score.imitation.statistics.fit_statistics`. That of actions is along the axes.
            action_axes: Orthonormal directions as columns, shape (A, A); the actions themselves by default.
            latent_shape: See :class:`BasePolicy`.
            chunk: See :class:`BasePolicy`.

        Raises:
            UserError: The spec cannot be served by this network, or a statistic is missing, unknown or mismatched, or
                the axes are not orthonormal.
        """
        features = WindowFeatures(spec, network.relative_observations, network.frame_by_frame)
        embedding_dim = network.embedding_dim if features.cloud_key else 0
        super().__init__(spec, embedding_dim + features.size, latent_shape, chunk)
        _require_statistics(statistics, statistic_shapes(spec, network))
        self.windows = features
        self.feature_normaliser = Normalizer(statistics["features"])
        self.action_normaliser = Normalizer(statistics["actions"])
        self.cloud_normaliser = Normalizer(statistics["cloud"]) if features.cloud_key else None
        action_dim = len(spec.actions.names)
        axes = torch.eye(action_dim) if action_axes is None else action_axes.detach().clone().float()
        self.register_buffer("action_axes", checked_axes(axes, action_dim, "action_axes"))
        self.encoder = _make_encoder(spec, network, features.cloud_key)
        self.extents_dim = 3 * len(network.segments) if features.cloud_key else 0
        self.compression = float(network.action_compression)
        self.relative = spec.actions.relative_to is not None
        # Slice of the condition and of its statistic that holds the newest frame of the reference observation.
        self.embedding_dim = embedding_dim
        self.reference_dim = action_dim if self.relative else 0

    @torch.jit.export
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """See :meth:`BasePolicy.encode`.

        Raises:
            ValueError: A window is missing or has another shape than the spec says.
        """
        if self.windows.cloud_key == "":
            return self.feature_normaliser(self.windows(observations))
        return self.encode_cloud(observations, self.windows.cloud(observations))

    @torch.jit.export
    def encode_cloud(self, observations: dict[str, Tensor], cloud: Tensor) -> Tensor:
        """Like :meth:`encode`, but with a cloud of any number of points: a subset in training.

        Args:
            observations: Windows as for :meth:`encode`; the cloud among them is ignored.
            cloud: Shape (B, P, 3) [m].

        Returns:
            Condition, shape (B, C).
        """
        assert self.encoder is not None
        assert self.cloud_normaliser is not None
        embedding = self.encoder(self.cloud_normaliser(cloud))
        return torch.cat([embedding, self.feature_normaliser(self.windows(observations))], dim=-1)

    @torch.jit.export
    def extents(self, observations: dict[str, Tensor]) -> Tensor:
        """See :meth:`BasePolicy.extents`: of the segments of the cloud."""
        if self.encoder is not None:
            return self.encoder.extents(self.windows.cloud(observations))
        else:
            return self.windows(observations)[:, :0]

    def sample(self, condition: Tensor, latent: Tensor) -> Tensor:
        """Return what the sampler makes of a latent: a normalised chunk, shape (B, H, A)."""
        raise NotImplementedError

    def squared_error(self, end: Tensor, noise: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Mean squared error of what the network predicts on the way from noise to data, in normalised units.

        Args:
            end: Normalised chunks, shape (B, H, A).
            noise: Standard normal, shape (B, H, A).
            time: Where on the way, in [0, 1), shape (B,).
            condition: As the network sees it, shape (B, C).

        Returns:
            Shape (B,).
        """
        raise NotImplementedError

    @torch.jit.export
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See :meth:`BasePolicy.decode`."""
        chunk = self.action_normaliser.inverse(self.sample(condition, latent))
        if self.compression > 0.0:
            chunk = self.compression * torch.sinh(chunk)
        chunk = chunk @ self.action_axes.mT
        if self.relative:
            chunk = chunk + self.reference(condition).unsqueeze(1)
        return chunk

    def forward(self, observations: dict[str, Tensor], latent: Tensor) -> Tensor:
        """``decode(encode(observations), latent)``."""
        return self.decode(self.encode(observations), latent)

    @torch.jit.export
    def reference(self, condition: Tensor) -> Tensor:
        """See :meth:`BasePolicy.reference`."""
        newest = condition[:, self.embedding_dim : self.embedding_dim + self.reference_dim]
        scale = self.feature_normaliser.scale[: self.reference_dim]
        return newest * scale + self.feature_normaliser.offset[: self.reference_dim]

    def normalize_actions(self, condition: Tensor, actions: Tensor) -> Tensor:
        """Inverse of what :meth:`decode` does after sampling: actions (B, H, A) in units -> normalised chunk."""
        if self.relative:
            actions = actions - self.reference(condition).unsqueeze(1)
        actions = actions @ self.action_axes
        if self.compression > 0.0:
            actions = torch.asinh(actions / self.compression)
        return self.action_normaliser(actions)

    def loss(
        self,
        condition: Tensor,
        actions: Tensor,
        noise: Tensor,
        time: Tensor,
        view: Tensor | None = None,
        emphasis: float = 0.0,
    ) -> Tensor:
        """Regression error of the network.

        Args:
            condition: Shape (B, C); actions are normalised by it.
            actions: Demonstrated chunks in units, shape (B, H, A).
            noise: Standard normal, shape (B, H, A).
            time: In [0, 1), shape (B,).
            view: The condition as the network sees it, (B, C): a noisy copy in training, else ``condition`` itself.
            emphasis: c > 0 weights a chunk by c^2 / (c^2 + mean square of its relative actions) [action units], so
                that small careful motions, down to the size of c, count as much as the large ones that would drown
                them; 0 weights all alike.

        Returns:
            Mean of :meth:`squared_error`, a scalar.
        """
        end = self.normalize_actions(condition, actions)
        error = self.squared_error(end, noise, time, condition if view is None else view)
        if emphasis > 0.0:
            motion = actions - self.reference(condition).unsqueeze(1) if self.relative else actions
            weight = emphasis**2 / (emphasis**2 + motion.square().mean(dim=(1, 2)))
            error = error * weight / weight.mean()
        return error.mean()


def _make_encoder(spec: PolicySpec, network: EncoderCfg, cloud_key: str) -> PointNet | SegmentedPointNet | None:
    if not cloud_key:
        return None
    if not network.segments:
        return PointNet(network.point_widths, network.global_widths, network.embedding_dim, network.pool)
    points = spec.observations[cloud_key].shape[0]
    if sum(network.segments) != points:
        raise UserError(
            f"network.segments {network.segments} add up to {sum(network.segments)},"
            f" and '{cloud_key}' has {points} points."
        )
    return SegmentedPointNet(network.segments, network.point_widths, network.global_widths, network.embedding_dim)


def statistic_shapes(spec: PolicySpec, network: EncoderCfg) -> dict[str, tuple[int, ...]]:
    """Name and shape of each statistic that a :class:`WindowPolicy` needs."""
    features = WindowFeatures(spec, network.relative_observations, network.frame_by_frame)
    shapes: dict[str, tuple[int, ...]] = {
        "features": (features.size,),
        "actions": (spec.horizon, len(spec.actions.names)),
    }
    if features.cloud_key:
        shapes["cloud"] = (3,)
    return shapes


def encoder_sizes(spec: PolicySpec, network: EncoderCfg) -> tuple[int, int]:
    """Trainable parameters of the encoder, counted without the memory for them, and length C of the condition."""
    features = WindowFeatures(spec, network.relative_observations, network.frame_by_frame)
    with torch.device("meta"):
        encoder = _make_encoder(spec, network, features.cloud_key) or torch.nn.Identity()
    return count(encoder), features.size + (network.embedding_dim if features.cloud_key else 0)


def count(module: torch.nn.Module) -> int:
    """Numbers in the parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def _require_statistics(statistics: dict[str, Statistic], shapes: dict[str, tuple[int, ...]]) -> None:
    missing, extra = sorted(set(shapes) - set(statistics)), sorted(set(statistics) - set(shapes))
    if missing or extra:
        problems = [f"missing {missing}"] * bool(missing) + [f"unknown {extra}"] * bool(extra)
        raise UserError(
            f"Normalisation statistics do not fit the policy: {', '.join(problems)}. Needed are {sorted(shapes)}."
        )
    for name, shape in shapes.items():
        checked_statistic(statistics[name].offset, statistics[name].scale, name, shape)
