# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The tensors of other people's U-Nets under the names of :class:`~score.policies.unet.UnetDenoiser`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from score.utils.errors import UserError

_RENAMINGS = (
    (r"^diffusion_step_encoder\.1\.", "level.mlp.0."),
    (r"^diffusion_step_encoder\.3\.", "level.mlp.2."),
    (r"^(down|up)_modules\.(\d+)\.0\.", r"\1.\2.first."),
    (r"^(down|up)_modules\.(\d+)\.1\.", r"\1.\2.second."),
    (r"^(down|up)_modules\.(\d+)\.2\.(conv\.)?", r"\1.\2.resample."),
    (r"^mid_modules\.", "middle."),
    (r"^final_conv\.0\.block\.0\.", "head.conv."),
    (r"^final_conv\.0\.block\.1\.", "head.norm."),
    (r"^final_conv\.1\.", "leave."),
    (r"\.(conv1|blocks\.0)\.block\.0\.", ".first.conv."),
    (r"\.(conv1|blocks\.0)\.block\.1\.", ".first.norm."),
    (r"\.(conv2|blocks\.1)\.block\.0\.", ".second.conv."),
    (r"\.(conv2|blocks\.1)\.block\.1\.", ".second.norm."),
    (r"\.cond_encoder\.1\.", ".film."),
    (r"\.residual_conv\.", ".around."),
)
"""Parts of names in LeRobot, diffusion_policy, robomimic and ManiSkill -> here. LeRobot has ``conv1`` where the others
have ``blocks.0``, and no ``conv`` in what changes the number of rows."""


def unet_tensors(tensors: Mapping[str, Tensor], prefix: str, where: str) -> dict[str, Tensor]:
    """Take the U-Net out of a checkpoint.

    Args:
        tensors: All tensors of the checkpoint.
        prefix: What the names of the U-Net begin with: ``diffusion.unet.`` in LeRobot, ``model.`` in diffusion_policy,
            ``policy.noise_pred_net.`` in robomimic.
        where: The checkpoint, for messages.

    Raises:
        UserError: It has none, or one that conditions locally too, which is another network.
    """
    found = {}
    for name, tensor in tensors.items():
        if not name.startswith(prefix):
            continue
        rest = name.removeprefix(prefix)
        if rest.startswith("local_cond_encoder."):
            raise UserError(f"{where}: '{name}' is of a U-Net with a condition for each row, which is not known here.")
        for pattern, ours in _RENAMINGS:
            rest = re.sub(pattern, ours, rest)
        found[rest] = tensor
    if not found:
        raise UserError(f"{where} has no tensor that begins with '{prefix}': it holds no diffusion U-Net.")
    return found
