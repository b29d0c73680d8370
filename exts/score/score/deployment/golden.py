# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The recorded episode of a capsule: what went in and what came out at every control step in the simulator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from score.utils.archives import DAMAGED
from score.utils.errors import UserError
from score.utils.fields import brief

GOLDEN_FILE = "golden.safetensors"
_TYPES = {"F32": torch.float32, "U8": torch.uint8}
_LARGEST = 2**30
"""Longest file that is read [bytes]; an episode of 150 steps with a cloud of 512 points has one million."""


@dataclass(frozen=True)
class GoldenEpisode:
    """One episode of one robot, T control steps long, from its reset on."""

    observations: dict[str, torch.Tensor]
    """Raw observations by name, (T, *shape) float32 each, in the units of the policy's specification."""

    actions: torch.Tensor
    """Targets really sent (after clamping), (T, A) float32, in action units."""

    decisions: torch.Tensor
    """Whether a new chunk was decoded at that step, (T,) bool."""

    def __post_init__(self) -> None:
        """Check the lengths and that every number is finite.

        Raises:
            ValueError: Lengths differ, nothing was recorded, or a number is not finite.
        """
        steps = self.actions.shape[0]
        if steps < 1 or self.actions.dim() != 2 or self.decisions.shape != (steps,):
            raise ValueError(
                f"A golden episode needs actions (T, A) and decisions (T,) with T >= 1, got {tuple(self.actions.shape)}"
                f" and {tuple(self.decisions.shape)}."
            )
        for name, tensor in {**self.observations, "actions": self.actions}.items():
            if tensor.shape[0] != steps:
                raise ValueError(f"'{name}' of the golden episode has {tensor.shape[0]} steps, the actions {steps}.")
            if not bool(torch.isfinite(tensor).all()):
                raise ValueError(f"'{name}' of the golden episode holds NaN or infinity.")

    def __len__(self) -> int:
        """Control steps T."""
        return self.actions.shape[0]


def write_golden(episode: GoldenEpisode, path: Path) -> None:
    """Write an episode as safetensors: ``inputs.<name>``, ``outputs.action`` and ``decision`` (uint8)."""
    from safetensors.torch import save  # here: reading a capsule on a robot must not need it

    tensors = {f"inputs.{name}": _plain(tensor) for name, tensor in episode.observations.items()}
    tensors["outputs.action"] = _plain(episode.actions)
    tensors["decision"] = episode.decisions.detach().cpu().to(torch.uint8).contiguous()
    path.write_bytes(save(tensors))  # save_file would make a file that nobody else may read


def read_golden(path: Path) -> GoldenEpisode:
    """Read an episode without the safetensors package.

    Raises:
        UserError: The file is missing, cut off or no recorded episode.
    """
    tensors = read_safetensors(path)
    inputs = {name.removeprefix("inputs."): tensor for name, tensor in tensors.items() if name.startswith("inputs.")}
    try:
        return GoldenEpisode(inputs, tensors["outputs.action"], tensors["decision"].bool())
    except (LookupError, ValueError) as error:
        raise UserError(
            f"{path} is not a recorded episode of a capsule ({brief(error, 150)}): export the capsule again."
        ) from error


def read_log(path: Path) -> GoldenEpisode:
    """Read the log of a robot that ``run_policy.py --log`` wrote.

    Returns:
        Its steps; inputs whose length changes from step to step are left out.

    Raises:
        UserError: The file is missing, cut off or no such log.
    """
    tensors = read_safetensors(path)
    names = [name.removeprefix("inputs.") for name in tensors if name.startswith("inputs.")]
    inputs = {name: tensors[f"inputs.{name}"] for name in names if f"lengths.{name}" not in tensors}
    try:
        return GoldenEpisode(inputs, tensors["outputs.action"], tensors["decision"].bool())
    except (LookupError, ValueError) as error:
        raise UserError(
            f"--log {path} is not a log of run_policy.py --log, or of a run that was not sound ({brief(error, 150)})."
        ) from error


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file with torch alone (float32 and uint8 tensors).

    The format is eight bytes with the length of a JSON header, the header (type, shape and byte range of every
    tensor), and the bytes: https://huggingface.co/docs/safetensors.

    Raises:
        UserError: The file is missing, cut off or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is missing: copy the whole capsule folder, or export it again.")
    if path.stat().st_size > _LARGEST:
        raise UserError(f"{path} has {path.stat().st_size} bytes, more than an episode has: export it again.")
    data = path.read_bytes()
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header, free = json.loads(data[8:start]), len(data)
        header.pop("__metadata__", None)
        tensors = {}
        for name, entry in header.items():
            low, high = entry["data_offsets"]
            free -= high - low
            if not 0 <= low <= high <= len(data) - start or free < 0:  # each byte belongs to one tensor
                raise ValueError(f"tensor '{name}' is cut off")
            raw = bytearray(data[start + low : start + high])
            tensors[name] = torch.frombuffer(raw, dtype=_TYPES[entry["dtype"]]).reshape(entry["shape"])
    except (*DAMAGED, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path} is damaged or no safetensors file ({brief(error, 150)}): copy or export it again."
        ) from error
    return tensors


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to(device="cpu", dtype=torch.float32).contiguous()
