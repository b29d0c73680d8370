# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from score.imitation import DemonstrationSet, PretrainCfg, TrainingResult, read_demonstrations, train_base_policy
from score.imitation.settings import updates_for_epochs
from score.imitation.train import training_directory
from score.imitation.trainer import Trainer, learning_rate_factor
from score.imitation.windows import WindowSet, make_spec, make_windows, split_episodes
from score.policies import DiffusionNetworkCfg, DiffusionPolicy, PolicySpec
from score.policies.bundle import load_bundle
from score.policies.contract import contract_problems
from score.utils.errors import UserError

from .conftest import tiny_cfg, tiny_diffusion, write_demonstrations

SCRIPT = Path(__file__).parents[2] / "scripts" / "pretrain.py"


@pytest.fixture
def data(demonstrations: Path) -> DemonstrationSet:
    return read_demonstrations(demonstrations, ["joint_pos"], ["point_cloud"])


def _train(data: DemonstrationSet, output: Path, cfg: PretrainCfg, **keywords: Any) -> TrainingResult:
    return train_base_policy(data, output, cfg, console=Console(file=io.StringIO()), **keywords)


def _stop_after(monkeypatch: pytest.MonkeyPatch, update: int) -> None:
    """Press Ctrl-C after some updates, as far as the trainer can tell."""
    step = Trainer.step

    def stepping(self: Trainer) -> float:
        if self.update == update:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Trainer, "step", stepping)


def test_training_leaves_bundle_curves_and_events(data: DemonstrationSet, tmp_path: Path) -> None:
    result = train_base_policy(data, tmp_path / "base", tiny_cfg(), label="Toy", console=Console(file=io.StringIO()))
    policy = load_bundle(result.bundle)
    assert policy.latent_shape == (4, 2)
    assert sorted(path.name for path in result.bundle.iterdir()) == ["policy.safetensors", "policy.yaml"]
    facts = yaml.safe_load((result.bundle / "policy.yaml").read_text())["training"]
    assert (facts["task"], facts["updates"], facts["episodes"], facts["data_sha256"]) == ("Toy", 12, 6, data.sha256)
    assert (result.training / "curves.png").read_bytes()[:4] == b"\x89PNG"
    events = EventAccumulator(str(result.training)).Reload()
    assert [scalar.step for scalar in events.Scalars("loss/validation")] == [4, 8, 12]
    assert {"loss/train", "learning_rate", "action_error/row_0", "action_error/row_3"} <= set(events.Tags()["scalars"])


def test_same_seed_same_policy_other_seed_other_policy(data: DemonstrationSet, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        _train(data, tmp_path / name, tiny_cfg(seed=seed))
    weights = {name: (tmp_path / name / "policy.safetensors").read_bytes() for name in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]


def test_interrupted_and_resumed_equals_uninterrupted(
    data: DemonstrationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _train(data, tmp_path / "whole", tiny_cfg())
    with monkeypatch.context() as patch:
        _stop_after(patch, 7)  # between two validations and not at a checkpoint
        with pytest.raises(KeyboardInterrupt, match=r"after 7 of 12 updates is in .*parts; --resume goes on"):
            _train(data, tmp_path / "parts", tiny_cfg())
    assert load_bundle(tmp_path / "parts").latent_shape == (4, 2)  # usable as it is
    parts = _train(data, tmp_path / "parts", tiny_cfg(), resume=True)
    assert parts.measurements == whole.measurements
    assert (parts.bundle / "policy.safetensors").read_bytes() == (whole.bundle / "policy.safetensors").read_bytes()
    events = EventAccumulator(str(parts.training)).Reload()
    # In the order of writing: two files of one process and second are read by name, in which "10" is before "9".
    written = sorted(events.Scalars("loss/validation"), key=lambda scalar: scalar.wall_time)
    assert [scalar.step for scalar in written] == [4, 8, 12]


def test_a_training_of_before_noise_counted_goes_on_with_its_own_statistics(
    data: DemonstrationSet, tmp_path: Path
) -> None:
    spec, windows = make_spec(data, tiny_cfg()), make_windows(data.episodes, tiny_cfg())
    before, now = (Trainer(spec, windows, windows, tiny_cfg()) for _ in range(2))
    before.policy.feature_normaliser.scale.mul_(0.5)
    before.save(tmp_path / "checkpoint.pt", {})
    noise = now.condition_noise
    now.restore(tmp_path / "checkpoint.pt", {})
    # Half the deviation: the same noise, in radians, is twice as many deviations.
    torch.testing.assert_close(now.condition_noise, 2.0 * noise)


def test_resume_refuses_other_settings_other_data_and_damage(data: DemonstrationSet, tmp_path: Path) -> None:
    _train(data, tmp_path / "base", tiny_cfg())
    with pytest.raises(UserError, match=r"belongs to another training .*learning_rate was 0.001 and is 0.1"):
        _train(data, tmp_path / "base", tiny_cfg(learning_rate=0.1), resume=True)
    write_demonstrations(tmp_path / "other.hdf5", episodes=7)
    other = read_demonstrations(tmp_path / "other.hdf5", ["joint_pos"], ["point_cloud"])
    with pytest.raises(UserError, match=r"belongs to another training .*data_sha256 was"):
        _train(other, tmp_path / "base", tiny_cfg(), resume=True)
    (training_directory(tmp_path / "base") / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"checkpoint.pt is not a checkpoint of pretrain.py"):
        _train(data, tmp_path / "base", tiny_cfg(), resume=True)
    with pytest.raises(UserError, match=r"Nothing to resume: .*checkpoint.pt does not exist"):
        _train(data, tmp_path / "elsewhere", tiny_cfg(), resume=True)


def test_existing_output_is_kept_unless_told(data: DemonstrationSet, tmp_path: Path) -> None:
    _train(data, tmp_path / "base", tiny_cfg())
    before = (tmp_path / "base" / "policy.safetensors").read_bytes()
    with pytest.raises(UserError, match=r"base already exists: give --resume .*, --overwrite to replace it"):
        _train(data, tmp_path / "base", tiny_cfg(seed=3))
    assert (tmp_path / "base" / "policy.safetensors").read_bytes() == before
    _train(data, tmp_path / "base", tiny_cfg(seed=3), overwrite=True)
    assert (tmp_path / "base" / "policy.safetensors").read_bytes() != before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(UserError, match=r"holds other things than what is to be written there \(notes.txt\)"):
        _train(data, tmp_path / "mine", tiny_cfg(), overwrite=True)


def test_a_loss_that_explodes_is_reported(
    data: DemonstrationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "_loss", lambda self, policy, condition, *_: condition.sum() * float("nan"))
    with pytest.raises(UserError, match=r"Training loss became nan at update 1: lower the learning rate"):
        _train(data, tmp_path / "base", tiny_cfg())


@pytest.mark.parametrize("form", ["mlp", "unet"])
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_diffusion_policy_is_trained_resumed_and_keeps_the_contract(
    form: str, data: DemonstrationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = tiny_cfg(network=tiny_diffusion(form))
    whole = _train(data, tmp_path / "whole", cfg)
    policy = load_bundle(whole.bundle)
    assert isinstance(policy, DiffusionPolicy)
    assert contract_problems(policy) == []
    # Clipped where no demonstrated action is, rounded up to a tenth.
    trainer = Trainer(*_windows(data, cfg), cfg)
    condition = trainer.policy.encode(trainer.train.take(torch.arange(len(trainer.train)))[0])
    largest = float(trainer.policy.normalize_actions(condition, trainer.train.actions).abs().max())
    assert largest <= policy.sampler_cfg.clip_sample_range <= largest + 0.1001
    with monkeypatch.context() as patch:
        _stop_after(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            _train(data, tmp_path / "parts", cfg)
    parts = _train(data, tmp_path / "parts", cfg, resume=True)
    names = [folder / "policy.safetensors" for folder in (whole.bundle, parts.bundle)]
    assert names[0].read_bytes() == names[1].read_bytes()
    with pytest.raises(UserError, match=r"belongs to another training \(network was"):
        _train(data, tmp_path / "parts", tiny_cfg(), resume=True)


def _windows(data: DemonstrationSet, cfg: PretrainCfg) -> tuple[PolicySpec, WindowSet, WindowSet]:
    parts = split_episodes(len(data.episodes), cfg.validation_fraction, cfg.seed)
    windows = [make_windows([data.episodes[i] for i in part], cfg) for part in parts]
    return make_spec(data, cfg), windows[0], windows[1]


@pytest.mark.parametrize("network", [None, tiny_diffusion()])
def test_training_learns(tmp_path: Path, network: DiffusionNetworkCfg | None) -> None:
    """Actions that follow from the observation (joint + 0.1 times its last motion) are predicted from it."""
    data = read_demonstrations(write_demonstrations(tmp_path / "d.hdf5", episodes=20, steps=30), ["joint_pos"])
    for episode in data.episodes:
        joints = episode.observations["joint_pos"]
        episode.actions.copy_(joints + torch.diff(joints, dim=0, prepend=joints[:1]))
    cfg = tiny_cfg(
        network=network or tiny_cfg().network, point_cloud=None, horizon=2, updates=400, warmup=20, batch_size=64,
        validation_every=200, learning_rate=3e-3,
    )  # fmt: skip
    *_, last = _train(data, tmp_path / "base", cfg).measurements
    # Offsets have a deviation of 0.1: guessing one at random errs by about 0.1.
    assert last.action_error[0] < 0.03
    assert last.validation_loss < 0.5


def test_a_wider_u_net_learns(tmp_path: Path) -> None:
    """As above. Its validation loss, on noise, stays at 0.50 (0.51 after 400 updates): only the actions are held."""
    data = read_demonstrations(write_demonstrations(tmp_path / "d.hdf5", episodes=20, steps=30), ["joint_pos"])
    for episode in data.episodes:
        joints = episode.observations["joint_pos"]
        episode.actions.copy_(joints + torch.diff(joints, dim=0, prepend=joints[:1]))
    network = DiffusionNetworkCfg(form="unet", down_dims=(32, 64), kernel_size=3, step_embed_dim=32)
    cfg = tiny_cfg(
        network=network, point_cloud=None, horizon=2, updates=400, warmup=20, batch_size=64, validation_every=200,
        learning_rate=3e-3,
    )  # fmt: skip
    assert _train(data, tmp_path / "base", cfg).measurements[-1].action_error[0] < 0.03


def test_learning_rate_by_hand() -> None:
    cfg = tiny_cfg(warmup=4, updates=12)
    # Warm-up 1/4, 2/4, 3/4, 1; half way through the cosine (update 8 of 4..12) 0.5; at the end 0.
    factors = [learning_rate_factor(update, cfg) for update in (0, 1, 3, 4, 8, 12)]
    assert factors == pytest.approx([0.25, 0.5, 1.0, 1.0, 0.5, 0.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"updates": 0}, "Setting updates is 0, and must be at least 1"),
        ({"learning_rate": -1.0}, "Setting learning_rate is -1.0"),
        ({"validation_fraction": 1.0}, "Setting validation_fraction is 1.0"),
        ({"histories": {"joint_pos": 0}}, r"Setting histories\[joint_pos\] is 0"),
        ({"measured": "joints"}, "Setting measured 'joints' is none of the observations"),
    ],
)
def test_bad_settings_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny_cfg(**changes)


def test_epochs_by_hand() -> None:
    # 3 passes over 100 steps in batches of 8: 300 / 8 = 37.5.
    assert updates_for_epochs(3, 100, 8) == 38
    with pytest.raises(UserError, match=r"epochs is 0"):
        updates_for_epochs(0, 100, 8)


def _script(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, env=environment, timeout=300
    )


def test_command_line(tmp_path: Path, demonstrations: Path) -> None:
    output = tmp_path / "base"
    result = _script(
        "--dataset", str(demonstrations), "--output", str(output), "--updates", "2", "--batch_size", "2",
        "--kind", "diffusion", "--network", "unet", "--down_dims", "8", "8", "--inference_steps", "3",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "6 episodes, 72 steps, 50% successful" in result.stdout
    assert f"Wrote {output}" in result.stdout
    policy = load_bundle(output)
    assert policy.spec.control_rate_hz == 10.0
    assert isinstance(policy, DiffusionPolicy)
    assert (policy.network_cfg.down_dims, policy.sampler_cfg.num_inference_steps) == ((8, 8), 3)
    assert policy.sampler_cfg.prediction_type == "sample"


def test_command_line_without_past_actions(tmp_path: Path, demonstrations: Path) -> None:
    output = tmp_path / "base"
    result = _script(
        "--dataset", str(demonstrations), "--output", str(output), "--updates", "2", "--batch_size", "2",
        "--observations", "joint_pos:1", "--no_past_actions",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    windows = {name: window.history for name, window in load_bundle(output).spec.observations.items()}
    assert windows == {"joint_pos": 1, "point_cloud": 1}


def test_command_line_ends_in_one_line_on_bad_input(
    tmp_path: Path, demonstrations: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(dataset: Path, *words: str) -> str:
        arguments = ["--dataset", str(dataset), "--output", str(tmp_path / "base"), *words]
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        assert ended.value.code == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert not (tmp_path / "base").exists()
        return line

    assert refused(tmp_path / "demo.hdf5").startswith("error: Demonstrations ")
    kind = refused(demonstrations, "--network", "unet")
    assert "error: --network unet is a choice of --kind diffusion: give that kind too." in kind
    for words, message in (
        (("--joint_noise", "nan"), "Setting augmentation.joint_noise is nan, and must be 0 or more"),
        (("--learning_rate", "inf"), "Setting learning_rate is inf, and must be more than 0"),
        (("--points", "99999"), "--points 99999: the cloud has "),
        (("--batch_size", "100000000"), "--batch_size 100000000: there are 72 windows; give at most as many."),
    ):
        assert message in refused(demonstrations, "--updates", "1", *words)
    device = refused(demonstrations, "--device", "cdua")
    assert "error: Device 'cdua' cannot be used" in device
    assert "give --device cpu" in device


def test_checkpoint_is_plain_data(data: DemonstrationSet, tmp_path: Path) -> None:
    result = _train(data, tmp_path / "base", tiny_cfg())
    state = torch.load(result.training / "checkpoint.pt", weights_only=True)  # would refuse anything but plain data
    assert json.loads(state["identity"])["data_sha256"] == data.sha256
