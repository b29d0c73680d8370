# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A base policy trained by conditional flow matching.

Convention (Lipman et al., "Flow Matching for Generative Modeling", 2023; linear path, sigma 0, no optimal-transport
pairing): the path is ``x_t = (1 - t) * noise + t * action``, the velocity is the mean of ``action - noise``, and
integration runs from the latent at t = 0 to the action at t = 1.
"""

import torch
from torch import Tensor

from score.policies.base_policy import BasePolicy
from score.policies.encoders import PointNet, SegmentedPointNet
from score.policies.features import WindowFeatures
from score.policies.integrators import Integrator
from score.policies.normalisation import Normaliser, Statistic, checked_axes, checked_statistic
from score.policies.settings import FlowNetworkCfg, IntegratorCfg
from score.policies.spec import PolicySpec
from score.policies.velocity_network import VelocityNetwork
from score.utils.errors import UserError


class FlowMatchingPolicy(BasePolicy):
    """PointNet and low-dimensional windows -> condition; latent and condition -> action chunk by integrating a flow.

    The condition is ``[cloud embedding, normalised low-dimensional features]``, see
    :class:`~score.policies.features.WindowFeatures`.

    With ``spec.actions.relative_to`` the network's chunk is a normalised offset from the newest frame of that
    observation. Chunks are then a few centimetres wide whatever the arm's pose, so an error of the network of one
    percent is a fraction of a millimetre at the tip; of absolute joint targets over the whole workspace it would be
    several. Each row of the chunk has its own statistic, as its offset grows with its distance in time. The newest
    frame is read back from the condition, so ``decode`` still needs nothing else and returns absolute targets.

    Inside the flow an action is given along ``action_axes``, orthonormal directions in the space of actions, by default
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
        network: FlowNetworkCfg,
        integrator: IntegratorCfg,
        statistics: dict[str, Statistic],
        action_axes: Tensor | None = None,
    ) -> None:
        """Set up.

        Args:
            spec: The policy's interface.
            network: Sizes of the networks.
            integrator: Integration method and steps.
            statistics: Those that :func:`statistic_shapes` names, for example from
                :func:`score.imitation.statistics.fit_statistics`. That of actions is along the axes.
            action_axes: Orthonormal directions as columns, shape (A, A); the actions themselves by default.

        Raises:
            UserError: The spec cannot be served by this network, or a statistic is missing, unknown or mismatched, or
                the axes are not orthonormal.
        """
        features = WindowFeatures(spec, network.relative_observations)
        embedding_dim = network.embedding_dim if features.cloud_key else 0
        super().__init__(spec, embedding_dim + features.size)
        _require_statistics(statistics, statistic_shapes(spec, network))
        self.network_cfg = network
        self.integrator_cfg = integrator
        self.windows = features
        self.feature_normaliser = Normaliser(statistics["features"])
        self.action_normaliser = Normaliser(statistics["actions"])
        self.cloud_normaliser = Normaliser(statistics["cloud"]) if features.cloud_key else None
        axes = torch.eye(len(spec.actions.names)) if action_axes is None else action_axes.detach().clone().float()
        self.register_buffer("action_axes", checked_axes(axes, len(spec.actions.names), "action_axes"))
        self.encoder = _make_encoder(spec, network, features.cloud_key)
        horizon, action_dim = self.latent_shape
        field = VelocityNetwork(horizon, action_dim, self.condition_dim, network)
        self.integrator = Integrator(field, integrator.method, integrator.steps)
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
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See :meth:`BasePolicy.decode`."""
        chunk = self.action_normaliser.inverse(self.integrator(condition, latent))
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
        """Newest frame of the ``relative_to`` observation, read back from the condition, shape (B, A) [its units]."""
        newest = condition[:, self.embedding_dim : self.embedding_dim + self.reference_dim]
        scale = self.feature_normaliser.scale[: self.reference_dim]
        return newest * scale + self.feature_normaliser.offset[: self.reference_dim]

    def normalise_actions(self, condition: Tensor, actions: Tensor) -> Tensor:
        """Inverse of what :meth:`decode` does after integration: actions (B, H, A) in units -> the flow's end point."""
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
        """Flow-matching regression error.

        Args:
            condition: Shape (B, C); actions are normalised by it.
            actions: Demonstrated chunks in units, shape (B, H, A).
            noise: Standard normal, shape (B, H, A).
            time: In [0, 1], shape (B,).
            view: The condition as the network sees it, (B, C): a noisy copy in training, else ``condition`` itself.
            emphasis: c > 0 weights a chunk by c^2 / (c^2 + mean square of its relative actions) [action units], so
                that small careful motions, down to the size of c, count as much as the large ones that would drown
                them; 0 weights all alike.

        Returns:
            Mean squared error of what the network predicts (end point or velocity), in normalised units, a scalar.
        """
        end = self.normalise_actions(condition, actions)
        point = torch.lerp(noise, end, time.view(-1, 1, 1))
        prediction = self.integrator.field(point, time, condition if view is None else view)
        target = end if self.network_cfg.prediction == "action" else end - noise
        error = (prediction - target).square().mean(dim=(1, 2))
        if emphasis > 0.0:
            motion = actions - self.reference(condition).unsqueeze(1) if self.relative else actions
            weight = emphasis**2 / (emphasis**2 + motion.square().mean(dim=(1, 2)))
            error = error * weight / weight.mean()
        return error.mean()


def _make_encoder(spec: PolicySpec, network: FlowNetworkCfg, cloud_key: str) -> torch.nn.Module | None:
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


def statistic_shapes(spec: PolicySpec, network: FlowNetworkCfg) -> dict[str, tuple[int, ...]]:
    """Name and shape of each statistic that a :class:`FlowMatchingPolicy` needs."""
    features = WindowFeatures(spec, network.relative_observations)
    shapes: dict[str, tuple[int, ...]] = {
        "features": (features.size,),
        "actions": (spec.horizon, len(spec.actions.names)),
    }
    if features.cloud_key:
        shapes["cloud"] = (3,)
    return shapes


def parameter_count(spec: PolicySpec, network: FlowNetworkCfg) -> int:
    """Trainable parameters of a :class:`FlowMatchingPolicy`, counted without the memory for them."""
    features = WindowFeatures(spec, network.relative_observations)
    condition_dim = features.size + (network.embedding_dim if features.cloud_key else 0)
    with torch.device("meta"):
        encoder = _make_encoder(spec, network, features.cloud_key) or torch.nn.Identity()
        field = VelocityNetwork(spec.horizon, len(spec.actions.names), condition_dim, network)
    return sum(parameter.numel() for module in (encoder, field) for parameter in module.parameters())


def _require_statistics(statistics: dict[str, Statistic], shapes: dict[str, tuple[int, ...]]) -> None:
    missing, extra = sorted(set(shapes) - set(statistics)), sorted(set(statistics) - set(shapes))
    if missing or extra:
        problems = [f"missing {missing}"] * bool(missing) + [f"unknown {extra}"] * bool(extra)
        raise UserError(
            f"Normalisation statistics do not fit the policy: {', '.join(problems)}. Needed are {sorted(shapes)}."
        )
    for name, shape in shapes.items():
        checked_statistic(statistics[name].offset, statistics[name].scale, name, shape)
