# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads diffusion policies on vectors from other homes: diffusion_policy (.ckpt), robomimic (.pth), ManiSkill (.pt)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from score.policies.ddim import DdimCfg
from score.policies.foreign import Columns, ForeignParts, ForeignPolicy, identity, make_foreign
from score.policies.foreign_unet import unet_tensors
from score.policies.pickles import plain_settings, read_pickled, tensors_of
from score.policies.settings import DiffusionNetworkCfg
from score.policies.spec import MOST_STEPS, Chunk
from score.utils.errors import UserError
from score.utils.fields import whole_number
from score.utils.files import sha256_of
from score.utils.settings_files import read_json

_DIFFUSION_POLICY = (
    "_target_", "model", "noise_scheduler", "horizon", "obs_dim", "action_dim", "n_action_steps", "n_obs_steps",
    "num_inference_steps", "obs_as_local_cond", "obs_as_global_cond", "oa_step_convention",
)  # fmt: skip
"""Settings of its policy; of others that are on, some leave rows out, and the rest changes the steps of the sampler."""
_ROBOMIMIC_DIMS = (256, 512, 1024)
"""robomimic makes its U-Net of this size whatever its configuration says."""
_MANISKILL_SCHEDULE = {
    "num_train_timesteps": 100, "beta_schedule": "squaredcos_cap_v2", "clip_sample": True, "prediction_type": "epsilon",
}  # fmt: skip
"""What the code of ManiSkill's baseline always takes, with diffusers' defaults for the rest; it samples by DDPM."""
_MANISKILL_ARGS = "args.json"
_DIFFUSERS_DEFAULTS: dict[str, Any] = {"num_train_timesteps": 1000, "beta_schedule": "linear"}
"""Defaults of diffusers' schedulers that are not those of :class:`DdimCfg`."""
_WITHOUT_EFFECT = (
    "_target_", "variance_type", "dynamic_thresholding_ratio", "sample_max_value", "enabled", "num_inference_timesteps",
)  # fmt: skip
"""Settings of a schedule that change nothing in DDIM without noise and thresholding, or are read elsewhere."""


def read_checkpoint(path: Path, inference_steps: int | None = None) -> ForeignPolicy:
    """Read a checkpoint file, running nothing in it.

    Args:
        path: The file.
        inference_steps: Steps of DDIM; by default the checkpoint's. A checkpoint of DDPM needs it.

    Raises:
        UserError: It is of no known home, unsound, or holds something that is not known.
    """
    content = read_pickled(path)
    if isinstance(content, dict) and "state_dicts" in content:
        return _read(_of_diffusion_policy, content, path, inference_steps)
    if isinstance(content, dict) and "algo_name" in content:
        return _read(_of_robomimic, content, path, inference_steps)
    if isinstance(content, dict) and "ema_agent" in content:
        return _read(_of_maniskill, content, path, inference_steps)
    keys = (
        ", ".join(str(key)[:40] for key in list(content)[:5]) if isinstance(content, dict) else type(content).__name__
    )
    raise UserError(
        f"{path} is not a checkpoint of diffusion_policy (state_dicts, cfg), robomimic (algo_name, model) or ManiSkill"
        f" (ema_agent): it holds {keys}."
    )


def _read(
    reader: Callable[[dict[str, Any], Path, int | None], ForeignParts], content: Any, path: Path, steps: int | None
) -> ForeignPolicy:
    try:
        parts = reader(content, path, steps)
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        raise UserError(f"{path}: a setting is missing or of the wrong type ({reason}).") from error
    return make_foreign(parts)


def _of_diffusion_policy(content: dict[str, Any], path: Path, inference_steps: int | None) -> ForeignParts:
    policy = plain_settings(content["cfg"])["policy"]
    target = str(policy["_target_"])
    if not target.endswith("DiffusionUnetLowdimPolicy") or not policy["obs_as_global_cond"]:
        raise UserError(
            f"{path}: policies of '{target.rpartition('.')[2][:60]}' are not read here, only"
            " DiffusionUnetLowdimPolicy with obs_as_global_cond. Freeze it to TorchScript (docs/OWN_POLICY.md)."
        )
    for key, value in policy.items():
        if key not in _DIFFUSION_POLICY and value:
            raise UserError(
                f"{path}: its policy has the setting '{key[:60]}', which is not known here and may change what it"
                " computes. Freeze it to TorchScript (docs/OWN_POLICY.md)."
            )
    weights = "ema_model" if tensors_of(content, "state_dicts", "ema_model") else "model"
    tensors = tensors_of(content, "state_dicts", weights)
    model, schedule = policy["model"], dict(policy["noise_scheduler"])
    schedule["num_inference_steps"] = policy.get("num_inference_steps") or schedule["num_train_timesteps"]
    frames = whole_number(f"{path}: n_obs_steps", policy["n_obs_steps"], 1, MOST_STEPS)
    rows = whole_number(f"{path}: horizon", policy["horizon"], frames, MOST_STEPS)
    first = frames - 1 if policy.get("oa_step_convention", False) else frames
    return ForeignParts(
        where=str(path),
        inputs={"obs": _normalizer(tensors, "obs", path)},
        actions=_normalizer(tensors, "action", path),
        frames=frames,
        chunk=Chunk(rows, first, whole_number(f"{path}: n_action_steps", policy["n_action_steps"], 1, rows - first)),
        network=DiffusionNetworkCfg(
            frame_by_frame=True,
            form="unet",
            down_dims=tuple(model["down_dims"]),
            kernel_size=model["kernel_size"],
            n_groups=model["n_groups"],
            step_embed_dim=model["diffusion_step_embed_dim"],
            film_scale=model["cond_predict_scale"],
        ),
        sampler=_sampler(schedule, str(schedule["_target_"]).rpartition(".")[2], inference_steps, path),
        tensors=unet_tensors(tensors, "model.", str(path)),
        size=path.stat().st_size,
        origin=_origin("diffusion_policy", path),
    )


def _of_robomimic(content: dict[str, Any], path: Path, inference_steps: int | None) -> ForeignParts:
    config = json.loads(content["config"])
    algo, shapes = config["algo"], plain_settings(content["shape_metadata"])
    if content["algo_name"] != "diffusion_policy" or config["observation"]["modalities"]["obs"].get("rgb"):
        raise UserError(
            f"{path}: policies of '{str(content['algo_name'])[:40]}' or with cameras are not read here, only"
            " diffusion_policy on vectors. Freeze it to TorchScript (docs/OWN_POLICY.md)."
        )
    if content.get("action_normalization_stats") or content.get("obs_normalization_stats"):
        raise UserError(f"{path} normalises actions or observations, which is not known here. Train without.")
    weights = "ema" if tensors_of(content, "model", "ema") else "nets"
    tensors = tensors_of(content, "model", weights)
    keys = config["observation"]["modalities"]["obs"]["low_dim"]
    name = "ddim" if algo["ddim"]["enabled"] else "ddpm"
    schedule = {**algo[name], "num_inference_steps": algo[name]["num_inference_timesteps"]}
    horizon, unet = algo["horizon"], algo["unet"]
    frames = whole_number(f"{path}: observation_horizon", horizon["observation_horizon"], 1, MOST_STEPS)
    rows = whole_number(f"{path}: prediction_horizon", horizon["prediction_horizon"], frames, MOST_STEPS)
    executed = whole_number(f"{path}: action_horizon", horizon["action_horizon"], 1, rows - frames + 1)
    sizes = {key: whole_number(f"{path}: {key}", shapes["all_shapes"][key][0], 1, 10_000) for key in sorted(keys)}
    return ForeignParts(
        where=str(path),
        inputs={key: identity(size) for key, size in sizes.items()},
        actions=identity(whole_number(f"{path}: ac_dim", shapes["ac_dim"], 1, 1000)),
        frames=frames,
        chunk=Chunk(rows, frames - 1, executed),
        network=DiffusionNetworkCfg(
            frame_by_frame=True,
            form="unet",
            down_dims=_ROBOMIMIC_DIMS,
            kernel_size=unet.get("kernel_size", 5),
            n_groups=unet.get("n_groups", 8),
            step_embed_dim=unet.get("diffusion_step_embed_dim", 256),
        ),
        sampler=_sampler(schedule, name.upper(), inference_steps, path),
        tensors=unet_tensors(tensors, "policy.noise_pred_net.", str(path)),
        size=path.stat().st_size,
        origin=_origin("robomimic", path),
    )


def _of_maniskill(content: dict[str, Any], path: Path, inference_steps: int | None) -> ForeignParts:
    args = _maniskill_args(path)
    tensors = tensors_of(content, "ema_agent")
    if any(name.startswith("visual_encoder.") for name in tensors):
        raise UserError(
            f"{path}: policies with cameras are not read here. Freeze it to TorchScript (docs/OWN_POLICY.md)."
        )
    unet = unet_tensors(tensors, "noise_pred_net.", str(path))
    embedding = whole_number(f"{path}: diffusion_step_embed_dim", args["diffusion_step_embed_dim"], 1, 10_000)
    frames = whole_number(f"{path}: obs_horizon", args["obs_horizon"], 1, MOST_STEPS)
    rows = whole_number(f"{path}: pred_horizon", args["pred_horizon"], frames, MOST_STEPS)
    size, rest = divmod(unet["down.0.first.film.weight"].shape[1] - embedding, frames)
    if size < 1 or rest:
        raise UserError(
            f"{path}: its U-Net does not fit obs_horizon {frames} of {_MANISKILL_ARGS}: keep them together."
        )
    return ForeignParts(
        where=str(path),
        inputs={"state": identity(size)},
        actions=identity(unet["leave.weight"].shape[0]),
        frames=frames,
        chunk=Chunk(rows, frames - 1, whole_number(f"{path}: act_horizon", args["act_horizon"], 1, rows - frames + 1)),
        network=DiffusionNetworkCfg(
            frame_by_frame=True,
            form="unet",
            down_dims=tuple(args["unet_dims"]),
            kernel_size=unet["head.conv.weight"].shape[2],
            n_groups=args["n_groups"],
            step_embed_dim=embedding,
        ),
        sampler=_sampler({**_MANISKILL_SCHEDULE, "num_inference_steps": 100}, "DDPM", inference_steps, path),
        tensors=unet,
        size=path.stat().st_size,
        origin=_origin("ManiSkill", path),
    )


def _maniskill_args(path: Path) -> dict[str, Any]:
    """Return the arguments of the training, beside the checkpoint or in the folder above."""
    places = [folder / _MANISKILL_ARGS for folder in (path.parent, path.parent.parent)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise UserError(f"{path}: the sizes of its network are in {_MANISKILL_ARGS} of its run: put that beside it.")
    args = read_json(found, "copy it again")
    if not isinstance(args, dict):
        raise UserError(f"{found} is not a mapping of settings: copy it again.")
    return args


def _sampler(schedule: dict[str, Any], name: str, inference_steps: int | None, path: Path) -> DdimCfg:
    """Return what a scheduler of diffusers does, under DDIM."""
    if not name.startswith("DDIM") and inference_steps is None:
        raise UserError(
            f"{path}: its sampler {name[:40]} draws fresh noise at every step, so the latent does not decide the"
            " action and cannot be steered. Run the same weights with DDIM: write 'inference_steps: 16' into"
            " interface.yaml beside it."
        )
    settings = {**_DIFFUSERS_DEFAULTS, **{key: value for key, value in schedule.items() if value is not None}}
    for key in _WITHOUT_EFFECT:
        settings.pop(key, None)
    unknown = settings.keys() - DdimCfg.__dataclass_fields__.keys()
    if unknown:
        raise UserError(
            f"{path}: its schedule has the unknown setting '{min(unknown)[:60]}', which may change what it computes."
        )
    if inference_steps is not None:
        settings["num_inference_steps"] = inference_steps
    return DdimCfg(**settings)


def _normalizer(tensors: dict[str, Tensor], key: str, path: Path) -> Columns:
    """Theirs is ``normalised = x * scale + offset``."""
    parts = []
    for part in ("scale", "offset", "input_stats.min", "input_stats.max"):
        tensor = tensors.get(f"normalizer.params_dict.{key}.{part}")
        if tensor is None or tensor.ndim != 1 or not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{path} lacks the statistic 'normalizer.params_dict.{key}.{part}': save the policy whole.")
        parts.append(tensor.float())
    scale, offset, low, high = parts
    if len({len(part) for part in parts}) > 1 or not bool((scale > 0.0).all()):
        raise UserError(f"{path}: the statistics of '{key}' do not fit together: save the policy whole.")
    still = {int(index): float(low[index]) for index in (high - low <= 1e-7).nonzero().flatten()}
    return Columns(-offset / scale, 1.0 / scale, low, high, {} if key == "action" else still)


def _origin(home: str, path: Path) -> dict[str, Any]:
    return {"home": home, "weights_sha256": sha256_of(path), "file": path.name}
