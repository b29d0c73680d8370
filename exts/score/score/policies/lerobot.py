# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads the checkpoint folder of a LeRobot diffusion policy, without LeRobot: JSON and safetensors alone.

A folder ``checkpoints/<step>/pretrained_model`` holds ``config.json``, ``model.safetensors``, and two pipelines of
processors with the statistics of the training data. What is not known, is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from score.policies.contents import require_finite
from score.policies.ddim import DdimCfg
from score.policies.diffusion import DiffusionPolicy
from score.policies.foreign import Columns, ForeignParts, ForeignPolicy, identity, make_foreign, mean_std, min_max
from score.policies.foreign_unet import unet_tensors
from score.policies.settings import MOST_WIDTH, DiffusionNetworkCfg
from score.policies.spec import MOST_STEPS, Chunk
from score.utils.errors import UserError, near_names
from score.utils.fields import finite_number, whole_number
from score.utils.file_kinds import FileKind, file_kind
from score.utils.files import sha256_of
from score.utils.settings_files import read_json

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
PIPELINES = ("policy_preprocessor.json", "policy_postprocessor.json")
INPUTS = {"observation.state": "STATE", "observation.environment_state": "ENV"}
"""Inputs that are vectors, in the order in which the network reads them, and their types."""
_STEPS = {
    "policy_preprocessor.json": {
        "rename_observations_processor", "to_batch_processor", "device_processor", "normalizer_processor",
    },
    "policy_postprocessor.json": {"unnormalizer_processor", "device_processor"},
}  # fmt: skip
_READ = (
    "type", "n_obs_steps", "input_features", "output_features", "horizon", "n_action_steps", "down_dims",
    "kernel_size", "n_groups", "diffusion_step_embed_dim", "use_film_scale_modulation", "noise_scheduler_type",
    "num_train_timesteps", "beta_schedule", "beta_start", "beta_end", "prediction_type", "clip_sample",
    "clip_sample_range", "num_inference_steps",
)  # fmt: skip
"""Settings that decide what the network computes."""
_WITHOUT_EFFECT = (
    "normalization_mapping", "device", "use_amp", "use_peft", "push_to_hub", "repo_id", "private", "tags", "license",
    "pretrained_path", "pretrained_revision", "drop_n_last_frames", "vision_backbone", "resize_shape", "crop_ratio",
    "crop_shape", "crop_is_random", "pretrained_backbone_weights", "use_group_norm", "spatial_softmax_num_keypoints",
    "use_separate_rgb_encoder_per_camera", "gradient_checkpointing", "compile_model", "compile_mode",
    "do_mask_loss_for_padding", "optimizer_lr", "optimizer_betas", "optimizer_eps", "optimizer_weight_decay",
    "scheduler_name", "scheduler_warmup_steps",
)  # fmt: skip
"""Settings of training, cameras and places. Normalisation is that of the processors."""


def is_lerobot(path: Path) -> bool:
    """Whether a folder looks like a checkpoint of LeRobot, of whatever policy."""
    return (path / CONFIG_FILE).is_file() and not (path / "policy.yaml").exists()


def read_lerobot(folder: Path, inference_steps: int | None = None) -> ForeignPolicy[DiffusionPolicy]:
    """Read a checkpoint.

    Args:
        folder: The folder with ``config.json``.
        inference_steps: Steps of DDIM; by default the checkpoint's. A checkpoint of DDPM needs it.

    Raises:
        UserError: The folder is incomplete or unsound, or holds something that is not known. The message names it.
    """
    folder = Path(folder)
    config = _read_config(folder)
    where = str(folder / CONFIG_FILE)
    sizes = _feature_sizes(config, where)
    forward, backward = (_normalizer(folder, name) for name in PIPELINES)
    inputs = {key: forward(key, INPUTS[key], sizes[key], False) for key in INPUTS if key in sizes}
    actions = backward("action", "ACTION", sizes["action"], True)
    frames = whole_number(f"{where}: n_obs_steps", config["n_obs_steps"], 1, MOST_STEPS)
    rows = whole_number(f"{where}: horizon", config["horizon"], frames, MOST_STEPS)
    executed = whole_number(f"{where}: n_action_steps", config["n_action_steps"], 1, rows - frames + 1)
    path = folder / WEIGHTS_FILE
    return make_foreign(
        ForeignParts(
            where=str(folder),
            inputs=inputs,
            actions=actions,
            frames=frames,
            chunk=Chunk(rows, frames - 1, executed),
            network=_network(config, where),
            sampler=_sampler(config, inference_steps, where),
            tensors=unet_tensors(_tensors(path), "diffusion.unet.", str(path)),
            size=path.stat().st_size,
            origin={"home": "LeRobot", "weights_sha256": sha256_of(path), "folder": folder.resolve().name},
        )
    )


def _read_mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path} is missing: give the folder 'pretrained_model' of a LeRobot checkpoint, whole.")
    data = read_json(path, "copy it again")
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a mapping of settings: copy it again.")
    return data


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    config = _read_mapping(path)
    name = str(config.get("type"))[:40]
    if name != "diffusion":
        raise UserError(
            f"{path}: LeRobot policies of type '{name}' are not read here, only 'diffusion'. One that takes its noise"
            " as an argument can be frozen to TorchScript (docs/OWN_POLICY.md)."
        )
    for key in config:
        if key not in _READ and key not in _WITHOUT_EFFECT:
            raise UserError(
                f"{path} has the unknown setting '{str(key)[:60]}', which may change what the network computes."
                f"{near_names(str(key), _READ)} Remove it if it does not."
            )
    missing = [key for key in _READ if key not in config]
    if missing:
        raise UserError(f"{path} lacks {', '.join(map(repr, missing[:4]))}: copy it again.")
    return config


def _feature_sizes(config: dict[str, Any], where: str) -> dict[str, int]:
    """Numbers of every input and of the action."""
    sizes = {}
    for group, known in (("input_features", INPUTS), ("output_features", {"action": "ACTION"})):
        features = config[group]
        if not isinstance(features, dict):
            raise UserError(f"{where}: {group} is not a mapping: copy it again.")
        for key, feature in features.items():
            name, shape = str(key)[:60], feature.get("shape") if isinstance(feature, dict) else None
            if name.startswith("observation.image") or (isinstance(feature, dict) and feature.get("type") == "VISUAL"):
                raise UserError(
                    f"{where}: the policy reads the camera '{name}', and cameras are not read here: give its features"
                    " as observation.environment_state, or freeze it to TorchScript (docs/OWN_POLICY.md)."
                )
            if name not in known or not isinstance(shape, list) or len(shape) != 1:
                raise UserError(
                    f"{where}: {group} has '{name}' of shape {str(shape)[:40]}; known are vectors"
                    f" {', '.join(known)}.{near_names(name, known)}"
                )
            sizes[name] = whole_number(f"{where}: {name}", shape[0], 1, 1000 if name == "action" else MOST_WIDTH)
        if not set(known) & set(sizes):
            raise UserError(f"{where}: {group} is empty: copy it again.")
    return sizes


def _network(config: dict[str, Any], where: str) -> DiffusionNetworkCfg:
    try:
        return DiffusionNetworkCfg(
            frame_by_frame=True,
            form="unet",
            down_dims=tuple(config["down_dims"]),
            kernel_size=config["kernel_size"],
            n_groups=config["n_groups"],
            step_embed_dim=config["diffusion_step_embed_dim"],
            film_scale=config["use_film_scale_modulation"],
        )
    except (UserError, TypeError) as error:
        raise UserError(f"{where}: {error}") from error


def _sampler(config: dict[str, Any], inference_steps: int | None, where: str) -> DdimCfg:
    steps = config["num_inference_steps"] if inference_steps is None else inference_steps
    if config["noise_scheduler_type"] == "DDPM" and inference_steps is None:
        raise UserError(
            f"{where}: noise_scheduler_type 'DDPM' draws fresh noise at every step, so the latent does not decide the"
            " action and cannot be steered. Run the same weights with DDIM: write 'inference_steps: 16' into"
            " interface.yaml beside it."
        )
    if config["noise_scheduler_type"] not in ("DDPM", "DDIM"):
        raise UserError(f"{where}: noise_scheduler_type {str(config['noise_scheduler_type'])[:40]!r} is unknown.")
    names = ("num_train_timesteps", "beta_schedule", "beta_start", "beta_end", "prediction_type", "clip_sample")
    try:
        return DdimCfg(
            **{name: config[name] for name in (*names, "clip_sample_range")},
            num_inference_steps=config["num_train_timesteps"] if steps is None else steps,
        )
    except (UserError, TypeError) as error:
        raise UserError(f"{where}: {error}") from error


def _tensors(path: Path) -> dict[str, Tensor]:
    found = file_kind(path)
    if found is not FileKind.SAFETENSORS:
        raise UserError(f"{path} {found.value}; a file is needed that {FileKind.SAFETENSORS.value}: copy it again.")
    try:
        return load_tensors(path.read_bytes())
    except SafetensorError as error:
        raise UserError(f"{path} is not a valid safetensors file ({error}): copy it again.") from error


def _normalizer(folder: Path, name: str) -> Callable[[str, str, int, bool], Columns]:
    """Return what a pipeline does to a feature: (its name, type, numbers, whether it is an action) -> statistics."""
    path = folder / name
    step = _normalizing_step(_read_mapping(path), path)
    file, options = step.get("state_file"), step.get("config")
    if not isinstance(options, dict) or not isinstance(options.get("norm_map"), dict):
        raise UserError(f"{path}: the normaliser lacks its 'norm_map': copy it again.")
    if not isinstance(file, str) or Path(file).name != file:
        raise UserError(f"{path}: the normaliser names no file of statistics beside it: copy the whole folder.")
    epsilon = finite_number(f"{path}: eps", options.get("eps", 1e-8))
    tensors = _tensors(folder / file)

    def columns(key: str, kind: str, size: int, output: bool) -> Columns:
        def read(part: str) -> Tensor:
            tensor = tensors.get(f"{key}.{part}")
            if tensor is None or tensor.numel() != size:
                raise UserError(f"{folder / file} lacks '{key}.{part}' with {size} numbers: copy the whole folder.")
            require_finite({f"{key}.{part}": tensor}, folder / file)
            return tensor.reshape(size).float()

        mode = str(options["norm_map"].get(kind, "IDENTITY"))
        if mode == "IDENTITY":
            return identity(size)
        if mode == "MEAN_STD":
            return mean_std(read("mean"), read("std"), epsilon, output, read("min"), read("max"))
        parts = {"MIN_MAX": ("min", "max"), "QUANTILES": ("q01", "q99"), "QUANTILE10": ("q10", "q90")}.get(mode)
        if parts is None:
            raise UserError(f"{path}: norm_map.{kind} '{mode[:40]}' is unknown.")
        return min_max(read(parts[0]), read(parts[1]), output)

    return columns


def _normalizing_step(pipeline: dict[str, Any], path: Path) -> dict[str, Any]:
    steps, known = pipeline.get("steps"), _STEPS[path.name]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise UserError(f"{path} lists no steps: copy it again.")
    normalizers = []
    for step in steps:
        name = str(step.get("registry_name", step.get("class")))[:80]
        options = step.get("config") if isinstance(step.get("config"), dict) else {}
        if name not in known:
            raise UserError(f"{path} has the step '{name}', which is not known here.{near_names(name, known)}")
        if name == "rename_observations_processor" and options.get("rename_map"):
            raise UserError(f"{path}: '{name}' renames {str(options['rename_map'])[:80]}: train without, or undo it.")
        if name == "device_processor" and options.get("float_dtype") not in (None, "float32"):
            raise UserError(f"{path}: '{name}' turns numbers into {options['float_dtype']!r}: only float32 is known.")
        if name.endswith("normalizer_processor"):
            normalizers.append(step)
    if len(normalizers) != 1:
        raise UserError(f"{path} normalises {len(normalizers)} times, and once is known: copy the whole folder.")
    return normalizers[0]
