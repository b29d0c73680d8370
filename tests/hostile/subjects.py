# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The files that users hand in, one subject a way to change one of them."""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import yaml
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from tests.deployment.doubles import network_pieces, observations, reference_rollout
from tests.hostile.foreign_subjects import FOREIGN_SUBJECTS
from tests.hostile.mutations import Subject, mutated_bytes, mutated_tree
from tests.imitation.conftest import write_demonstrations
from tests.policies.conftest import Foreign, insert_spec, make_policy
from tests.steering.scripted_task import PointTask, TwoWayPolicy

from score.deployment import export_capsule
from score.deployment.manifest import manifest_digest
from score.deployment.verify import read_capsule
from score.imitation import read_demonstrations
from score.policies.bundle import load_bundle, save_bundle
from score.policies.torchscript import TorchScriptPolicy
from score.reconstruction.asset_folder import AssetRecord, CollisionRecord, read_asset, write_asset
from score.reconstruction.scan.points import write_points
from score.steering.checkpoint import weights_sha256
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringRunnerCfg
from score.steering.methods import make_plan
from score.steering.policy import load_steering_policy
from score.steering.runner import SteeringRunner
from score.utils.files import sha256_of

WEIGHTS = "policy.safetensors"


def _sign_bundle(folder: Path, weights: str) -> None:
    """Make the settings name the weights that are there, as somebody who means harm would."""
    path = folder / "policy.yaml"
    digest = hashlib.sha256((folder / weights).read_bytes()).hexdigest()
    lines = [line for line in path.read_text().splitlines() if not line.startswith("weights_sha256")]
    path.write_text("\n".join([*lines, f"weights_sha256: {digest}", ""]))


def _make_bundle(folder: Path) -> bytes:
    save_bundle(make_policy(), folder / "bundle")
    return (folder / "bundle" / "policy.yaml").read_bytes()


def _make_weights(folder: Path) -> bytes:
    _make_bundle(folder)
    return (folder / "bundle" / WEIGHTS).read_bytes()


def _make_module(folder: Path) -> bytes:
    save_bundle(TorchScriptPolicy.from_module(Foreign(), insert_spec(cloud=False), (9, 8)), folder / "bundle")
    return (folder / "bundle" / "policy.pt").read_bytes()


def _write(path: Path, data: bytes, rng: random.Random, after: Callable[[Path], Any] | None = None) -> str:
    changed, what = mutated_bytes(data, rng)
    path.write_bytes(changed)
    if after is not None:
        after(path)
    return what


def _write_settings(sound: bytes, folder: Path, rng: random.Random) -> str:
    tree, what = mutated_tree(yaml.safe_load(sound), rng)
    text = yaml.safe_dump(tree, sort_keys=False)
    for tag in ("!!int", "!!float", "!!bool", "!!timestamp", "!!python/object:os.system", "&a [*a]"):
        if rng.random() < 0.02:
            line = rng.choice(text.splitlines())
            text, what = text.replace(line, f"{line.partition(':')[0]}: {tag} abc", 1), f"{tag} at {line[:30]}"
    (folder / "bundle" / "policy.yaml").write_text(text)
    return what


def _write_weights(sound: bytes, folder: Path, rng: random.Random) -> str:
    tensors = load_tensors(sound)
    name = rng.choice(sorted(tensors))
    kind = rng.choice(("nan", "inf", "huge", "zero", "shape", "type", "remove", "extra"))
    values = {"nan": float("nan"), "inf": float("inf"), "huge": 3e38, "zero": 0.0}
    if kind in values:
        tensors[name] = tensors[name].clone()
        tensors[name].view(-1)[rng.randrange(tensors[name].numel())] = values[kind]
    elif kind == "shape":
        tensors[name] = torch.zeros(rng.choice(((), (0,), (1,), (3, 3), (10_000,))))
    elif kind == "type":
        tensors[name] = tensors[name].to(rng.choice((torch.float64, torch.int64, torch.bool, torch.bfloat16)))
    elif kind == "remove":
        del tensors[name]
    else:
        tensors["extra"] = torch.zeros(2)
    (folder / "bundle" / WEIGHTS).write_bytes(dump_tensors(tensors))
    _sign_bundle(folder / "bundle", WEIGHTS)
    return f"{kind} {name}"


def _read_bundle(_: Any, folder: Path) -> None:
    load_bundle(folder / "bundle")


def _runner(folder: Path | None = None) -> SteeringRunner:
    cfg = SteeringRunnerCfg()
    cfg.steering.chunk_steps, cfg.actor.hidden_dims, cfg.critic.hidden_dims = 4, [8], [8]
    policy = TwoWayPolicy()
    env = ChunkedVecEnv(PointTask(4), make_plan(policy, vars(cfg.steering)), chunk_steps=4, gamma=0.99)
    return SteeringRunner(env, cfg, folder, weights_sha256(policy), lambda _: None)


def _make_checkpoint(folder: Path) -> tuple[dict[str, Any], bytes, SteeringRunner]:
    runner = _runner()
    for parameter in runner.alg.get_policy().parameters():  # one update, so that the optimiser has a state
        parameter.grad = torch.ones_like(parameter)
    runner.alg.optimizer.step()
    torch.save(runner.state(), folder / "model_0.pt")
    return runner.state(), (folder / "model_0.pt").read_bytes(), runner


def _write_state(sound: Any, folder: Path, rng: random.Random) -> str:
    state, what = mutated_tree(sound[0], rng)
    if rng.random() < 0.3:
        tensors = [sound for sound in _tensors(state) if sound.numel() and sound.is_floating_point()]
        tensor = rng.choice(tensors)
        tensor.view(-1)[0] = rng.choice((float("nan"), float("inf")))
        what += ", and a number that is not finite"
    torch.save(state, folder / "model_0.pt")
    return what


def _tensors(tree: Any) -> list[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    values = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [tensor for value in values for tensor in _tensors(value)]


def _read_for_evaluation(_: Any, folder: Path) -> None:
    head = load_steering_policy(folder / "model_0.pt", TwoWayPolicy())
    noise, own = torch.zeros(1, *head.plan.noise_shape), torch.zeros(1, head.own_dim)
    assert bool(torch.isfinite(head(torch.zeros(1, 2), noise, own, True)[1]).all())


def _read_for_training(sound: Any, folder: Path) -> None:
    sound[2].load(str(folder / "model_0.pt"))


def _make_capsule(folder: Path) -> dict[str, bytes]:
    pieces = network_pieces()
    capsule = export_capsule(pieces, reference_rollout(pieces, observations(9)), folder / "capsule")
    return {path.name: path.read_bytes() for path in capsule.iterdir()}


def _sign_capsule(folder: Path, manifest: Any) -> None:
    if isinstance(manifest, dict):
        for name in ("policy.pt", "golden.safetensors"):
            entry = (manifest.get("files") or {}).get(name) if isinstance(manifest.get("files"), dict) else None
            if isinstance(entry, dict) and "sha256" in entry:
                entry |= {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size}
        manifest["manifest_sha256"] = manifest_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _write_manifest(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
    manifest, what = mutated_tree(json.loads(sound["manifest.json"]), rng)
    _sign_capsule(folder / "capsule", manifest)
    return what


def _write_capsule_file(name: str) -> Callable[[dict[str, bytes], Path, random.Random], str]:
    def write(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
        what = _write(folder / "capsule" / name, sound[name], rng)
        _sign_capsule(folder / "capsule", json.loads(sound["manifest.json"]))
        return what

    return write


def _read_capsule(_: Any, folder: Path) -> None:
    read_capsule(folder / "capsule")


def _make_demonstrations(folder: Path) -> bytes:
    return write_demonstrations(folder / "demos.hdf5", episodes=3, steps=5, points=4).read_bytes()


def _write_env_args(sound: bytes, folder: Path, rng: random.Random) -> str:
    (folder / "demos.hdf5").write_bytes(sound)
    with h5py.File(folder / "demos.hdf5", "r+") as file:
        facts = {**json.loads(file["data"].attrs["env_args"]), "action_low": [-9.0, -9.0], "action_high": [9.0, 9.0]}
        facts |= {
            "frames": {"point_cloud": "tool"},
            "units": {"actions": "rad", "joint_pos": "rad", "point_cloud": "m"},
        }
        facts["segments"] = {"point_cloud": [{"name": x, "points": 2, "seen_by": "joints"} for x in ("a", "b")]}
        facts, what = mutated_tree(facts, rng)
        file["data"].attrs["env_args"] = json.dumps(facts)
    return what


def _read_demonstrations(_: Any, folder: Path) -> None:
    read_demonstrations(folder / "demos.hdf5", ["joint_pos"], ["point_cloud"])


def _make_asset(folder: Path) -> tuple[Any, bytes]:
    directory = folder / "asset"
    directory.mkdir()
    (directory / "mug.usdc").touch()
    size = (0.1, 0.1, 0.1)
    record = AssetRecord("mug", "mug.usdc", 0.3, 0.5, CollisionRecord("hull", 1), size, points="points.npz")
    write_asset(record, directory)
    points = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    write_points(directory / "points.npz", points, points)
    return yaml.safe_load((directory / "asset.yaml").read_text()), (directory / "points.npz").read_bytes()


def _write_points(sound: Any, folder: Path, rng: random.Random) -> str:
    path = folder / "asset" / "points.npz"
    if rng.random() < 0.5:
        return _write(path, sound[1], rng)
    path.write_bytes(sound[1])
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    members[name], what = mutated_bytes(members[name][: rng.choice((128, 10**6))], rng)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, data in members.items():
            archive.writestr(key, data)
    return f"{what} of {name}"


def _write_asset(sound: Any, folder: Path, rng: random.Random) -> str:
    tree, what = mutated_tree(sound[0], rng)
    (folder / "asset" / "asset.yaml").write_text(yaml.safe_dump(tree))
    return what


def _read_asset(_: Any, folder: Path) -> None:
    read_asset(folder / "asset").points(20)


SUBJECTS = (
    Subject("bundle settings", _make_bundle, _write_settings, _read_bundle),
    Subject("bundle bytes", _make_bundle, lambda s, f, r: _write(f / "bundle" / "policy.yaml", s, r), _read_bundle),
    Subject("weights", _make_weights, _write_weights, _read_bundle),
    Subject(
        "weights bytes",
        _make_weights,
        lambda s, f, r: _write(f / "bundle" / WEIGHTS, s, r, lambda p: _sign_bundle(p.parent, WEIGHTS)),
        _read_bundle,
    ),
    Subject(
        "module bytes",
        _make_module,
        lambda s, f, r: _write(f / "bundle" / "policy.pt", s, r, lambda p: _sign_bundle(p.parent, "policy.pt")),
        _read_bundle,
    ),
    Subject("checkpoint", _make_checkpoint, _write_state, _read_for_evaluation),
    Subject("checkpoint to resume", _make_checkpoint, _write_state, _read_for_training),
    Subject(
        "checkpoint bytes", _make_checkpoint, lambda s, f, r: _write(f / "model_0.pt", s[1], r), _read_for_training
    ),
    Subject("manifest", _make_capsule, _write_manifest, _read_capsule),
    Subject("golden bytes", _make_capsule, _write_capsule_file("golden.safetensors"), _read_capsule),
    Subject("policy bytes", _make_capsule, _write_capsule_file("policy.pt"), _read_capsule),
    Subject("env_args", _make_demonstrations, _write_env_args, _read_demonstrations),
    Subject(
        "demonstrations bytes",
        _make_demonstrations,
        lambda s, f, r: _write(f / "demos.hdf5", s, r),
        _read_demonstrations,
    ),
    Subject("points", _make_asset, _write_points, _read_asset),
    Subject("asset", _make_asset, _write_asset, _read_asset),
    *FOREIGN_SUBJECTS,
)
"""All of them."""
