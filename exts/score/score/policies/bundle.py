# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A base policy as a folder: ``policy.yaml`` (what it is) and ``policy.safetensors`` (its numbers).

Reading is strict: an unknown key, a missing or extra tensor, a wrong shape, a file of another kind, or weights that
are not those the settings were written with, is an error. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors

from score.policies.base_policy import BasePolicy
from score.policies.flow_matching import FlowMatchingPolicy, statistic_shapes
from score.policies.normalisation import Statistic, checked_axes, checked_statistic
from score.policies.settings import FlowNetworkCfg, IntegratorCfg
from score.policies.spec import PolicySpec
from score.utils.errors import UserError, near_names
from score.utils.fields import plain, read_fields
from score.utils.files import atomic_directory, sha256_of

FORMAT = "score-base-policy/1"
"""Value of ``format`` in ``policy.yaml``."""
SETTINGS_FILE = "policy.yaml"
WEIGHTS_FILE = "policy.safetensors"
KINDS = ("flow_matching",)
"""Kinds of base policy that this version reads."""
STOCHASTIC_SAMPLERS = ("ddpm", "ancestral", "euler_ancestral", "euler_maruyama", "sde")
"""Samplers that draw noise on the way, so that the latent would not decide the action."""

_BUFFERS = {"features": "feature_normaliser", "actions": "action_normaliser", "cloud": "cloud_normaliser"}
"""Statistic -> module that keeps it."""


@dataclasses.dataclass(frozen=True)
class _Settings:
    format: str
    kind: str
    network: Any
    integrator: Any
    spec: Any
    weights_sha256: str
    training: Any = None
    """Where the policy came from; for readers only."""


def save_bundle(policy: BasePolicy, directory: Path, training: Mapping[str, Any] | None = None) -> None:
    """Write a policy as a bundle, whole or not at all. An older bundle there is replaced.

    Args:
        policy: A flow-matching policy.
        directory: The folder of the bundle.
        training: Facts on where the policy came from (plain values), kept under the key ``training``.

    Raises:
        UserError: ``directory`` holds something other than a bundle, or the policy is of no known kind.
    """
    directory = Path(directory)
    if not isinstance(policy, FlowMatchingPolicy):
        raise UserError(
            f"Base policies of type {type(policy).__name__} cannot be saved as a bundle: known is {KINDS[0]}."
        )
    require_bundle_place(directory)
    with atomic_directory(directory, overwrite=True) as temporary:
        weights = temporary / WEIGHTS_FILE
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in policy.state_dict().items()}
        weights.write_bytes(dump_tensors(tensors, metadata={"format": FORMAT}))  # save_file would make it private
        settings = _Settings(
            format=FORMAT,
            kind=KINDS[0],
            network=plain(dataclasses.asdict(policy.network_cfg)),
            integrator=plain(dataclasses.asdict(policy.integrator_cfg)),
            spec=policy.spec.to_dict(),
            weights_sha256=sha256_of(weights),
            training=dict(training or {}),
        )
        text = yaml.safe_dump(dataclasses.asdict(settings), sort_keys=False, default_flow_style=None, width=120)
        (temporary / SETTINGS_FILE).write_text(text, encoding="utf-8")


def load_bundle(directory: Path, device: str | torch.device = "cpu") -> BasePolicy:
    """Read a bundle.

    Args:
        directory: The folder of the bundle.
        device: Where the policy's tensors go.

    Returns:
        The policy in evaluation mode, its parameters frozen (``requires_grad`` off).

    Raises:
        UserError: The folder is no sound bundle. The message names file, key and remedy.
    """
    directory = Path(directory)
    settings = _read_settings(directory)
    network, integrator = _read_flow_cfgs(settings, directory / SETTINGS_FILE)
    spec = PolicySpec.from_dict(settings["spec"])
    tensors = _read_tensors(directory / WEIGHTS_FILE, settings["weights_sha256"])
    statistics = _read_statistics(tensors, statistic_shapes(spec, network), directory / WEIGHTS_FILE)
    policy = FlowMatchingPolicy(spec, network, integrator, statistics)
    _require_tensors(tensors, policy.state_dict(), directory / WEIGHTS_FILE)
    checked_axes(tensors["action_axes"], len(spec.actions.names), f"{directory / WEIGHTS_FILE}: action_axes")
    policy.load_state_dict(tensors, strict=True)
    return policy.to(device).eval().requires_grad_(False)


def bundle_sha256(directory: Path) -> str:
    """Hash of a bundle's two files as 64 hexadecimal digits; other files in the folder do not matter.

    Raises:
        UserError: One of the files is missing.
    """
    digests = [sha256_of(Path(directory) / name) for name in (SETTINGS_FILE, WEIGHTS_FILE)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def require_bundle_place(directory: Path) -> None:
    """Check that a bundle may be written to a folder, replacing what is there.

    Raises:
        UserError: It is a file, or it holds anything that is no part of a bundle: that would be lost.
    """
    if directory.is_file():
        raise UserError(f"{directory} is a file: a base policy is written as a folder. Name another one.")
    foreign = sorted({path.name for path in directory.glob("*")} - {SETTINGS_FILE, WEIGHTS_FILE})
    if foreign:
        raise UserError(
            f"{directory} holds other things than a base policy ({', '.join(foreign[:3])}): writing there would"
            " replace them. Name a new folder."
        )


def _read_settings(directory: Path) -> dict[str, Any]:
    if directory.is_file():
        raise UserError(
            f"{directory} is a file: a base policy is a folder with {SETTINGS_FILE} and {WEIGHTS_FILE}. Give that one;"
            " pickled checkpoints (.pt, .pth, .ckpt, .pkl) are never loaded."
        )
    path = directory / SETTINGS_FILE
    if not path.is_file():
        near = (
            near_names(directory.name, (p.name for p in directory.parent.glob("*/"))) if not directory.exists() else ""
        )
        state = "has no" if directory.is_dir() else "does not exist, so there is no"
        raise UserError(f"Base policy {directory} {state} {SETTINGS_FILE}: give the folder of a base policy.{near}")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable as YAML: {error}. Restore the file.") from error
    _refuse_stochastic(data, path)
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, Mapping) else None
        raise UserError(f"{path} has format {found!r}, and this version reads '{FORMAT}'. Write it with pretrain.py.")
    settings = read_fields(_Settings, data, str(path))
    if settings["kind"] not in KINDS:
        near = near_names(str(settings["kind"]), KINDS) or f" Known are {', '.join(map(repr, KINDS))}."
        raise UserError(f"{path}: kind '{settings['kind']}' is unknown.{near}")
    return settings


def _refuse_stochastic(data: Any, path: Path) -> None:
    """Find a stochastic sampler before anything else is judged, so that its owner gets the message that helps."""
    if not isinstance(data, Mapping):
        return
    integrator = data.get("integrator")
    names = [data.get("sampler"), data.get("kind")]
    names += [integrator.get("sampler"), integrator.get("method")] if isinstance(integrator, Mapping) else [integrator]
    for name in names:
        if str(name).lower() in STOCHASTIC_SAMPLERS:
            raise UserError(
                f"{path}: sampler '{name}' draws fresh noise at every step, so the latent does not decide the action"
                " and cannot be steered. Use the deterministic sampler DDIM (eta 0) with the same weights."
            )


def _read_flow_cfgs(settings: dict[str, Any], path: Path) -> tuple[FlowNetworkCfg, IntegratorCfg]:
    try:
        network = FlowNetworkCfg(**read_fields(FlowNetworkCfg, settings["network"], f"{path}: network"))
        integrator = IntegratorCfg(**read_fields(IntegratorCfg, settings["integrator"], f"{path}: integrator"))
    except TypeError as error:
        raise UserError(f"{path}: network or integrator holds a value of the wrong type: {error}.") from error
    return network, integrator


def _read_tensors(path: Path, expected_sha256: str) -> dict[str, torch.Tensor]:
    if not path.is_file():
        pickled = [p.name for p in path.parent.iterdir() if p.suffix in (".pt", ".pth", ".ckpt", ".pkl")]
        hint = f" Pickled files ({', '.join(pickled)}) are never loaded: convert them." if pickled else ""
        raise UserError(f"{path} is missing: restore it or write the base policy anew.{hint}")
    content = path.read_bytes()
    try:
        tensors = load_tensors(content)
    except SafetensorError as error:
        # Only now: a sound file may begin with the same bytes, which are then the length of its header.
        if content[:2] == b"PK" or content[:1] == b"\x80":
            raise UserError(
                f"{path} is a pickle (torch.save) under another name, and pickles are never loaded because they can run"
                " code. Save the weights with safetensors."
            ) from error
        raise UserError(f"{path} is truncated or is no safetensors file ({error}): copy it again.") from error
    if hashlib.sha256(content).hexdigest() != expected_sha256:
        raise UserError(
            f"{path} is not the file that {SETTINGS_FILE} beside it was written with (weights_sha256 differs): keep the"
            " two files of a base policy together."
        )
    return tensors


def _read_statistics(
    tensors: dict[str, torch.Tensor], shapes: dict[str, tuple[int, ...]], path: Path
) -> dict[str, Statistic]:
    statistics = {}
    for name, shape in shapes.items():
        parts = [f"{_BUFFERS[name]}.{part}" for part in ("offset", "scale")]
        for part in parts:
            if part not in tensors:
                raise UserError(f"{path} lacks the normalisation statistic '{part}': write the base policy anew.")
        statistics[name] = checked_statistic(tensors[parts[0]], tensors[parts[1]], f"{path}: {_BUFFERS[name]}", shape)
    return statistics


def _require_tensors(found: dict[str, torch.Tensor], needed: dict[str, torch.Tensor], path: Path) -> None:
    missing, extra = sorted(set(needed) - set(found)), sorted(set(found) - set(needed))
    problems = [f"misses {', '.join(map(repr, missing[:3]))} ({len(missing)} in all)"] if missing else []
    problems += [f"has the unknown {', '.join(map(repr, extra[:3]))} ({len(extra)} in all)"] if extra else []
    for name in sorted(set(needed) & set(found)):
        if found[name].shape != needed[name].shape or found[name].dtype != needed[name].dtype:
            problems.append(
                f"'{name}' is {tuple(found[name].shape)} {found[name].dtype} and must be"
                f" {tuple(needed[name].shape)} {needed[name].dtype}"
            )
    if problems:
        raise UserError(
            f"{path} does not hold the tensors that {SETTINGS_FILE} describes: {'; '.join(problems[:4])}. Write the"
            " base policy anew."
        )
