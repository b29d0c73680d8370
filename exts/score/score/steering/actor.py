# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""rsl_rl's model with a limit on what it sees."""

# No `from __future__ import annotations` here: TorchScript reads the annotations.
import math
from typing import Any

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import HiddenState
from tensordict import TensorDict


class FeatureLimit(torch.nn.Module):
    """Clamps features to a limit on both sides."""

    def __init__(self, limit: float | None) -> None:
        """Set up.

        Args:
            limit: The limit, in standard deviations of the demonstrations; None for none.
        """
        super().__init__()
        self.limit = math.inf if limit is None else limit

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Clamp features (B, F)."""
        return features.clamp(-self.limit, self.limit)


class SteeringModel(MLPModel):
    """:class:`rsl_rl.models.MLPModel` whose observations are limited.

    Features come normalised by the demonstrations, where some hardly vary: the thumb of a hand that pushes a ball does
    by 2 mrad. One that a contact has bent is hundreds of deviations away, the mean of the code there is as large, and
    after a step of the optimiser its density is another by more than a float can say: the ratio of PPO overflows, and
    the network is lost.
    """

    def __init__(self, *args: Any, feature_limit: float | None = None, **kwargs: Any) -> None:
        """Take what the parent takes, and the limit of :class:`FeatureLimit`."""
        super().__init__(*args, **kwargs)
        self.feature_limit = FeatureLimit(feature_limit)

    def get_latent(
        self, obs: TensorDict, masks: torch.Tensor | None = None, hidden_state: HiddenState = None
    ) -> torch.Tensor:
        """Return what the network sees of observations, (B, F)."""
        features = torch.cat([obs[group] for group in self.obs_groups], dim=-1)
        return self.obs_normalizer(self.feature_limit(features))

    def update_normalization(self, obs: TensorDict) -> None:
        """Learn from what the network sees: one feature without a limit would widen the deviation for all."""
        if self.obs_normalization:
            features = torch.cat([obs[group] for group in self.obs_groups], dim=-1)
            self.obs_normalizer.update(self.feature_limit(features))
