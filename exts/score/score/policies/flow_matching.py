# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A base policy trained by conditional flow matching.

Convention (Lipman et al., "Flow Matching for Generative Modeling", 2023; linear path, sigma 0, no optimal-transport
pairing): the path is ``x_t = (1 - t) * noise + t * action``, the velocity is the mean of ``action - noise``, and
integration runs from the latent at t = 0 to the action at t = 1.
"""

# No `from __future__ import annotations`: TorchScript reads the annotations.
import torch
from torch import Tensor

from score.policies.integrators import Integrator
from score.policies.normalisation import Statistic
from score.policies.settings import FlowNetworkCfg, IntegratorCfg
from score.policies.spec import PolicySpec
from score.policies.velocity_network import VelocityNetwork
from score.policies.window_policy import WindowPolicy, count, encoder_sizes


class FlowMatchingPolicy(WindowPolicy):
    """A :class:`WindowPolicy` that integrates a flow from the latent to the chunk."""

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
            statistics: See :class:`WindowPolicy`.
            action_axes: See :class:`WindowPolicy`.

        Raises:
            UserError: See :class:`WindowPolicy`.
        """
        super().__init__(spec, network, statistics, action_axes)
        self.network_cfg = network
        self.sampler_cfg = integrator
        horizon, action_dim = self.latent_shape
        predicts_action = network.prediction == "action"
        field = VelocityNetwork(horizon, action_dim, self.condition_dim, network, predicts_action)
        self.integrator = Integrator(field, integrator.method, integrator.steps)

    def sample(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See :meth:`WindowPolicy.sample`."""
        return self.integrator(condition, latent)

    def squared_error(self, end: Tensor, noise: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """See :meth:`WindowPolicy.squared_error`: of the end point, or of the velocity."""
        prediction = self.integrator.field(torch.lerp(noise, end, time.view(-1, 1, 1)), time, condition)
        target = end if self.network_cfg.prediction == "action" else end - noise
        return (prediction - target).square().mean(dim=(1, 2))


def flow_parameter_count(spec: PolicySpec, network: FlowNetworkCfg) -> int:
    """Trainable parameters of a :class:`FlowMatchingPolicy`, counted without the memory for them."""
    encoder, condition_dim = encoder_sizes(spec, network)
    with torch.device("meta"):
        return encoder + count(VelocityNetwork(spec.horizon, len(spec.actions.names), condition_dim, network))
