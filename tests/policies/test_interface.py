# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A LeRobot checkpoint of three joints and two numbers of the scene, in the words of tasks that say it otherwise."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from score.policies import DiffusionPolicy
from score.policies.adapt import _actions, _wire, adapt
from score.policies.adapted import AdaptedPolicy, read_wiring
from score.policies.bundle import load_bundle, save_bundle
from score.policies.contract import contract_problems
from score.policies.interface import ActionPart, InputPart, read_interface
from score.policies.lerobot import read_lerobot
from score.policies.load import check_policy, load_policy, policy_sha256
from score.policies.spec import ActionSpec, CloudSegment, ObservationSpec, PolicySpec
from score.utils.errors import UserError

FIXTURE = Path(__file__).parent / "fixtures" / "lerobot_ddim"
RECORDED = load_file(FIXTURE / "reference.safetensors")
JOINTS = ("a", "b", "c")
WIDE = (-1000.0,) * 3, (1000.0,) * 3


def task_spec(rate: float = 10.0, history: int = 2, units: str = "rad", **more: ObservationSpec) -> PolicySpec:
    """A task whose joints are those of the checkpoint."""
    observations = {
        "joint_pos": ObservationSpec((3,), history, units, names=JOINTS),
        "block": ObservationSpec((2,), 2, "m"),
        **more,
    }
    return PolicySpec(observations, ActionSpec(JOINTS, units, *WIDE, None), rate, 1)


def _adapt(task: PolicySpec, text: str, tmp_path: Path) -> AdaptedPolicy:
    path = tmp_path / "interface.yaml"
    path.write_text(text)
    return adapt(read_lerobot(FIXTURE), read_interface(path), path, task)


def _reference() -> tuple[Tensor, Tensor]:
    policy = read_lerobot(FIXTURE).policy
    windows = {"observation.state": RECORDED["state"], "observation.environment_state": RECORDED["environment_state"]}
    return policy.decode(policy.encode(windows), RECORDED["noise"]), policy.action_normaliser.scale[0]


def _act(policy: AdaptedPolicy, **windows: Tensor) -> Tensor:
    return policy.decode(policy.encode(windows), RECORDED["noise"])


def test_where_names_and_sizes_leave_no_choice_nothing_has_to_be_written(tmp_path: Path) -> None:
    policy = _adapt(task_spec(), "{}", tmp_path)
    expected, _ = _reference()
    actual = _act(policy, joint_pos=RECORDED["state"], block=RECORDED["environment_state"])
    assert torch.equal(actual, expected)
    assert (policy.spec.control_rate_hz, policy.spec.horizon, policy.latent_shape) == (10.0, 7, (8, 3))


PAGE = """
control_rate_hz: 10
inputs:
  observation.state:
    - {observation: joint_pos, names: [b], units: deg}
    - {observation: finger, scale: 0.5, offset: 1.0}
    - {constant: [0.25]}
  observation.environment_state:
    - {observation: point_cloud, names: [], pool: centroids, hold: true}
actions:
  - {names: [b], units: deg}
  - {drop: 1}
  - {names: [grip], scale: 2.0, offset: 0.5}
  - {names: [lamp], constant: [7.0]}
"""


def test_every_line_of_a_page_by_hand(tmp_path: Path) -> None:
    """Another order, degrees, a column that is dropped, a constant, every second frame, a pooled cloud that is held."""
    task = PolicySpec(
        {
            "joint_pos": ObservationSpec((2,), 4, "rad", names=("a", "b")),
            "finger": ObservationSpec((1,), 3, "m"),
        },
        ActionSpec(("grip", "lamp", "b"), "rad", *WIDE, None),
        20.0,
        1,
    )
    text = PAGE.replace("- {observation: point_cloud, names: [], pool: centroids, hold: true}", "- {constant: [1, 2]}")
    policy = _adapt(task, text, tmp_path)
    joints, finger = torch.randn(10, 4, 2), torch.randn(10, 3, 1)
    inner = policy.inputs[0]({"joint_pos": joints, "finger": finger}, 10)
    # 20 Hz in the task, 10 in the checkpoint: of four frames the second and the newest; of three the first and newest.
    # The checkpoint has degrees: rad * 180 / pi; of the finger: task = checkpoint * .5 + 1, so (task - 1) / .5.
    expected = torch.stack(
        [joints[:, [1, 3], 1] * 180 / math.pi, (finger[:, [0, 2], 0] - 1.0) / 0.5, torch.full((10, 2), 0.25)], dim=-1
    )
    torch.testing.assert_close(inner, expected)
    assert policy.inputs[1]({}, 2).tolist() == [[[1.0, 2.0]] * 2] * 2
    actions = _act(policy, joint_pos=joints, finger=finger)
    condition = policy.encode({"joint_pos": joints, "finger": finger})
    raw = policy.inner.decode(condition, RECORDED["noise"]).repeat_interleave(2, dim=1)
    # grip is the third column * 2 + .5; lamp is 7; b is the first, in degrees. Each step lasts two of the task's.
    hand = torch.stack([raw[..., 2] * 2.0 + 0.5, torch.full_like(raw[..., 0], 7.0), raw[..., 0] * math.pi / 180], -1)
    torch.testing.assert_close(actions, hand)
    assert (actions.shape, policy.chunk.executed) == ((10, 14, 3), 8)


def test_a_segmented_cloud_is_pooled_and_held(tmp_path: Path) -> None:
    cloud = ObservationSpec((5, 3), 1, "m", segments=(CloudSegment("peg", 2, "left"), CloudSegment("hole", 3, "left")))
    task = PolicySpec(
        {"joint_pos": task_spec().observations["joint_pos"], "cloud": cloud}, task_spec().actions, 10.0, 1
    )
    foreign, page = read_lerobot(FIXTURE), tmp_path / "interface.yaml"
    page.write_text("inputs: {observation.environment_state: [{observation: cloud, pool: centroids, hold: true}]}")
    with pytest.raises(UserError, match=r"the parts of inputs.observation.environment_state have 6 numbers, and .* 2"):
        adapt(foreign, read_interface(page), page, task)
    # A segment by its name: three numbers, beside a constant for the other.
    part = "{observation: cloud, pool: centroids, hold: true, names: [hole]}"
    whole = f"inputs: {{observation.environment_state: [{{constant: [0.1]}}, {part}]}}"
    page.write_text(whole)
    with pytest.raises(UserError, match=r"have 4 numbers, and the checkpoint reads 2"):
        adapt(foreign, read_interface(page), page, task)
    page.write_text(whole.replace("hole", "pegg"))
    with pytest.raises(UserError, match=r"'cloud' has no segment 'pegg'.*peg"):
        adapt(foreign, read_interface(page), page, task)
    page.write_text(f"inputs: {{observation.state: [{part}], observation.environment_state: [{{constant: [1, 2]}}]}}")
    points = torch.randn(4, 5, 3)
    window = adapt(foreign, read_interface(page), page, task).inputs[0]({"cloud": points}, 4)
    torch.testing.assert_close(window, points[:, 2:].mean(dim=1)[:, None].expand(-1, 2, -1))
    page.write_text("inputs: {observation.environment_state: [{observation: cloud, pool: centroids, hold: true}]}")
    one = replace(cloud, segments=())
    page.write_text(page.read_text().replace("hold: true", "hold: true, names: [x, y]"))
    task = replace(task, observations={**task.observations, "cloud": replace(one, names=("x", "y", "z"))})
    policy = adapt(foreign, read_interface(page), page, task)
    window = policy.inputs[1]({"cloud": points}, 4)
    torch.testing.assert_close(window, points.mean(dim=1)[:, None, :2].expand(-1, 2, -1))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_bundle_of_it_acts_the_same_and_keeps_the_contract(tmp_path: Path) -> None:
    text = (
        "actions: [{names: [b, a, c], units: deg}]\ninputs: {observation.state: [{observation: joint_pos, units: deg}]}"
    )
    policy = _adapt(task_spec(history=4), text, tmp_path)
    save_bundle(policy, tmp_path / "bundle", {"home": "LeRobot"})
    loaded = load_bundle(tmp_path / "bundle")
    assert isinstance(loaded, AdaptedPolicy)
    assert (loaded.spec, loaded.chunk, loaded.latent_shape) == (policy.spec, policy.chunk, policy.latent_shape)
    windows = {"joint_pos": torch.randn(10, 4, 3), "block": torch.randn(10, 2, 2)}
    assert torch.equal(_act(loaded, **windows), _act(policy, **windows))
    assert contract_problems(loaded) == []
    save_bundle(loaded, tmp_path / "again", {"home": "LeRobot"})
    assert policy_sha256(tmp_path / "again") == policy_sha256(tmp_path / "bundle")
    data = yaml.safe_load((tmp_path / "bundle" / "policy.yaml").read_text())
    data["interface"]["wiring"]["actions"] = [0, 1, 3]
    (tmp_path / "bundle" / "policy.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(UserError, match=r"its actions are not those of the policy and the task"):
        load_bundle(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: {}", r"unknown key 'input'. Did you mean 'inputs'"),
        ("inputs: []", r"inputs is not a mapping"),
        ("inputs: {observation.stat: []}", r"has no input 'observation.stat'; .* Did you mean 'observation.state'"),
        ("inputs: {observation.state: joint_pos}", r"inputs.observation.state is not a list of parts"),
        ("inputs: {observation.state: [{observaton: x}]}", r"state\[0\] has an unknown key 'observaton'. Did you mean"),
        (
            "inputs: {observation.state: [{observation: joint_po}]}",
            r"no observation 'joint_po'. Did you mean",
        ),
        ("inputs: {observation.state: [{observation: block}]}", r"have 2 numbers, and the checkpoint reads 3"),
        ("inputs: {observation.state: [{observation: joint_pos, names: [A]}]}", r"has no 'A'. Did you mean 'a'"),
        ("inputs: {observation.state: [{observation: joint_pos, units: degg}]}", r"'degg' cannot be turned .* 'deg'"),
        ("inputs: {observation.state: [{observation: joint_pos, pool: centroids}]}", r"pool is for point clouds"),
        ("inputs: {observation.state: [{observation: joint_pos, constant: [1]}]}", r"constant or of an observation"),
        ("inputs: {observation.state: [{observation: joint_pos, scale: 0}]}", r"scale is 0"),
        ("inputs: {observation.state: [{observation: joint_pos, scale: 1.0e-12}]}", r"scale is 1e-12: give another"),
        ("inputs: {observation.state: [{observation: joint_pos, offset: 1.0e+30}]}", r"offset is 1e\+30: no unit"),
        ("inputs: {observation.state: [{constant: [-1.0e+30]}]}", r"constant is -1e\+30: no unit is that large"),
        ("inputs: {observation.state: [{observation: joint_pos, hold: 1}]}", r"hold is '1': give true or false"),
        ("inputs: {observation.state: [{constant: [x]}]}", r"constant holds \['x'\]: give 1 finite numbers"),
        ("actions: [{names: [a, b]}]", r"has 3 numbers, and actions accounts for 2, without c"),
        ("actions: [{names: [a, b, d]}]", r"actions names the unknown 'd'"),
        ("actions: [{names: [a, b, b]}]", r"actions names twice 'b'"),
        ("actions: [{names: [a, b, c]}, {drop: 1}]", r"has 3 numbers, and actions accounts for 4"),
        ("actions: [{names: [a], constant: [1, 2]}]", r"actions names 1 and has 2 constants"),
        ("control_rate_hz: 4", r"control_rate_hz is 4, and the task's 10 is not a whole multiple"),
        ("control_rate_hz: 30", r"control_rate_hz is 30, and the task's 10 is not a whole multiple"),
        ("control_rate_hz: 5", r"reads 2 frames of 'joint_pos', 2 steps apart, and the task keeps 2: give env.*=3"),
        ("inference_steps: 0", r"inference_steps holds 0"),
        ("a: &a [1]\ninputs: *a", r"interface.yaml is not readable as YAML: it has an alias"),
    ],
)
def test_pages_that_do_not_fit(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        _adapt(task_spec(), text, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_choice_is_never_made_for_the_user(tmp_path: Path) -> None:
    other = ObservationSpec((2,), 2, "m")
    with pytest.raises(UserError, match=r"which observations make 'observation.environment_state' \(2 numbers\)\? The"):
        _adapt(task_spec(goal=other), "{}", tmp_path)


def test_degrees_under_rad_are_named(tmp_path: Path) -> None:
    task = replace(task_spec(), actions=ActionSpec(JOINTS, "rad", (-3.0,) * 3, (3.0,) * 3, None))
    with pytest.raises(UserError, match=r"'b' went from .* rad in the training data, far beyond .* 'units: deg'"):
        _adapt(task, "{}", tmp_path)
    _adapt(task, "actions: [{names: [a, b, c], units: deg}]", tmp_path)


def test_a_joint_that_never_moved_must_be_a_constant(tmp_path: Path) -> None:
    foreign = read_lerobot(FIXTURE)
    foreign.inputs["observation.state"].still[2] = 0.04
    page = tmp_path / "interface.yaml"
    with pytest.raises(UserError, match=r"number 2 of 'observation.state' never moved .* write \{constant: \[0.04\]\}"):
        adapt(foreign, read_interface(page), page, task_spec())
    page.write_text("inputs: {observation.state: [{observation: joint_pos, names: [a, b]}, {constant: [0.04]}]}")
    adapt(foreign, read_interface(page), page, task_spec())


def test_a_place_in_another_frame_is_refused(tmp_path: Path) -> None:
    task = task_spec(block=ObservationSpec((2,), 2, "m", frame="base"))
    page = "inputs: {observation.environment_state: [{observation: block, frame: tool}]}"
    with pytest.raises(UserError, match=r"'block' is in the frame 'tool' in the checkpoint and in 'base' in the task"):
        _adapt(task, page, tmp_path)
    _adapt(task, page.replace("tool", "base"), tmp_path)


def test_wirings_are_read_strictly() -> None:
    good: dict[str, object] = {"inputs": {}, "actions": [0], "scale": [1.0], "offset": [0.0], "repeat": 1}
    read_wiring(good, "w")
    changes: list[tuple[dict[str, object], str]] = [
        ({"repeat": 0}, "w.repeat holds 0"),
        ({"scale": [float("nan")]}, "w.scale holds"),
        ({"actions": [0.5]}, "w.actions holds 0.5"),
        ({"inputs": {"x": [{"frames": []}]}}, "w.inputs.x lacks the key"),
        ({"inputs": 3}, "w.inputs is not a mapping"),
    ]
    for change, message in changes:
        with pytest.raises(UserError, match=message):
            read_wiring({**good, **change}, "w")


def test_a_folder_is_loaded_for_a_task_and_its_hash_covers_the_interface(tmp_path: Path) -> None:
    folder = shutil.copytree(FIXTURE, tmp_path / "pretrained_model")
    policy = load_policy(folder, task_spec())
    assert not any(parameter.requires_grad for parameter in policy.parameters())
    assert check_policy(folder).latent_shape == policy.latent_shape == (8, 3)
    with pytest.raises(UserError, match=rf"has no policy.yaml: .*\. LeRobot's is {folder}\."):
        load_policy(tmp_path, task_spec())
    before = policy_sha256(folder)
    (folder / "interface.yaml").write_text("inference_steps: 4")
    assert policy_sha256(folder) != before
    policy = load_policy(folder, task_spec())
    assert isinstance(policy, AdaptedPolicy)
    assert isinstance(policy.inner, DiffusionPolicy)
    assert policy.inner.sampler_cfg.num_inference_steps == 4


def test_a_quaternion_in_another_order_is_told_in_a_line(tmp_path: Path) -> None:
    """First is w, then x, y and z."""
    turn = ObservationSpec((4,), 2, "1")
    task = PolicySpec(
        {"turn": turn, "joint_pos": ObservationSpec((3,), 2, "rad", names=JOINTS)}, task_spec().actions, 10.0, 1
    )
    page = """
inputs:
  observation.state: [{observation: joint_pos}]
  observation.environment_state: [{observation: turn, quaternion: wxyz}]
"""
    with pytest.raises(UserError, match=r"the parts of inputs.observation.environment_state have 4 numbers"):
        _adapt(task, page, tmp_path)
    wires = _wire(InputPart(observation="turn", quaternion="wxyz"), turn, 1, task, "here")
    assert wires.columns == (3, 0, 1, 2)
    assert _wire(InputPart(observation="turn", quaternion="xyzw"), turn, 1, task, "here").columns == (0, 1, 2, 3)
    names = ("x", "y", "z", "w")
    spec = ActionSpec(names, "1", (-1.0,) * 4, (1.0,) * 4, None)
    # Of the checkpoint's w x y z the task's x is number 1, y 2, z 3 and w 0.
    assert _actions((ActionPart(names=names, quaternion="wxyz"),), 4, spec, "here")[0] == (1, 2, 3, 0)
    with pytest.raises(UserError, match=r"a quaternion has four numbers, and this part 3: name those, x y z w"):
        _adapt(task, "inputs: {observation.state: [{observation: joint_pos, quaternion: wxyz}]}", tmp_path)
    with pytest.raises(UserError, match=r"inputs.observation.state\[0\].quaternion is 'zyxw': give xyzw or wxyz"):
        _adapt(task, "inputs: {observation.state: [{observation: joint_pos, quaternion: zyxw}]}", tmp_path)
