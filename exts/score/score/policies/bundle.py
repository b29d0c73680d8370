# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A base policy as a folder: ``policy.yaml`` (what it is) and a weights file (its numbers).

Here is what all kinds share; what is a kind's own stands in :mod:`score.policies.kinds`. Reading is strict: an unknown
key, a missing or extra tensor, a wrong shape, a file of another kind, or weights that are not those the settings were
written with, is an error. Nothing is ever unpickled, and no size is believed before it is checked.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from score.policies.adapted import AdaptedPolicy, read_wiring
from score.policies.base_policy import BasePolicy
from score.policies.contents import SETTINGS_FILE, BundleContents
from score.policies.contract_mark import MARK_FILE
from score.policies.kinds import KINDS, Kind, kind_named, name_of
from score.policies.spec import MOST_STEPS, Chunk, PolicySpec
from score.utils.errors import UserError, near_names
from score.utils.fields import plain, read_fields, whole_number
from score.utils.file_kinds import FileKind, file_kind
from score.utils.files import atomic_directory, require_folder_place, sha256_of
from score.utils.settings_files import read_yaml

FORMAT = "score-base-policy/2"
"""Value of ``format`` in ``policy.yaml``."""
_FORMAT_1 = "score-base-policy/1"
"""Without ``chunk`` and ``latent``, which were those of the spec. Still read."""
STOCHASTIC_SAMPLERS = ("ddpm", "ancestral", "euler_ancestral", "euler_maruyama", "sde")
"""Samplers that draw noise on the way, so that the latent would not decide the action."""
_LARGEST_WEIGHTS = 5 * 2**28
"""Longest weights file that is read [bytes], 300 million numbers: a policy steers a robot many times a second."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Settings:
    """What all kinds share; the kind's own keys are added to it."""

    format: str
    kind: str
    spec: Any
    chunk: Any = None
    latent: Any = None
    weights_sha256: str
    interface: Any = None
    """The policy's own words, where ``spec`` is in those of a task, and how the two are connected."""
    training: Any = None
    """Where the policy came from; for readers only."""


@dataclasses.dataclass(frozen=True)
class _Interface:
    spec: Any
    wiring: Any


@dataclasses.dataclass(frozen=True)
class _Latent:
    shape: Any
    law: str


def save_bundle(policy: BasePolicy, directory: Path, training: Mapping[str, Any] | None = None) -> None:
    """Write a policy as a bundle, whole or not at all. An older bundle there is replaced.

    Args:
        policy: A policy of a known kind.
        directory: The folder of the bundle.
        training: Facts on where the policy came from (plain values), kept under the key ``training``.

    Raises:
        UserError: ``directory`` holds something other than a bundle, or the policy is of no known kind.
    """
    directory, inner = Path(directory), policy.inner if isinstance(policy, AdaptedPolicy) else policy
    name = name_of(inner)
    kind = KINDS[name]
    require_bundle_place(directory)
    own, weights = kind.write(inner, {"format": FORMAT})
    settings = {
        "format": FORMAT,
        "kind": name,
        **own,
        "spec": policy.spec.to_dict(),
        "chunk": dataclasses.asdict(inner.chunk),
        "latent": {"shape": list(policy.latent_shape), "law": "normal"},
        **_interface_of(policy),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "training": plain(dict(training or {})),
    }
    with atomic_directory(directory, replaces=_files()) as temporary:
        (temporary / kind.weights_file).write_bytes(weights)
        text = yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, width=120)
        (temporary / SETTINGS_FILE).write_text(text, encoding="utf-8")


def load_bundle(directory: Path, device: str | torch.device = "cpu") -> BasePolicy:
    """Read a bundle.

    Args:
        directory: The folder of the bundle.
        device: Where the policy's tensors go.

    Returns:
        The policy in evaluation mode, its parameters frozen (``requires_grad`` off).

    Raises:
        UserError: The folder does not hold a valid bundle. The message names file, key and remedy.
    """
    directory = Path(directory)
    settings, kind = _read_settings(directory)
    outer = PolicySpec.from_dict(settings["spec"])
    own_words = settings.get("interface")
    if own_words is not None:
        own_words = read_fields(_Interface, own_words, f"{directory / SETTINGS_FILE}: interface")
    spec = outer if own_words is None else PolicySpec.from_dict(own_words["spec"])
    chunk, latent_shape = _read_shapes(settings, spec, directory / SETTINGS_FILE)
    path = directory / kind.weights_file
    weights = _read_weights(path, kind.weights_kind, settings["weights_sha256"])
    own = {key: settings[key] for key in kind.settings}
    policy = kind.read(BundleContents(directory, own, spec, chunk, latent_shape, weights, path))
    if policy.chunk != chunk or policy.latent_shape != latent_shape:
        raise UserError(
            f"{directory / SETTINGS_FILE}: chunk {dataclasses.asdict(chunk)} and latent.shape {list(latent_shape)} are"
            f" not those of a policy of kind '{settings['kind']}': {dataclasses.asdict(policy.chunk)} and"
            f" {list(policy.latent_shape)}. Restore the file."
        )
    if own_words is not None:
        wiring = read_wiring(own_words["wiring"], f"{directory / SETTINGS_FILE}: interface.wiring")
        policy = AdaptedPolicy(policy, outer, wiring)
    return policy.to(device).eval().requires_grad_(False)


def bundle_sha256(directory: Path) -> str:
    """Hash of a bundle's two files as 64 hexadecimal digits; other files in the folder do not matter.

    Raises:
        UserError: One of the files is missing, or the settings are unsound.
    """
    _, kind = _read_settings(Path(directory))
    digests = [sha256_of(Path(directory) / name) for name in (SETTINGS_FILE, kind.weights_file)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def read_spec(directory: Path) -> PolicySpec:
    """Return what a bundle reads and gives, by its settings alone.

    Raises:
        UserError: The settings are missing or unsound.
    """
    return PolicySpec.from_dict(_read_settings(Path(directory))[0]["spec"])


def _interface_of(policy: BasePolicy) -> dict[str, Any]:
    if not isinstance(policy, AdaptedPolicy):
        return {}
    return {"interface": {"spec": policy.inner.spec.to_dict(), "wiring": plain(dataclasses.asdict(policy.wiring))}}


def require_bundle_place(directory: Path) -> None:
    """Check that a bundle may be written to a folder, replacing what is there.

    Raises:
        UserError: It is a file, or it holds anything that is no part of a bundle: that would be lost.
    """
    require_folder_place(directory, _files())


def _files() -> set[str]:
    return {SETTINGS_FILE, MARK_FILE, *(kind.weights_file for kind in KINDS.values())}


def _read_settings(directory: Path) -> tuple[dict[str, Any], Kind]:
    if directory.is_file():
        raise UserError(
            f"{directory} is a file: a base policy is a folder with {SETTINGS_FILE} and its weights. Give that one;"
            " pickled checkpoints (.pt, .pth, .ckpt, .pkl) are never loaded, but policy.py convert reads some."
        )
    path = directory / SETTINGS_FILE
    if not path.is_file():
        near = (
            near_names(directory.name, (p.name for p in directory.parent.glob("*/"))) if not directory.exists() else ""
        )
        state = "has no" if directory.is_dir() else "does not exist, so there is no"
        inner = [directory / name for name in ("pretrained_model", "checkpoints/last/pretrained_model")]
        near = next((f" LeRobot's is {folder}." for folder in inner if folder.is_dir()), near)
        raise UserError(f"Base policy {directory} {state} {SETTINGS_FILE}: give the folder of a base policy.{near}")
    data = read_yaml(path)
    _refuse_stochastic(data, path)
    found = str(data.get("format") if isinstance(data, Mapping) else None)[:40]
    if found not in (FORMAT, _FORMAT_1):
        raise UserError(f"{path} has format {found!r}, and this version reads '{FORMAT}'. Write it with pretrain.py.")
    kind = kind_named(data.get("kind"), f"{path}: kind")
    fields = [(key, object) for key in kind.settings]
    fields_of_kind = dataclasses.make_dataclass("_", fields, bases=(_Settings,), kw_only=True, frozen=True)
    settings = read_fields(fields_of_kind, data, str(path))
    for key in ("chunk", "latent"):
        if (key in data) != (found == FORMAT):
            raise UserError(f"{path} {'lacks' if found == FORMAT else 'has an unknown'} key '{key}' for its format.")
    return settings, kind


def _refuse_stochastic(data: Any, path: Path) -> None:
    """Find a stochastic sampler before anything else is judged, so that its owner gets the message that helps."""
    if not isinstance(data, Mapping):
        return
    names = [data.get("kind")]
    for section in (data.get("sampler"), data.get("integrator")):
        names += [section.get(key) for key in ("sampler", "method", "kind")] if isinstance(section, dict) else [section]
    for name in names:
        if isinstance(name, str) and name.lower() in STOCHASTIC_SAMPLERS:
            raise UserError(
                f"{path}: sampler '{name}' draws fresh noise at every step, so the latent does not decide the action"
                " and cannot be steered. Use the deterministic sampler DDIM (eta 0) with the same weights."
            )


def _read_shapes(settings: dict[str, Any], spec: PolicySpec, path: Path) -> tuple[Chunk, tuple[int, int]]:
    """Rows of a chunk and shape of a latent; in a bundle of format 1 both are those of an action chunk."""
    if settings.get("chunk") is None and settings.get("latent") is None:
        return Chunk(spec.horizon, 0, spec.horizon), (spec.horizon, len(spec.actions.names))
    chunk = Chunk(**read_fields(Chunk, settings["chunk"], f"{path}: chunk"))
    latent = read_fields(_Latent, settings["latent"], f"{path}: latent")
    if latent["law"] != "normal":
        raise UserError(
            f"{path}: latent.law '{str(latent['law'])[:40]}' cannot be steered: the latent of a base policy must be"
            " 'normal', N(0, I), in its training."
        )
    shape = latent["shape"]
    if not isinstance(shape, list) or len(shape) != 2:
        raise UserError(f"{path}: latent.shape holds {str(shape)[:40]!r}: give two numbers, rows and columns.")
    rows, columns = (whole_number(f"{path}: latent.shape", size, 1, MOST_STEPS) for size in shape)
    return chunk, (rows, columns)


def _read_weights(path: Path, wanted: FileKind, expected_sha256: str) -> bytes:
    found = file_kind(path)
    if found is FileKind.MISSING:
        pickled = [p.name for p in path.parent.iterdir() if p.suffix in (".pt", ".pth", ".ckpt", ".pkl")]
        hint = f" Pickled files ({', '.join(pickled)}) are never loaded: convert them." if pickled else ""
        raise UserError(f"{path} is missing: restore it or write the base policy anew.{hint}")
    if found in (FileKind.PICKLE, FileKind.ARCHIVE):
        raise UserError(
            f"{path} is a pickle (torch.save) under another name, and pickles are never loaded because they can run"
            " code. Save the weights with safetensors, or the policy with torch.jit.save."
        )
    if found is not wanted:
        raise UserError(f"{path} {found.value}; a file is needed that {wanted.value}: copy it again.")
    if path.stat().st_size > _LARGEST_WEIGHTS:
        raise UserError(f"{path} has {path.stat().st_size / 2**30:.1f} GiB, more than a policy for a robot may have.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected_sha256:
        raise UserError(
            f"{path} is not the file that {SETTINGS_FILE} beside it was written with (weights_sha256 differs): keep the"
            " two files of a base policy together."
        )
    return content
