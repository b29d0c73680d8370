# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files of other homes that users hand in: LeRobot checkpoints and data sets, checkpoint files, pages about them."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import yaml
from tests.hostile.mutations import Subject, mutated_bytes, mutated_tree
from tests.imitation.test_zarr import write_buffer
from tests.policies.test_checkpoints import (
    MANISKILL_ARGS,
    diffusion_policy_content,
    maniskill_content,
    robomimic_content,
)

from score.imitation.plausibility import implausible
from score.imitation.read import read_any
from score.policies import ActionSpec, BasePolicy, ObservationSpec, PolicySpec, checkpoints
from score.policies.adapt import adapt
from score.policies.contract import random_inputs
from score.policies.load import read_foreign

TESTS = Path(__file__).parents[1]
TASK = PolicySpec(
    observations={
        "joint_pos": ObservationSpec((3,), 4, "rad", names=("a", "b", "c")),
        "place": ObservationSpec((2,), 4, "m"),
    },
    actions=ActionSpec(("a", "b", "c"), "rad", (-9.0,) * 3, (9.0,) * 3, None),
    control_rate_hz=20.0,
    horizon=1,
)
INTERFACE: dict[str, Any] = {
    "control_rate_hz": 10.0,
    "inference_steps": 4,
    "inputs": {
        "observation.state": [{"observation": "joint_pos", "names": ["b", "a"], "units": "deg"}, {"constant": [0.3]}],
        "observation.environment_state": [{"observation": "place", "scale": 2.0, "offset": 0.1, "hold": True}],
    },
    "actions": [{"names": ["a", "b"], "units": "deg"}, {"drop": 1}, {"names": ["c"], "constant": [0.0]}],
}
DATA_PAGE: dict[str, Any] = {
    "observations": {
        "joint_pos": {"column": "observation.state", "names": ["b", "a"], "units": "rad"},
        "point_cloud": {"column": "observation.points", "units": "m", "frame": "tcp"},
    },
    "actions": {"units": "rad"},
    "segments": {"point_cloud": [{"name": "peg", "points": 4, "seen_by": "left"}]},
}


def _require_finite_actions(policy: BasePolicy) -> None:
    """What was accepted must also act."""
    windows, latent = random_inputs(policy, 2, seed=0)
    with torch.no_grad():
        assert bool(torch.isfinite(policy.decode(policy.encode(windows), latent)).all())


def _make_lerobot(folder: Path) -> dict[str, bytes]:
    shutil.copytree(TESTS / "policies" / "fixtures" / "lerobot_ddim", folder / "model")
    (folder / "model" / "interface.yaml").write_text(yaml.safe_dump(INTERFACE))
    return {path.name: path.read_bytes() for path in (folder / "model").iterdir() if path.name[:3] != "ref"}


def _restore(sound: dict[str, bytes], folder: Path) -> None:
    for name, data in sound.items():
        (folder / "model" / name).write_bytes(data)


def _write_lerobot_settings(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
    _restore(sound, folder)
    name = rng.choice(("config.json", "config.json", "policy_preprocessor.json", "policy_postprocessor.json"))
    tree, what = mutated_tree(json.loads(sound[name]), rng)
    (folder / "model" / name).write_text(json.dumps(tree))
    return f"{name}: {what}"


def _write_lerobot_bytes(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
    _restore(sound, folder)
    name = rng.choice(sorted(sound))
    changed, what = mutated_bytes(sound[name], rng)
    (folder / "model" / name).write_bytes(changed)
    return f"{name}: {what}"


def _write_interface(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
    tree, what = mutated_tree(INTERFACE, rng)
    (folder / "model" / "interface.yaml").write_text(yaml.safe_dump(tree))
    return what


def _read_lerobot(_: Any, folder: Path) -> None:
    _require_finite_actions(adapt(*read_foreign(folder / "model"), TASK))


def _make_foreign_file(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    content = diffusion_policy_content()
    content["cfg"] = {"policy": {**content["cfg"]["policy"]}, "horizon": 8, "n_obs_steps": 2}
    content["cfg"]["policy"] = json.loads(json.dumps(_plain(content["cfg"]["policy"])))
    return _saved(content, folder)


def _make_maniskill(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    (folder / "args.json").write_text(json.dumps(MANISKILL_ARGS))
    (folder / "interface.yaml").write_text("inference_steps: 8\n")
    return _saved(maniskill_content(), folder)


def _make_robomimic(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    return _saved(robomimic_content(), folder)


def _saved(content: dict[str, Any], folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    torch.save(content, folder / "latest.ckpt")
    with zipfile.ZipFile(folder / "latest.ckpt") as archive:
        return content, {name: archive.read(name) for name in archive.namelist()}


def _plain(node: Any) -> Any:
    if hasattr(node, "items"):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list) or type(node).__name__ == "ListConfig" else node


def _write_foreign_settings(sound: Any, folder: Path, rng: random.Random) -> str:
    tree, what = mutated_tree(sound[0], rng)
    torch.save(tree, folder / "latest.ckpt")
    return what


def _write_maniskill(sound: Any, folder: Path, rng: random.Random) -> str:
    """What its file says, or the file of sizes beside it."""
    (folder / "args.json").write_text(json.dumps(MANISKILL_ARGS))
    what = _write_foreign_settings(sound, folder, rng)
    if rng.random() < 0.5:
        torch.save(sound[0], folder / "latest.ckpt")
        tree, what = mutated_tree(MANISKILL_ARGS, rng)
        (folder / "args.json").write_text(json.dumps(tree))
    return what


def _write_foreign_bytes(sound: Any, folder: Path, rng: random.Random) -> str:
    """Bytes of the whole file in one of four; else of a member, so that the archive stays sound."""
    members = dict(sound[1])
    name = rng.choice(["", *(3 * [next(name for name in members if name.endswith(".pkl"))]), *sorted(members)[:4]])
    if name:
        members[name], what = mutated_bytes(members[name] or b"\x00", rng)
    with zipfile.ZipFile(folder / "latest.ckpt", "w") as archive:
        for key, data in members.items():
            archive.writestr(key, data)
    if not name:
        changed, what = mutated_bytes((folder / "latest.ckpt").read_bytes(), rng)
        (folder / "latest.ckpt").write_bytes(changed)
    return f"{name}: {what}"


def _read_foreign_file(_: Any, folder: Path) -> None:
    _require_finite_actions(read_foreign(folder / "latest.ckpt")[0].policy)


def _read_robomimic(_: Any, folder: Path) -> None:
    with mock.patch.object(checkpoints, "_ROBOMIMIC_DIMS", (8, 16)):  # else its network has 39 million numbers
        _require_finite_actions(read_foreign(folder / "latest.ckpt")[0].policy)


def _make_buffer(folder: Path) -> dict[str, bytes]:
    write_buffer(folder)
    return _files(folder)


def _make_data_set(folder: Path) -> dict[str, bytes]:
    shutil.copytree(TESTS / "imitation" / "fixtures" / "lerobot_v3", folder / "set")
    (folder / "set" / "data.yaml").write_text(yaml.safe_dump(DATA_PAGE))
    return _files(folder)


def _files(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _write_data_set(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
    for name, data in sound.items():
        (folder / name).write_bytes(data)
    name = rng.choice(sorted(sound))
    if name.endswith((".json", ".zarray", ".zgroup")) and rng.random() < 0.8:
        tree, what = mutated_tree(json.loads(sound[name]), rng)
        (folder / name).write_text(json.dumps(tree))
    elif name.endswith(".yaml") and rng.random() < 0.8:
        tree, what = mutated_tree(yaml.safe_load(sound[name]), rng)
        (folder / name).write_text(yaml.safe_dump(tree))
    else:
        changed, what = mutated_bytes(sound[name], rng)
        (folder / name).write_bytes(changed)
    return f"{name}: {what}"


def _read_data_set(_: Any, folder: Path) -> None:
    implausible(read_any(folder / "set", ["joint_pos"], ["point_cloud"]))


def _read_buffer(_: Any, folder: Path) -> None:
    implausible(read_any(folder / "demos.zarr", ["joint_pos"], ["point_cloud"]))


FOREIGN_SUBJECTS = (
    Subject("lerobot settings", _make_lerobot, _write_lerobot_settings, _read_lerobot),
    Subject("lerobot bytes", _make_lerobot, _write_lerobot_bytes, _read_lerobot),
    Subject("interface", _make_lerobot, _write_interface, _read_lerobot),
    Subject("foreign settings", _make_foreign_file, _write_foreign_settings, _read_foreign_file),
    Subject("foreign bytes", _make_foreign_file, _write_foreign_bytes, _read_foreign_file),
    Subject("foreign file of maniskill", _make_maniskill, _write_maniskill, _read_foreign_file),
    Subject("foreign file of robomimic", _make_robomimic, _write_foreign_settings, _read_robomimic),
    Subject("lerobot data", _make_data_set, _write_data_set, _read_data_set),
    Subject("zarr data", _make_buffer, _write_data_set, _read_buffer),
)
