# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The kinds of base policy: one row per kind, and nothing else knows which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from score.policies.base_policy import BasePolicy
from score.policies.contents import BundleContents
from score.policies.diffusion import DiffusionPolicy
from score.policies.flow_matching import FlowMatchingPolicy
from score.policies.torchscript import TorchScriptPolicy, read_torchscript, write_torchscript
from score.policies.window_files import DIFFUSION_FILES, FLOW_FILES, WindowFiles
from score.utils.errors import UserError, near_names
from score.utils.file_kinds import FileKind


@dataclass(frozen=True)
class Kind:
    """How policies of one kind are read and written."""

    policy: type[BasePolicy]
    """Their class."""
    read: Callable[[BundleContents], BasePolicy]
    """Makes a policy of a bundle."""
    write: Callable[[Any, dict[str, str]], tuple[dict[str, Any], bytes]]
    """Policy and metadata -> the kind's own settings, and the content of its weights file."""
    settings: tuple[str, ...]
    """The kind's own keys in the settings file: architecture and sampler."""
    weights_file: str
    """Name of the weights file."""
    weights_kind: FileKind
    """What the weights file must be."""
    trainable: bool
    """Whether pretrain.py can train one."""


def _window_kind(policy: type[BasePolicy], files: WindowFiles) -> Kind:
    return Kind(
        policy,
        files.read,
        files.write,
        files.keys,
        "policy.safetensors",
        FileKind.SAFETENSORS,
        trainable=True,
    )


KINDS = {
    "flow_matching": _window_kind(FlowMatchingPolicy, FLOW_FILES),
    "diffusion": _window_kind(DiffusionPolicy, DIFFUSION_FILES),
    "torchscript": Kind(
        TorchScriptPolicy, read_torchscript, write_torchscript, (), "policy.pt", FileKind.TORCHSCRIPT, trainable=False
    ),
}
"""All kinds by the name that stands in a bundle."""


def kind_named(name: Any, where: str, *, trainable: bool = False) -> Kind:
    """Look a kind up.

    Args:
        name: What a file or a user calls it.
        where: Where the name stands, for the message.
        trainable: Whether it must be one that pretrain.py can train.

    Raises:
        UserError: There is no such kind.
    """
    known = [key for key, kind in KINDS.items() if kind.trainable or not trainable]
    name = str(name)[:60]
    if name not in known:
        near = near_names(name, known) or f" Known are {', '.join(map(repr, known))}."
        raise UserError(f"{where} '{name}' is {'not trainable' if name in KINDS else 'unknown'}.{near}")
    return KINDS[name]


def name_of(policy: BasePolicy) -> str:
    """Name of a policy's kind.

    Raises:
        UserError: It is of none.
    """
    for name, kind in KINDS.items():
        if isinstance(policy, kind.policy):
            return name
    raise UserError(
        f"Base policies of type {type(policy).__name__} cannot be saved as a bundle: known are {', '.join(KINDS)}."
    )
