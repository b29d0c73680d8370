# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One optimiser step, one validation, and the state between them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from score.imitation.augmentation import augment_cloud, condition_noise
from score.imitation.ema import averaged_model
from score.imitation.report import Measurement
from score.imitation.settings import PretrainCfg
from score.imitation.statistics import action_range, fit_action_axes, fit_statistics
from score.imitation.windows import WindowSet
from score.policies.diffusion import DiffusionPolicy
from score.policies.encoders import segment_ends
from score.policies.flow_matching import FlowMatchingPolicy
from score.policies.settings import DiffusionNetworkCfg, FlowNetworkCfg
from score.policies.spec import PolicySpec
from score.policies.window_policy import WindowPolicy
from score.utils.archives import DAMAGED
from score.utils.errors import UserError
from score.utils.fields import brief
from score.utils.files import atomic_file
from score.utils.tensor_files import load_plain

_VALIDATION_SEED = 1
"""Seed of the noise in validations: the same in each, so that curves show the model and not the draw."""


class Trainer:
    """Model, average, optimiser and random state of one training run.

    All randomness after construction comes from one CPU generator, so that a resumed run goes on exactly as the
    interrupted one would have.
    """

    def __init__(self, spec: PolicySpec, train: WindowSet, validation: WindowSet, cfg: PretrainCfg) -> None:
        """Set up.

        Args:
            spec: Interface of the policy.
            train: Training windows.
            validation: Validation windows.
            cfg: Settings.
        """
        self.cfg = cfg
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cfg.seed)
            self.policy = make_policy(spec, train, cfg).to(cfg.device)
        self.condition_noise = condition_noise(self.policy, cfg.augmentation)
        self.average = averaged_model(self.policy, cfg.ema_power, cfg.ema_max).eval()
        self.optimizer = torch.optim.AdamW(
            self.policy.parameters(), cfg.learning_rate, betas=cfg.betas, weight_decay=cfg.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda update: learning_rate_factor(update, cfg)
        )
        self.generator = torch.Generator().manual_seed(cfg.seed)
        self.train = train.to(cfg.device)
        step = max(1, math.ceil(len(validation) / cfg.validation_windows))
        windows, actions = validation.take(torch.arange(0, len(validation), step))
        self.validation = WindowSet(windows, actions).to(cfg.device)
        self.update = 0
        self.measurements: list[Measurement] = []
        self._loss_sum = 0.0
        self._loss_count = 0

    @property
    def averaged_policy(self) -> WindowPolicy:
        """The policy with averaged weights: the result of training."""
        return self.average.module  # type: ignore[return-value]

    def step(self) -> float:
        """Do one update and return its loss."""
        cfg = self.cfg
        indices = torch.randint(len(self.train), (cfg.batch_size,), generator=self.generator)
        observations, actions = self.train.take(indices.to(cfg.device))
        if cfg.point_cloud is not None:
            segments = self.policy.spec.observations[cfg.point_cloud].segments
            cloud = augment_cloud(observations[cfg.point_cloud], cfg.augmentation, self.generator, segments)
            condition = self.policy.encode_cloud(observations, cloud)
        else:
            condition = self.policy.encode(observations)
        noise = torch.randn(condition.shape, generator=self.generator).to(cfg.device)
        view = condition + self.condition_noise * noise
        loss = self._loss(self.policy, condition, actions, view, self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), cfg.max_grad_norm)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.policy)
        self.update += 1
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError(
                f"Training loss became {value} at update {self.update}: lower the learning rate ({cfg.learning_rate})."
            )
        self._loss_sum += value
        self._loss_count += 1
        return value

    @torch.no_grad()
    def measure(self) -> Measurement:
        """Validate the averaged policy and remember the result."""
        policy = self.averaged_policy
        generator = torch.Generator().manual_seed(_VALIDATION_SEED)
        observations, actions = self.validation.observations, self.validation.actions
        condition = policy.encode(observations)
        loss = self._loss(policy, condition, actions, condition, generator)
        latent = torch.randn(actions.shape, generator=generator).to(actions.device)
        error = (policy.decode(condition, latent) - actions).abs().mean(dim=(0, 2))
        measurement = Measurement(
            update=self.update,
            train_loss=self._loss_sum / max(1, self._loss_count),
            validation_loss=float(loss),
            action_error=tuple(error.tolist()),
            learning_rate=float(self.schedule.get_last_lr()[0]),
        )
        self._loss_sum, self._loss_count = 0.0, 0
        self.measurements.append(measurement)
        return measurement

    def save(self, path: Path, identity: dict[str, Any]) -> None:
        """Write all state that :meth:`restore` needs, atomically.

        Args:
            path: The checkpoint.
            identity: What must be the same when it is restored: settings and data.
        """
        state = {
            "identity": json.dumps(identity),
            "policy": self.policy.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "schedule": self.schedule.last_epoch,
            "generator": self.generator.get_state(),
            "update": self.update,
            "measurements": [measurement.to_dict() for measurement in self.measurements],
            "running_loss": [self._loss_sum, float(self._loss_count)],
        }
        with atomic_file(path) as temporary:
            torch.save(state, temporary)

    def restore(self, path: Path, identity: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            UserError: It is damaged, or belongs to other data or settings.
        """
        try:
            self._restore(load_plain(path), path, identity)
        except UserError:
            raise
        except (*DAMAGED, AttributeError, AssertionError) as error:
            reason = brief(error, 150) or type(error).__name__
            raise UserError(
                f"{path} is not a checkpoint of pretrain.py ({reason}): start anew without --resume."
            ) from error

    def _restore(self, state: dict[str, Any], path: Path, identity: dict[str, Any]) -> None:
        saved = json.loads(state["identity"])
        differing = [key for key in identity if json.dumps(identity[key]) != json.dumps(saved.get(key))]
        if differing:
            changes = ", ".join(f"{key} was {saved.get(key)!r} and is {identity[key]!r}" for key in differing[:3])
            raise UserError(f"{path} belongs to another training ({changes}): use the same settings, or start anew.")
        self.policy.load_state_dict(state["policy"])
        # Its statistics came with it.
        self.condition_noise = condition_noise(self.policy, self.cfg.augmentation)
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.schedule.last_epoch = state["schedule"]
        self.schedule._last_lr = [group["lr"] for group in self.optimizer.param_groups]
        self.generator.set_state(state["generator"].cpu())
        self.update = state["update"]
        self.measurements = [Measurement.from_dict(entry) for entry in state["measurements"]]
        self._loss_sum, self._loss_count = state["running_loss"][0], int(state["running_loss"][1])

    def _loss(
        self,
        policy: WindowPolicy,
        condition: Tensor,
        actions: Tensor,
        view: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Compute the policy's loss with several draws of noise and time for each window.

        The cloud's encoder costs as much as the rest, and draws are free of it. Times are stratified over the draws.
        """
        draws, count = self.cfg.draws, len(actions)
        noise = torch.randn(draws * count, *actions.shape[1:], generator=generator).to(actions.device)
        strata = torch.arange(draws).repeat_interleave(count)
        time = ((strata + torch.rand(draws * count, generator=generator)) / draws).to(actions.device)
        condition, actions, view = condition.repeat(draws, 1), actions.repeat(draws, 1, 1), view.repeat(draws, 1)
        return policy.loss(condition, actions, noise, time, view, self.cfg.emphasis)


def make_policy(spec: PolicySpec, train: WindowSet, cfg: PretrainCfg) -> WindowPolicy:
    """Make a policy with random weights from the global generator, and the statistics of the training windows.

    Raises:
        UserError: The data cannot be normalised, or network and data do not fit together.
    """
    network = segmented_network(spec, cfg)
    axes = fit_action_axes(train, spec) if cfg.principal_axes else torch.eye(len(spec.actions.names))
    statistics = fit_statistics(train, spec, network, axes, cfg.augmentation)
    if isinstance(network, FlowNetworkCfg):
        return FlowMatchingPolicy(spec, network, cfg.integrator, statistics, axes)
    reach = action_range(train, spec, network, axes, statistics["actions"])
    return DiffusionPolicy(spec, network, replace(cfg.sampler, clip_sample_range=reach), statistics, axes)


def segmented_network(spec: PolicySpec, cfg: PretrainCfg) -> FlowNetworkCfg | DiffusionNetworkCfg:
    """Return the network's settings with the segments of the cloud, where the demonstrations name any.

    Raises:
        UserError: A random subset of the cloud would leave a segment empty.
    """
    if cfg.point_cloud is None:
        return cfg.network
    cloud = spec.observations[cfg.point_cloud]
    segments = cloud.segments
    try:
        segment_ends([segment.points for segment in segments], cfg.augmentation.points or cloud.shape[0])
    except ValueError as error:
        raise UserError(f"Setting augmentation.points is {cfg.augmentation.points}: {error}") from error
    return replace(cfg.network, segments=tuple(segment.points for segment in segments))


def learning_rate_factor(update: int, cfg: PretrainCfg) -> float:
    """Linear warm-up over ``cfg.warmup`` updates, then a cosine that reaches 0 at ``cfg.updates``."""
    if update < cfg.warmup:
        return (update + 1) / cfg.warmup
    progress = (update - cfg.warmup) / max(1, cfg.updates - cfg.warmup)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def training_identity(cfg: PretrainCfg, data_sha256: str) -> dict[str, Any]:
    """Return what two trainings must share to be the same one: every setting that shapes the result, and the data."""
    settings = asdict(cfg)
    # How often it is written and where it runs may change; what it computes may not.
    for name in ("device", "checkpoint_every"):
        settings.pop(name)
    return json.loads(json.dumps({**settings, "data_sha256": data_sha256}))
