# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The part of a bundle that is flow matching's or diffusion's own: settings of network and sampler, and the tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import save as dump_tensors

from score.policies.contents import SETTINGS_FILE, BundleContents, read_tensors
from score.policies.ddim import SETTINGS_HASH, DdimCfg
from score.policies.diffusion import DiffusionPolicy, denoised_shape, diffusion_parameter_count
from score.policies.flow_matching import FlowMatchingPolicy, flow_parameter_count
from score.policies.normalisation import Statistic, checked_axes, checked_statistic
from score.policies.settings import DiffusionNetworkCfg, FlowNetworkCfg, IntegratorCfg
from score.policies.window_policy import WindowPolicy, statistic_shapes
from score.utils.errors import UserError
from score.utils.fields import plain, read_fields
from score.utils.tensor_files import require_tensors

_BUFFERS = {"features": "feature_normaliser", "actions": "action_normaliser", "cloud": "cloud_normaliser"}
"""Statistic -> module that keeps it."""


@dataclass(frozen=True)
class WindowFiles:
    """Reads and writes one kind of :class:`~score.policies.window_policy.WindowPolicy`."""

    network: type
    """Settings of the networks, under the key ``network``."""
    sampler_key: str
    """Key of the settings of the sampler."""
    sampler: type
    """Settings of the sampler."""
    complete: bool
    """Whether every setting of the sampler must be written out, its default or not."""
    count: Callable[[BundleContents, Any, Any], int]
    """Bundle, settings of network and sampler -> parameters that they describe."""
    make: Callable[[BundleContents, Any, Any, dict[str, Statistic]], WindowPolicy]
    """The same and the statistics -> the policy."""

    @property
    def keys(self) -> tuple[str, str]:
        """The kind's own keys of the settings file."""
        return "network", self.sampler_key

    def write(self, policy: Any, metadata: dict[str, str]) -> tuple[dict[str, Any], bytes]:
        """Return the policy's own settings, and its weights as the content of a safetensors file with some metadata."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _saved(policy).items()}
        settings = {
            "network": plain(dataclasses.asdict(policy.network_cfg)),
            self.sampler_key: plain(dataclasses.asdict(policy.sampler_cfg)),
        }
        return settings, dump_tensors(tensors, metadata=metadata)

    def read(self, contents: BundleContents) -> WindowPolicy:
        """Make the policy.

        Raises:
            UserError: Settings or weights are unsound, or do not fit together. Nothing is allocated in the size that
                the settings state before the weights are found to have it.
        """
        path, spec = contents.weights_path, contents.spec
        network = self._read_cfg(contents, "network", self.network)
        sampler = self._read_cfg(contents, self.sampler_key, self.sampler)
        tensors = read_tensors(contents)
        statistics = _read_statistics(tensors, statistic_shapes(spec, network), contents)
        described, there = self.count(contents, network, sampler), len(contents.weights)
        if described > there:  # four bytes each; how many there must be exactly is seen below
            raise UserError(
                f"{contents.settings_path}: network describes {described} parameters, and {path} has {there} bytes: it"
                " belongs to another network. Write the base policy anew."
            )
        policy = self.make(contents, network, sampler, statistics)
        require_tensors(tensors, _saved(policy), path, SETTINGS_FILE, "Write the base policy anew.")
        checked_axes(tensors["action_axes"], len(spec.actions.names), f"{path}: action_axes")
        policy.load_state_dict({**policy.state_dict(), **tensors}, strict=True)
        return policy

    def _read_cfg(self, contents: BundleContents, key: str, kind: type) -> Any:
        path, given = contents.settings_path, contents.settings[key]
        try:
            values = read_fields(kind, given, f"{path}: {key}")
            if key == self.sampler_key and self.complete:
                for field in dataclasses.fields(kind):
                    if field.name not in values:
                        raise UserError(f"{path}: {key} lacks the key '{field.name}': every setting is written out.")
            return kind(**values)
        except (TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: {key} holds a value of the wrong type: {error}.") from error


def _saved(policy: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Tensors that the weights file holds: not the hash of settings that stand in the other file."""
    return {name: tensor for name, tensor in policy.state_dict().items() if not name.endswith(SETTINGS_HASH)}


def _read_statistics(
    tensors: dict[str, torch.Tensor], shapes: dict[str, tuple[int, ...]], contents: BundleContents
) -> dict[str, Statistic]:
    path, statistics = contents.weights_path, {}
    for name, shape in shapes.items():
        parts = [f"{_BUFFERS[name]}.{part}" for part in ("offset", "scale")]
        for part in parts:
            if part not in tensors:
                raise UserError(f"{path} lacks the normalisation statistic '{part}': write the base policy anew.")
        statistics[name] = checked_statistic(tensors[parts[0]], tensors[parts[1]], f"{path}: {_BUFFERS[name]}", shape)
    return statistics


def _count_diffusion(contents: BundleContents, network: DiffusionNetworkCfg, sampler: DdimCfg) -> int:
    shape = denoised_shape(contents.spec, network, contents.latent_shape, contents.chunk)
    return diffusion_parameter_count(contents.spec, network, sampler, shape)


FLOW_FILES = WindowFiles(
    FlowNetworkCfg,
    "integrator",
    IntegratorCfg,
    False,
    lambda contents, network, _: flow_parameter_count(contents.spec, network),
    lambda contents, network, sampler, statistics: FlowMatchingPolicy(contents.spec, network, sampler, statistics),
)

DIFFUSION_FILES = WindowFiles(
    DiffusionNetworkCfg,
    "sampler",
    DdimCfg,
    True,
    _count_diffusion,
    lambda contents, network, sampler, statistics: DiffusionPolicy(
        contents.spec, network, sampler, statistics, None, contents.latent_shape, contents.chunk
    ),
)
