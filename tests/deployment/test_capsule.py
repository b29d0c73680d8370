# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The capsule on disk: what is written, that it runs with torch alone, and what verification says of bad ones."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.deployment.doubles import network_pieces, observations, reference_rollout

from score.deployment import (
    CapsulePieces,
    CapsuleReport,
    GoldenEpisode,
    build_policy,
    export_capsule,
    read_golden,
    read_manifest,
    run_policy,
    verify_capsule,
    write_golden,
)
from score.deployment.manifest import FORMAT, HASHED_FILES, latency_budgets, manifest_digest
from score.deployment.verify import _latency, _within_limits
from score.utils import UserError
from score.utils.files import sha256_of

STEPS = 9


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One capsule for the module; tests that change it work on a copy."""
    pieces = network_pieces()
    episode = reference_rollout(pieces, observations(STEPS))
    return export_capsule(pieces, episode, tmp_path_factory.mktemp("capsules") / "capsule")


@pytest.fixture
def capsule(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "capsule"))


def message_of(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        verify_capsule(path, repeats=1)
    return str(caught.value)


def edit(capsule: Path, change: Callable[[dict], object], *, sign: bool = True) -> None:
    """Changes the manifest; ``sign`` makes its digest fit again, as a program that writes manifests would."""
    file = capsule / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    if sign:
        manifest["manifest_sha256"] = manifest_digest(manifest)
    file.write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def good_report(original: Path) -> CapsuleReport:
    return verify_capsule(original, repeats=3)


def test_a_good_capsule_passes_in_a_process_with_torch_alone(good_report: CapsuleReport) -> None:
    report = good_report
    assert report.failures == []
    assert report.steps == STEPS
    assert report.max_difference <= 1e-6
    assert report.same_decisions
    assert report.within_limits
    latency = report.latency_ms
    assert 0.0 < latency["p50"] <= latency["p99"] <= latency["max"]
    assert latency["slowest_step"] <= latency["max"]
    assert report.to_dict()["passed"] is True
    json.dumps(report.to_dict(), allow_nan=False)


def test_manifest_says_what_a_robot_needs(original: Path) -> None:
    manifest = read_manifest(original / "manifest.json")
    assert manifest["format"] == FORMAT == "score-capsule/1"
    cloud = manifest["inputs"][1]
    assert [item["name"] for item in manifest["inputs"]] == ["joint_pos", "point_cloud"]
    assert cloud == {
        "name": "point_cloud",
        "shape": [5, 3],
        "dtype": "float32",
        "units": "m",
        "frame": "tool",
        "names": [],
        "history": 1,
        "segments": [],
    }
    output = manifest["output"]
    assert (output["names"], output["units"], output["shape"]) == (["a", "b"], "rad", [2])
    assert (output["low"], output["high"], output["max_offset"]) == ([-1.0, -1.0], [1.0, 1.0], 0.2)
    assert manifest["kept_inside"] == {"joint_pos_target": {"history": 3, "units": "rad"}}
    assert manifest["chunk"] == {"horizon": 3, "executed": 2, "late": 0}
    assert manifest["latent"]["rule"] == "mean"
    assert manifest["latent"]["complement"] == "zero"
    assert manifest["control_rate_hz"] == 10.0
    assert manifest["base_policy"]["sha256"] == "0" * 64
    assert manifest["files"]["policy.pt"]["sha256"] == sha256_of(original / "policy.pt")
    assert manifest["versions"]["torch"] == torch.__version__


def test_policy_runs_in_a_fresh_process_without_this_project(original: Path) -> None:
    code = (
        "import sys, torch\n"
        "policy = torch.jit.load(sys.argv[1]); policy.reset()\n"
        "action = policy(policy.example_observations())\n"
        "assert action.shape == (2,) and action.dtype == torch.float32\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('score', 'rsl_rl', 'isaaclab')))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-I", "-c", code, str(original / "policy.pt")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"


def test_deployment_package_needs_neither_isaac_lab_nor_rsl_rl_nor_safetensors() -> None:
    code = (
        "import sys\n"
        "for name in ('isaaclab', 'rsl_rl', 'safetensors', 'yaml', 'omegaconf', 'numpy'): sys.modules[name] = None\n"
        "import score.deployment; print(sorted(name for name in sys.modules if name.startswith('score.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout
    assert "score.deployment.verify" in loaded
    assert "score.policies" not in loaded
    assert "score.steering" not in loaded


def test_run_policy_replays_the_golden_episode(original: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(original / "run_policy.py"), "--replay", "golden"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "same as the simulator" in done.stdout


def test_run_policy_tells_what_to_fill_in(original: Path) -> None:
    command = [sys.executable, "-I", str(original / "run_policy.py"), "--steps", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "error: Fill in stop_robot() in run_policy.py, or run: python run_policy.py --replay golden"
    )


def test_run_policy_drives_a_robot_once_filled_in(capsule: Path) -> None:
    # The example cloud is zero; joints follow their targets. Three steps at 10 Hz take at least 0.3 s.
    program = (capsule / "run_policy.py").read_text()
    head, tail = program.split("def main() -> None:")
    filled = (
        "def read_robot(manifest):\n"
        "    return {'joint_pos': JOINTS, 'point_cloud': torch.zeros(5, 3)}, time.monotonic()\n"
        "def stop_robot(manifest):\n    print('stopped')\n"
        "def send_to_robot(action, manifest):\n    JOINTS.copy_(action); print('sent', action.shape)\n"
        "JOINTS = torch.zeros(2)\n"
    )
    (capsule / "run_policy.py").write_text(head + filled + "def main() -> None:" + tail)
    done = subprocess.run(
        [sys.executable, "-I", str(capsule / "run_policy.py"), "--steps", "3"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[:5] == ["stopped", *3 * ["sent torch.Size([2])"], "stopped"]
    assert "run_policy.py" not in HASHED_FILES  # a filled-in program is no damage


def test_a_log_of_the_robot_is_verified_as_the_recorded_episode_is(capsule: Path, tmp_path: Path) -> None:
    program = run_policy.load(capsule)
    kept, joints = run_policy.Log(), torch.zeros(2)
    for _ in range(5):
        seen = {"joint_pos": joints, "point_cloud": torch.zeros(5, 3)}
        action = program[0](seen)
        kept.add(seen, action, program[0].decided(), True)
        joints.copy_(action)  # as a robot's program may use its tensors again
    kept.write(tmp_path / "run.safetensors")
    report = verify_capsule(capsule, repeats=1, log=tmp_path / "run.safetensors")
    assert (report.steps, report.max_difference, report.same_decisions, report.within_limits) == (5, 0.0, True, True)
    kept.steps[3][1].add_(0.01)
    kept.write(tmp_path / "run.safetensors")
    report = verify_capsule(capsule, repeats=1, log=tmp_path / "run.safetensors")
    assert report.max_difference == pytest.approx(0.01, abs=1e-6)
    assert "actions differ" in report.failures[0]
    with pytest.raises(UserError, match=r"log\.txt is damaged or no safetensors file"):
        (tmp_path / "log.txt").write_text("no log")
        verify_capsule(capsule, log=tmp_path / "log.txt")
    with pytest.raises(UserError, match=r"--log .*is not a log of run_policy\.py --log"):
        run_policy.write_safetensors(tmp_path / "log.txt", {"other": torch.zeros(2)})
        verify_capsule(capsule, log=tmp_path / "log.txt")
    with pytest.raises(UserError, match="has 3 actions a step, this capsule others"):
        tensors = {"outputs.action": torch.zeros(2, 3), "decision": torch.zeros(2, dtype=torch.uint8)}
        run_policy.write_safetensors(tmp_path / "log.txt", tensors)
        verify_capsule(capsule, log=tmp_path / "log.txt")


def test_golden_episode_survives_the_disk(tmp_path: Path) -> None:
    episode = reference_rollout(network_pieces(), observations(4))
    write_golden(episode, tmp_path / "golden.safetensors")
    back = read_golden(tmp_path / "golden.safetensors")
    assert torch.equal(back.actions, episode.actions)
    assert torch.equal(back.decisions, episode.decisions)
    assert all(torch.equal(back.observations[key], value) for key, value in episode.observations.items())


def test_golden_episode_refuses_nonsense() -> None:
    good = observations(3)
    actions, decisions = torch.zeros(3, 2), torch.zeros(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="'joint_pos' of the golden episode has 4 steps, the actions 3"):
        GoldenEpisode({"joint_pos": torch.zeros(4, 2)}, actions, decisions)
    with pytest.raises(ValueError, match="'actions' of the golden episode holds NaN"):
        GoldenEpisode(good, actions * float("nan"), decisions)
    with pytest.raises(ValueError, match="needs actions"):
        GoldenEpisode({}, actions[:0], decisions[:0])


def test_a_policy_that_acts_otherwise_fails(tmp_path: Path) -> None:
    pieces = network_pieces()
    episode = reference_rollout(pieces, observations(STEPS))
    actions = episode.actions.clone()
    actions[4, 1] += 2e-5  # more than 1e-5, far below what anybody would see the robot do
    wrong = GoldenEpisode(episode.observations, actions, ~episode.decisions)
    report = verify_capsule(export_capsule(pieces, wrong, tmp_path / "c"), repeats=1)
    assert report.max_difference == pytest.approx(2e-5, rel=0.1)
    assert report.failures == [
        "actions differ from the simulator's by 2.00e-05, more than 1e-05",
        "decisions are taken at other steps than in the simulator",
    ]


@pytest.mark.parametrize(
    ("joints", "action", "inside"),
    [
        ([0.5, 0.0], [0.7, 0.0], True),  # 0.2 from the measured position: just max_offset
        ([0.5, 0.0], [0.71, 0.0], False),  # 0.21
        ([0.9, 0.0], [1.01, 0.0], False),  # beyond the limit 1.0
        ([1.7, 0.0], [1.0, 0.0], True),  # a joint 0.7 beyond its limit is sent back to the limit
        ([1.7, 0.0], [0.79, 0.0], False),  # 0.21 from the limit
    ],
)
def test_limits_of_recorded_actions(joints: list[float], action: list[float], inside: bool) -> None:
    raw = {"joint_pos": torch.tensor([joints])}
    episode = GoldenEpisode(raw, torch.tensor([action]), torch.tensor([True]))
    output = {"low": [-1.0, -1.0], "high": [1.0, 1.0], "max_offset": 0.2, "offset_from": "joint_pos"}
    assert _within_limits(episode, output) is inside
    within = max(action) <= 1.0
    assert _within_limits(episode, output | {"max_offset": None, "offset_from": None}) is within


def test_a_capsule_whose_joints_have_offsets_of_their_own(tmp_path: Path) -> None:
    offsets = (0.05, 0.2)
    pieces = dataclasses.replace(network_pieces(), max_offset=offsets)
    policy, raw = build_policy(pieces.head, pieces.spec, max_offset=offsets), observations(3)
    actions = torch.stack([policy({name: value[t] for name, value in raw.items()}) for t in range(3)])
    episode = GoldenEpisode(raw, actions, torch.tensor([True, False, True]))
    report = verify_capsule(export_capsule(pieces, episode, tmp_path / "c"), repeats=1)
    assert (report.max_difference, report.within_limits) == (0.0, True)
    output = read_manifest(tmp_path / "c" / "manifest.json")["output"]
    assert output["max_offset"] == [0.05, 0.2]
    measured = {"joint_pos": torch.zeros(1, 2)}
    for action, inside in (((0.05, 0.2), True), ((0.06, 0.2), False), ((0.05, 0.21), False)):
        assert _within_limits(GoldenEpisode(measured, torch.tensor([action]), torch.tensor([True])), output) is inside


def test_a_capsule_of_a_task_that_measures_nothing(tmp_path: Path) -> None:
    pieces = dataclasses.replace(network_pieces(), max_offset=None)
    raw = {**observations(3), "joint_pos_target": torch.zeros(3, 2)}
    policy = build_policy(pieces.head, pieces.spec, max_offset=None)
    actions = torch.stack([policy({name: value[t] for name, value in raw.items()}) for t in range(3)])
    episode = GoldenEpisode(raw, actions, torch.tensor([True, False, True]))
    report = verify_capsule(export_capsule(pieces, episode, tmp_path / "c"), repeats=1)
    assert (report.max_difference, report.same_decisions, report.within_limits) == (0.0, True, True)
    manifest = read_manifest(tmp_path / "c" / "manifest.json")
    assert (manifest["output"]["max_offset"], manifest["output"]["offset_from"]) == (None, None)
    assert manifest["output"]["meaning"] == "absolute target, clamped: to [low, high]"
    assert manifest["kept_inside"] == {}


def test_latency_counts_each_step_with_the_least_of_its_replays() -> None:
    # three replays of two steps; step 0 took 9, 2, 3 ms (least 2), step 1 took 1, 1, 8 ms (least 1)
    latency = _latency([9.0, 1.0, 2.0, 1.0, 3.0, 8.0], [8.0, 1.0, 2.0, 0.5, 3.0, 7.0], [True, False])
    assert latency == {"p50": 2.5, "p99": 9.0, "max": 9.0, "decision": 2.0, "slowest_step": 0.5}


@pytest.mark.parametrize(
    ("rate", "late", "step_ms", "decision_ms"),
    # A fifth of a period, 100 ms at 10 Hz and 20 ms at 50 Hz; a late decision has so many periods, less that fifth.
    [(10.0, 0, 20.0, 20.0), (50.0, 0, 4.0, 4.0), (10.0, 3, 20.0, 280.0)],
)
def test_what_a_decision_may_take_follows_from_the_rate(
    rate: float, late: int, step_ms: float, decision_ms: float
) -> None:
    assert latency_budgets(rate, late) == pytest.approx({"budget_ms": step_ms, "decision_ms": decision_ms})


def test_what_a_slow_policy_beyond_its_limits_is_told(good_report: CapsuleReport) -> None:
    latency = {**good_report.latency_ms, "slowest_step": 21.0, "decision": 22.0}
    bad = dataclasses.replace(good_report, latency_ms=latency, within_limits=False, max_difference=float("nan"))
    assert bad.failures == [
        "actions differ from the simulator's by nan, more than 1e-05",
        "recorded actions leave the limits of the manifest",
        "the slowest control step takes 21.0 ms, the budget is 20 ms",
        "a decision takes 22.0 ms, the budget is 20 ms (export.py --late_steps N gives it N control steps)",
    ]
    assert "FAILED: the slowest control step takes 21.0 ms" in bad.summary()
    assert good_report.summary().endswith("Passed.")
    latency |= {"slowest_step": 9.0, "decision": 19.0, "max": 30.0}
    disturbed = dataclasses.replace(good_report, latency_ms=latency)
    assert disturbed.failures == []
    assert "some calls took longer than the budget: is another program running?" in disturbed.summary()


def test_export_refuses_an_existing_folder_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    pieces = network_pieces()
    episode = reference_rollout(pieces, observations(3))
    target = tmp_path / "c"
    export_capsule(pieces, episode, target)
    before = sha256_of(target)
    with pytest.raises(UserError, match="already exists"):
        export_capsule(pieces, episode, target)
    unwritable = CapsulePieces(**{**vars(pieces), "evaluation": {"rate": float("nan")}})
    with pytest.raises(ValueError, match="JSON compliant"):
        export_capsule(unwritable, episode, target, overwrite=True)
    assert sha256_of(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    export_capsule(pieces, episode, target, overwrite=True)


def test_missing_folder_names_near_ones_and_the_export_command(capsule: Path) -> None:
    message = message_of(capsule.with_name("capsul"))
    assert "capsul does not exist. Did you mean 'capsule'? Make a capsule: ./isaaclab.sh -p scripts/" in message


def test_training_checkpoint_instead_of_a_capsule(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model_120.pt"
    torch.save({"actor_state_dict": {"mlp.0.weight": torch.zeros(2)}, "iter": 120}, checkpoint)
    expected = f"./isaaclab.sh -p scripts/export.py --task TASK --checkpoint {checkpoint} --output DIR"
    message = message_of(checkpoint)
    assert "model_120.pt is a training checkpoint (weights only), not a TorchScript policy." in message
    assert message.endswith(expected)


def test_run_folder_instead_of_a_capsule_names_its_newest_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    for iteration in (9, 120, 20):
        (tmp_path / f"model_{iteration}.pt").touch()
    message = message_of(tmp_path)
    assert "is the folder of a training run, not a capsule. Export it:" in message
    assert f"--checkpoint {tmp_path / 'model_120.pt'} --output DIR" in message


def test_bundle_empty_folder_and_foreign_file_instead_of_a_capsule(tmp_path: Path) -> None:
    assert "is not a capsule: it has no manifest.json" in message_of(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    assert "is a file, and a capsule is a folder" in message_of(tmp_path / "notes.txt")
    (tmp_path / "policy.yaml").touch()
    assert "is a base policy, not a capsule" in message_of(tmp_path)


def test_policy_file_instead_of_its_folder(capsule: Path) -> None:
    assert message_of(capsule / "policy.pt").endswith(
        f"policy.pt is one file of a capsule: name its folder, {capsule}."
    )


def test_checkpoint_in_place_of_the_policy(capsule: Path) -> None:
    torch.save({"iter": 1}, capsule / "policy.pt")
    assert "policy.pt is a training checkpoint (weights only), not a TorchScript policy" in message_of(capsule)


class _Bomb:
    def __reduce__(self) -> tuple:
        return (os.mkdir, ("pickle-was-run",))


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickle_is_named_and_never_run(capsule: Path, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(capsule)
    (capsule / "policy.pt").write_bytes(pickle.dumps(_Bomb(), protocol=protocol))
    assert "policy.pt is a Python pickle and was not opened: it could run any code" in message_of(capsule)
    assert not (capsule / "pickle-was-run").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("policy.pt", "policy.pt is cut off or damaged. Copy or export the capsule again"),
        ("golden.safetensors", "golden.safetensors is cut off: "),
    ],
)
def test_truncated_file(capsule: Path, name: str, message: str) -> None:
    data = (capsule / name).read_bytes()
    (capsule / name).write_bytes(data[: len(data) // 2])
    assert message in message_of(capsule)


def test_empty_policy_file(capsule: Path) -> None:
    (capsule / "policy.pt").write_bytes(b"")
    assert "policy.pt is empty" in message_of(capsule)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("policy.pt", "is cut off or damaged"),  # an archive knows its own checksums
        ("golden.safetensors", "is not the file that was exported (its sha256 differs from manifest.json)"),
    ],
)
def test_changed_file(capsule: Path, name: str, message: str) -> None:
    data = bytearray((capsule / name).read_bytes())
    data[len(data) // 3] ^= 1
    (capsule / name).write_bytes(data)
    assert f"{name} {message}" in message_of(capsule)


@pytest.mark.parametrize("name", ["policy.pt", "golden.safetensors"])
def test_missing_file(capsule: Path, name: str) -> None:
    (capsule / name).unlink()
    assert f"{name} is missing: copy the whole capsule folder" in message_of(capsule)


def test_edited_manifest(capsule: Path) -> None:
    edit(capsule, lambda manifest: manifest["output"].update(max_offset=9.0), sign=False)
    message = message_of(capsule)
    assert "manifest.json was edited after the export" in message
    assert "changing them changes nothing" in message


def test_reformatted_manifest_is_not_edited(capsule: Path) -> None:
    edit(capsule, lambda manifest: None, sign=False)  # all on one line now
    read_manifest(capsule / "manifest.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format="score-capsule/2"), "format 'score-capsule/2', newer than this program reads"),
        (lambda m: m.update(format="onnx"), "has format 'onnx', not 'score-capsule/1'"),
        (lambda m: m.pop("format"), "has format None, not 'score-capsule/1'"),
        (lambda m: m["output"].pop("low"), "lacks the entry 'output.low'"),
        (lambda m: m.update(control_rate_hz="10"), "has a wrong value at 'control_rate_hz': '10'"),
        (lambda m: m.update(parity_tolerance=True), "has a wrong value at 'parity_tolerance': True"),
        (lambda m: m.update(chunk=3), "has no table at 'chunk'"),
        (lambda m: m["inputs"][0].pop("units"), "lacks the entry 'inputs[0].units'"),
        (lambda m: m["output"].update(offset_from="q"), "clamps to 'q', which is not an input (joint_pos, point_"),
        (lambda m: m["output"].update(offset_from=None), "names only one of 'output.max_offset' and 'output.offset_"),
        (lambda m: m["output"].update(max_offset=float("nan")), "has a wrong value at 'output.max_offset': nan"),
        (
            lambda m: m["output"].update(max_offset=[0.1]),
            "has not one positive 'output.max_offset' for each of its names",
        ),
        (lambda m: m["output"].update(max_offset=[0.1, "1"]), "has not one positive 'output.max_offset'"),
        (lambda m: m["output"]["low"].pop(), "has limits and names of different lengths"),
        (lambda m: m["inputs"][1].update(shape=[6, 3]), "golden.safetensors holds"),
    ],
)
def test_manifest_that_does_not_fit(capsule: Path, change: Callable[[dict], object], message: str) -> None:
    edit(capsule, change)
    assert message in message_of(capsule)


def test_manifest_that_is_no_json(capsule: Path) -> None:
    (capsule / "manifest.json").write_text('{"format": "score-caps')
    assert "manifest.json is not JSON" in message_of(capsule)


def test_policy_that_does_not_run_is_reported_in_one_line(capsule: Path) -> None:
    class Other(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

        @torch.jit.export
        def reset(self) -> None:
            pass

        @torch.jit.export
        def decided(self) -> bool:
            return True

        @torch.jit.export
        def example_observations(self) -> dict[str, torch.Tensor]:
            return {"joint_pos": torch.zeros(2)}

    torch.jit.script(Other()).save(str(capsule / "policy.pt"))
    file = capsule / "policy.pt"
    edit(capsule, lambda m: m["files"]["policy.pt"].update(sha256=sha256_of(file), bytes=file.stat().st_size))
    message = message_of(capsule)
    assert "policy.pt does not run in a process that has torch only:" in message
    assert "\n" not in message
