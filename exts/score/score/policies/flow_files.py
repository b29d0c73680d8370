# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The part of a bundle that is flow matching's own: settings of network and integrator, and the tensors."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from safetensors.torch import save as dump_tensors

from score.policies.contents import SETTINGS_FILE, BundleContents, read_tensors
from score.policies.flow_matching import FlowMatchingPolicy, parameter_count, statistic_shapes
from score.policies.normalisation import Statistic, checked_axes, checked_statistic
from score.policies.settings import FlowNetworkCfg, IntegratorCfg
from score.utils.errors import UserError
from score.utils.fields import plain, read_fields
from score.utils.tensor_files import require_tensors

_BUFFERS = {"features": "feature_normaliser", "actions": "action_normaliser", "cloud": "cloud_normaliser"}
"""Statistic -> module that keeps it."""


def write_flow(policy: FlowMatchingPolicy, metadata: dict[str, str]) -> tuple[dict[str, Any], bytes]:
    """The policy's own settings, and its weights as the content of a safetensors file with some metadata."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in policy.state_dict().items()}
    settings = {
        "network": plain(dataclasses.asdict(policy.network_cfg)),
        "integrator": plain(dataclasses.asdict(policy.integrator_cfg)),
    }
    return settings, dump_tensors(tensors, metadata=metadata)


def read_flow(contents: BundleContents) -> FlowMatchingPolicy:
    """Make the policy.

    Raises:
        UserError: Settings or weights are unsound, or do not fit together. Nothing is allocated in the size that the
            settings state before the weights are found to have it.
    """
    path, spec = contents.weights_path, contents.spec
    network, integrator = _read_cfgs(contents)
    tensors = read_tensors(contents)
    statistics = _read_statistics(tensors, statistic_shapes(spec, network), contents)
    described, there = parameter_count(spec, network), len(contents.weights)
    if described > there:  # four bytes each; how many there must be exactly is seen below
        raise UserError(
            f"{contents.settings_path}: network describes {described} parameters, and {path} has {there} bytes: it"
            " belongs to another network. Write the base policy anew."
        )
    policy = FlowMatchingPolicy(spec, network, integrator, statistics)
    require_tensors(tensors, policy.state_dict(), path, SETTINGS_FILE, "Write the base policy anew.")
    checked_axes(tensors["action_axes"], len(spec.actions.names), f"{path}: action_axes")
    policy.load_state_dict(tensors, strict=True)
    return policy


def _read_cfgs(contents: BundleContents) -> tuple[FlowNetworkCfg, IntegratorCfg]:
    path, settings = contents.settings_path, contents.settings
    try:
        network = FlowNetworkCfg(**read_fields(FlowNetworkCfg, settings["network"], f"{path}: network"))
        integrator = IntegratorCfg(**read_fields(IntegratorCfg, settings["integrator"], f"{path}: integrator"))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: network or integrator holds a value of the wrong type: {error}.") from error
    return network, integrator


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
