# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What every kind of base policy gets of its bundle; safetensors and YAML are read with nothing taken on trust."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from score.policies.spec import Chunk, PolicySpec
from score.utils.archives import DAMAGED
from score.utils.errors import UserError
from score.utils.fields import brief

SETTINGS_FILE = "policy.yaml"


@dataclass(frozen=True)
class BundleContents:
    """A bundle whose shared part was read and found sound."""

    directory: Path
    """The folder, for messages."""
    settings: dict[str, Any]
    """The kind's own keys of the settings file, not checked yet."""
    spec: PolicySpec
    """The policy's interface."""
    chunk: Chunk
    """Rows of a chunk."""
    latent_shape: tuple[int, int]
    """Rows and columns of a latent."""
    weights: bytes
    """The weights file, which is the one that the settings were written with."""
    weights_path: Path
    """Where it lies, for messages."""

    @property
    def settings_path(self) -> Path:
        """The settings file, for messages."""
        return self.directory / SETTINGS_FILE


def read_tensors(contents: BundleContents) -> dict[str, torch.Tensor]:
    """Read weights that are a safetensors file.

    Raises:
        UserError: They cannot be read, or hold a number that is not finite.
    """
    try:
        tensors = load_tensors(contents.weights)
    except (SafetensorError, *DAMAGED) as error:
        raise UserError(
            f"{contents.weights_path} is not a valid safetensors file ({brief(error, 200)}): copy it again."
        ) from error
    require_finite(tensors, contents.weights_path)
    return tensors


def require_finite(tensors: dict[str, torch.Tensor], path: Path | str) -> None:
    """Refuse tensors of which one holds NaN or an infinity.

    Raises:
        UserError: The message names the first.
    """
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{path}: '{name}' is not finite. Write the base policy anew.")
