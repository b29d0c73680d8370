# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Checkpoint files of other homes: what is read of them, and that nothing in them runs."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file

from score.policies import checkpoints
from score.policies.checkpoints import read_checkpoint
from score.policies.pickles import Inert, plain_settings, read_pickled, tensors_of
from score.utils.errors import UserError

FIXTURE = Path(__file__).parent / "fixtures" / "lerobot_ddim"
RECORDED = load_file(FIXTURE / "reference.safetensors")
THEIRS = load_file(FIXTURE.parent / "foreign_unets.safetensors")
"""What the U-Nets of diffusion_policy and robomimic, run from their own code, give for the fixture's weights."""


SCHEDULE = {"_target_": "diffusers.schedulers.scheduling_ddim.DDIMScheduler", "num_train_timesteps": 100}


def _their_names(prefix: str) -> dict[str, torch.Tensor]:
    """The U-Net of the fixture under the names of diffusion_policy and robomimic."""
    found = {}
    for name, tensor in load_file(FIXTURE / "model.safetensors").items():
        name = name.removeprefix("diffusion.unet.")
        name = name.replace(".conv1.", ".blocks.0.").replace(".conv2.", ".blocks.1.")
        found[prefix + re.sub(r"^((?:down|up)_modules\.\d+\.2)\.", r"\1.conv.", name)] = tensor
    return found


def _statistics(key: str) -> dict[str, torch.Tensor]:
    """The normalisation of the fixture as theirs: x * scale + offset."""
    stats = load_file(FIXTURE / "policy_preprocessor_step_3_normalizer_processor.safetensors")
    low, high = stats[f"{key}.min"], stats[f"{key}.max"]
    return {"scale": 2.0 / (high - low), "offset": -(high + low) / (high - low), "min": low, "max": high}


def diffusion_policy_content(**changes: Any) -> dict[str, Any]:
    """What a checkpoint of diffusion_policy holds; the scene's two numbers go in as they are."""
    schedule = {"_target_": "diffusers.schedulers.scheduling_ddim.DDIMScheduler", "num_train_timesteps": 100,
                "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "squaredcos_cap_v2", "clip_sample": True,
                "set_alpha_to_one": True, "steps_offset": 0, "prediction_type": "epsilon"}  # fmt: skip
    model = {"_target_": "ConditionalUnet1D", "down_dims": [8, 16], "kernel_size": 3, "n_groups": 4,
             "diffusion_step_embed_dim": 8, "cond_predict_scale": True}  # fmt: skip
    policy = {"_target_": "diffusion_policy.policy.diffusion_unet_lowdim_policy.DiffusionUnetLowdimPolicy",
              "model": model, "noise_scheduler": schedule, "horizon": "${horizon}", "n_obs_steps": "${n_obs_steps}",
              "n_action_steps": 4, "num_inference_steps": 8, "obs_as_global_cond": True,
              "oa_step_convention": True}  # fmt: skip
    state, action = _statistics("observation.state"), _statistics("action")
    obs = {
        name: torch.cat([tensor, torch.tensor({"scale": [1.0, 1.0], "offset": [0.0, 0.0]}.get(name, fill))])
        for (name, tensor), fill in zip(state.items(), ([], [], [-1.0, -1.0], [1.0, 1.0]), strict=True)
    }
    normalizers = {}
    for key, stats in (("obs", obs), ("action", action)):
        for part, name in (("scale",) * 2, ("offset",) * 2, ("min", "input_stats.min"), ("max", "input_stats.max")):
            normalizers[f"normalizer.params_dict.{key}.{name}"] = stats[part]
    weights = {**_their_names("model."), **normalizers}
    cfg = OmegaConf.create({"horizon": 8, "n_obs_steps": 2, "policy": {**policy, **changes}})
    return {"cfg": cfg, "state_dicts": {"model": {}, "ema_model": weights}, "pickles": {"epoch": b"x"}}


def _save(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def test_a_checkpoint_of_diffusion_policy_acts_as_its_u_net_did_elsewhere(tmp_path: Path) -> None:
    foreign = read_checkpoint(_save(diffusion_policy_content(), tmp_path / "latest.ckpt"))
    obs = torch.cat([RECORDED["state"], RECORDED["environment_state"]], dim=-1)
    actions = foreign.policy.decode(foreign.policy.encode({"obs": obs}), RECORDED["noise"])
    error = (actions[:, :4] - RECORDED["actions"]).abs() / foreign.actions.scale
    assert error.max() < 1e-5
    assert (foreign.policy.chunk.rows, foreign.policy.chunk.first) == (8, 1)
    assert foreign.origin["home"] == "diffusion_policy"
    # Without their convention the first row is one later.
    content = diffusion_policy_content(oa_step_convention=False)
    later = read_checkpoint(_save(content, tmp_path / "b.ckpt")).policy
    assert later.chunk.first == 2


@pytest.mark.parametrize("home", ["diffusion_policy", "robomimic"])
def test_the_u_net_gives_what_their_own_code_gives(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_ROBOMIMIC_DIMS", (8, 16))
    content = diffusion_policy_content() if home == "diffusion_policy" else robomimic_content()
    denoiser = read_checkpoint(_save(content, tmp_path / "file.ckpt")).policy.sampler.denoiser
    noise, level, condition = RECORDED["noise"], RECORDED["level"].float(), RECORDED["condition"]
    prediction = denoiser(noise, level, condition)
    torch.testing.assert_close(prediction, THEIRS[home], atol=1e-6, rtol=1e-6)
    single = torch.cat([denoiser(*(part[i : i + 1] for part in (noise, level, condition))) for i in range(10)])
    torch.testing.assert_close(single, prediction, atol=1e-6, rtol=1e-6)


def robomimic_content(name: str = "ddim", **changes: Any) -> dict[str, Any]:
    schedule = {"enabled": False, "num_train_timesteps": 100, "num_inference_timesteps": 8, "clip_sample": True,
                "beta_schedule": "squaredcos_cap_v2", "prediction_type": "epsilon"}  # fmt: skip
    algo: dict[str, Any] = {"horizon": {"observation_horizon": 2, "action_horizon": 4, "prediction_horizon": 8},
            "unet": {"kernel_size": 3, "n_groups": 4, "diffusion_step_embed_dim": 8},
            "ddpm": schedule, "ddim": {**schedule, "set_alpha_to_one": True, "steps_offset": 0}}  # fmt: skip
    algo[name]["enabled"] = True
    config = {"algo": algo, "observation": {"modalities": {"obs": {"low_dim": ["eef", "block"], "rgb": []}}}}
    return {
        "algo_name": "diffusion_policy",
        "config": json.dumps(config),
        "shape_metadata": {"ac_dim": 3, "all_shapes": {"block": [2], "eef": [3]}},
        "model": {"nets": {}, "ema": _their_names("policy.noise_pred_net.")},
        **changes,
    }


def test_a_checkpoint_of_robomimic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save(robomimic_content(), tmp_path / "model.pth")
    with pytest.raises(UserError, match=r"describes a network of \d+ parameters"):  # it is always as large as published
        read_checkpoint(path)
    monkeypatch.setattr(checkpoints, "_ROBOMIMIC_DIMS", (8, 16))
    foreign = read_checkpoint(path)
    assert list(foreign.policy.spec.observations) == ["block", "eef"]
    assert foreign.policy.latent_shape == (8, 3)
    with pytest.raises(UserError, match=r"its sampler DDPM draws fresh noise .* 'inference_steps: 16'"):
        read_checkpoint(_save(robomimic_content("ddpm"), tmp_path / "b.pth"))
    assert read_checkpoint(tmp_path / "b.pth", 4).policy.sampler_cfg.num_inference_steps == 4


MANISKILL_ARGS = {"obs_horizon": 2, "act_horizon": 4, "pred_horizon": 8, "unet_dims": [8, 16], "n_groups": 4,
                  "diffusion_step_embed_dim": 8}  # fmt: skip


def maniskill_content() -> dict[str, Any]:
    return {"agent": {}, "ema_agent": {**_their_names("noise_pred_net."), "other": torch.zeros(1)}}


def test_a_checkpoint_of_maniskill_takes_its_sizes_from_the_file_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "best.pt"
    path.parent.mkdir()
    _save(maniskill_content(), path)
    with pytest.raises(UserError, match=r"the sizes of its network are in args.json of its run: put that beside it"):
        read_checkpoint(path, 8)
    (tmp_path / "args.json").write_text(json.dumps(MANISKILL_ARGS))
    foreign = read_checkpoint(path, 8)
    # The fixture's condition is two frames of 3 + 2 numbers; its action has 3.
    assert {name: entry.window_shape for name, entry in foreign.policy.spec.observations.items()} == {"state": (2, 5)}
    assert foreign.policy.latent_shape == (8, 3)
    level, noise = RECORDED["level"].float(), RECORDED["noise"]
    prediction = foreign.policy.sampler.denoiser(noise, level, RECORDED["condition"])
    torch.testing.assert_close(prediction, RECORDED["unet"], atol=1e-6, rtol=1e-6)
    with pytest.raises(UserError, match=r"its sampler DDPM draws fresh noise"):
        read_checkpoint(path)
    (tmp_path / "args.json").write_text(json.dumps({**MANISKILL_ARGS, "obs_horizon": 3}))
    with pytest.raises(UserError, match=r"does not fit obs_horizon 3 of args.json"):
        read_checkpoint(path, 8)
    (path.parent / "args.json").write_text("[]")
    with pytest.raises(UserError, match=r"args.json is not a mapping of settings"):
        read_checkpoint(path, 8)
    _save({"agent": {}, "ema_agent": {**maniskill_content()["ema_agent"], "visual_encoder.a": torch.zeros(1)}}, path)
    (path.parent / "args.json").unlink()
    with pytest.raises(UserError, match=r"policies with cameras are not read here"):
        read_checkpoint(path, 8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"agent": {}}, r"is not a checkpoint of diffusion_policy .* or ManiSkill .* it holds agent"),
        ([1, 2], r"it holds list"),
        ({"state_dicts": {}}, r"a setting is missing or of the wrong type \(KeyError: 'cfg'\)"),
        (diffusion_policy_content(_target_="x.DiffusionUnetImagePolicy"), r"'DiffusionUnetImagePolicy' are not read"),
        (
            diffusion_policy_content(pred_action_steps_only=True),
            r"setting 'pred_action_steps_only', which is",
        ),
        (diffusion_policy_content(eta=1.0), r"its policy has the setting 'eta', which is not known here"),
        (
            diffusion_policy_content(noise_scheduler={**SCHEDULE, "trained_betas": [0.1, 0.2]}),
            r"its schedule has the unknown setting 'trained_betas', which may change what it computes",
        ),
        (diffusion_policy_content(horizon=None), r"horizon holds None"),
        (diffusion_policy_content(n_action_steps=9), r"n_action_steps holds 9"),
        (robomimic_content(algo_name="bc"), r"policies of 'bc' or with cameras are not read here"),
        (robomimic_content(config="{"), r"a setting is missing or of the wrong type \(JSONDecodeError"),
        (robomimic_content(action_normalization_stats={"a": 1}), r"normalises actions or observations"),
    ],
)
def test_checkpoints_that_are_not_known(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_checkpoint(_save(content, tmp_path / "x.ckpt"))
    assert "\n" not in str(caught.value)


def test_what_a_schedule_leaves_out_is_what_diffusers_takes(tmp_path: Path) -> None:
    content = diffusion_policy_content(noise_scheduler={**SCHEDULE, "variance_type": "fixed_small"}, eta=0.0)
    cfg = read_checkpoint(_save(content, tmp_path / "a.ckpt")).policy.sampler_cfg
    assert (cfg.beta_schedule, cfg.clip_sample, cfg.timestep_spacing) == ("linear", True, "leading")


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch stolen",)


class EvilState:
    """Asks for a builtin, and for one of the functions that are known, to change it."""

    def __reduce__(self) -> Any:
        return eval, ("__import__('os').system('touch stolen')",), {"target": torch._utils._rebuild_tensor_v2}


@pytest.mark.parametrize("evil", [Evil(), EvilState(), {"a": [Evil()], "b": Evil()}])
def test_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: Any) -> None:
    monkeypatch.chdir(tmp_path)
    before = torch._utils._rebuild_tensor_v2.__defaults__
    content = read_pickled(_save({"weights": torch.ones(2), "evil": evil}, tmp_path / "evil.pth"))
    assert torch.equal(tensors_of(content)["weights"], torch.ones(2))
    assert not (tmp_path / "stolen").exists()
    assert torch._utils._rebuild_tensor_v2.__defaults__ == before
    pickle.loads(pickle.dumps(Evil()))  # so it is with good reason
    assert (tmp_path / "stolen").exists()


class AttrDict(dict):
    """As many projects have one."""


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_dict_of_an_unknown_class_keeps_its_items(tmp_path: Path, protocol: int) -> None:
    torch.save({"cfg": AttrDict(horizon=8)}, tmp_path / "own.ckpt", pickle_protocol=protocol)
    assert read_pickled(tmp_path / "own.ckpt")["cfg"].state == {"horizon": 8}


def test_a_tensor_larger_than_its_storage_is_not_made(tmp_path: Path) -> None:
    path = _save({"x": torch.zeros(1).expand(10**12)}, tmp_path / "bomb.pth")
    with pytest.raises(UserError, match=r"a tensor larger than its storage"):
        read_pickled(path)


def test_tensors_that_share_their_numbers_are_few(tmp_path: Path) -> None:
    weights = torch.arange(100_000.0)
    shared = read_pickled(_save({"a": weights, "b": weights, "c": weights[5:7]}, tmp_path / "tied.pth"))
    assert torch.equal(shared["a"], weights)
    assert shared["c"].tolist() == [5.0, 6.0]
    with pytest.raises(UserError, match=r"more tensors than the file holds"):
        read_pickled(_save([weights.view(-1) for _ in range(9)], tmp_path / "many.pth"))


def test_a_few_bytes_that_stand_for_much_are_no_hang(tmp_path: Path) -> None:
    # None, kept at place 2^31 - 1 of the memo: an unpickler in C makes a list of 2^32 places for it, 32 GB.
    with zipfile.ZipFile(tmp_path / "memo.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02Nr" + struct.pack("<I", 2**31 - 1) + b".")
        archive.writestr("archive/version", b"3")
    assert read_pickled(tmp_path / "memo.ckpt") is None
    with zipfile.ZipFile(tmp_path / "array.ckpt", "w") as archive:
        archive.writestr(
            "archive/data.pkl", b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"x."
        )  # 8 GB, of which 1 byte
    with pytest.raises(UserError, match=r"is damaged or of no known layout"):
        read_pickled(tmp_path / "array.ckpt")
    tree: Any = {"x": 1}
    for _ in range(60):  # 2^60 settings in 60 dicts
        tree = {"a": tree, "b": tree}
    for content in ({"cfg": {"policy": tree}, "state_dicts": {}}, diffusion_policy_content(), {"ema_agent": tree}):
        if content.get("state_dicts"):
            content["state_dicts"]["ema_model"] = tree
        (tmp_path / "args.json").write_text("{}")
        with pytest.raises(UserError, match=r"it nests more than 100,000 settings"):
            read_checkpoint(_save(content, tmp_path / "tree.ckpt"))
    names = {f"a{i}": ["${a" + str(i + 1) + "}"] * 2 for i in range(60)}
    with pytest.raises(ValueError, match=r"it nests more than 100,000 settings"):
        plain_settings(names)


def test_damaged_files(tmp_path: Path) -> None:
    path = _save(diffusion_policy_content(), tmp_path / "a.ckpt")
    with zipfile.ZipFile(path) as archive:
        root = next(name.removesuffix("/data.pkl") for name in archive.namelist() if name.endswith("/data.pkl"))
        data = archive.read(f"{root}/data.pkl")
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):  # bytes of the pickle replaced at random: read or refused in one line, nothing else
        place = int(torch.randint(len(data), (1,), generator=generator))
        byte = int(torch.randint(256, (1,), generator=generator))
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.ckpt", "w") as new:
            for name in old.namelist():
                content = (
                    data[:place] + bytes([byte]) + data[place + 1 :] if name.endswith("data.pkl") else old.read(name)
                )
                new.writestr(name, content)
        with contextlib.suppress(UserError):
            read_checkpoint(tmp_path / "b.ckpt")
    with pytest.raises(UserError, match=r"does not exist; a checkpoint is needed"):
        read_pickled(tmp_path / "none.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(UserError, match=r"is of no known kind"):
        read_pickled(tmp_path / "text.ckpt")


def test_settings_with_references_and_records_of_unknown_classes() -> None:
    record = Inert()
    record.state = {"_content": {"a": {"_val": 1}, "b": "${a}", "c": "${nowhere}", "d": ["${e.f}"], "e": {"f": 2.0}}}
    settings = plain_settings(record)
    assert settings == {"a": {"_val": 1}, "b": {"_val": 1}, "c": "${nowhere}", "d": [2.0], "e": {"f": 2.0}}
    assert plain_settings({"loop": "${loop}", "x": torch.ones(1)}) == {"loop": None, "x": None}
