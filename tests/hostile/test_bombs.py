# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files made to take all memory or time, to run code, or to read other files: each is refused in one line, at once."""

from __future__ import annotations

import io
import json
import os
import pickle
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save as dump_tensors
from tests.hostile.subjects import _make_bundle, _make_capsule, _make_checkpoint, _sign_bundle, _sign_capsule
from tests.imitation.conftest import write_demonstrations
from tests.steering.scripted_task import TwoWayPolicy

from score.deployment import verify_capsule
from score.deployment.golden import read_safetensors
from score.evaluation.schema import read_report
from score.imitation import read_demonstrations
from score.policies.bundle import load_bundle
from score.policies.pickles import read_pickled
from score.reconstruction.asset_folder import AssetRecord, CollisionRecord, read_asset, write_asset
from score.steering.checkpoint import load_checkpoint
from score.steering.policy import load_steering_policy
from score.utils.errors import UserError


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < 10.0


def refused(read: Callable[[], Any], *parts: str) -> None:
    with pytest.raises(UserError) as caught:
        read()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


# --- bundles --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    _make_bundle(tmp_path)
    return tmp_path / "bundle"


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("network", "width", 10**7, "network.width holds 10000000: give a whole number"),
        ("network", "depth", 10**6, "network.depth holds 1000000"),
        ("network", "expansion", 10**9, "network.expansion"),
        ("network", "embedding_dim", 10**10, "network.embedding_dim"),
        ("network", "point_widths", [8] * 10**4, "Length of network.point_widths"),
        ("network", "width", 16_000, "network describes"),
        ("integrator", "steps", 10**9, "integrator.steps"),
        ("spec", "horizon", 10**9, "horizon"),
        ("spec", "control_rate_hz", 10**400, "wrong type"),
        ("latent", "shape", [10**9, 7], "latent.shape"),
    ],
)
def test_sizes_of_a_bundle(bundle: Path, section: str, key: str, value: object, message: str) -> None:
    settings = yaml.safe_load((bundle / "policy.yaml").read_text())
    settings[section][key] = value
    (bundle / "policy.yaml").write_text(yaml.safe_dump(settings))
    refused(lambda: load_bundle(bundle), message)


ALIASES = "a: &a [1]\n" + "".join(f"a{i}: &a{i} [{', '.join(9 * [f'*a{i - 1}'])}]\n" for i in range(1, 9))


@pytest.mark.parametrize(
    "text",
    [
        ALIASES.replace("*a0", "*a").replace("a: &a", "a0: &a", 1),
        "[" * 20_000,
        "format: " + "[" * 20_000 + "]" * 20_000,
        "format: !!int abc",
        "format: !!float abc",
        "format: !!bool abc",
        "format: 2026-02-31",
        f"format: {'9' * 5000}",
        "format: !!python/object/apply:os.system [true]",
        "? [a, b]\n: 1",
        "a: " * 100_000,
    ],
)
def test_settings_that_are_no_settings(bundle: Path, text: str) -> None:
    (bundle / "policy.yaml").write_text(text)
    refused(lambda: load_bundle(bundle), "policy.yaml")


def test_weights_of_a_huge_sparse_file(bundle: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**31], "data_offsets": [0, 2**33]}}).encode()
    with (bundle / "policy.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 2**33)
    refused(lambda: load_bundle(bundle), "8.0 GiB, more than a policy for a robot may have")


def test_weights_that_are_not_finite(bundle: Path) -> None:
    (bundle / "policy.safetensors").write_bytes(dump_tensors({"a": torch.tensor([float("nan")])}))
    _sign_bundle(bundle, "policy.safetensors")
    refused(lambda: load_bundle(bundle), "'a' is not finite")


@pytest.mark.parametrize("name", ["policy.yaml", "policy.safetensors"])
def test_a_named_pipe_is_not_waited_for(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    refused(lambda: load_bundle(bundle), name)


# --- checkpoints ----------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> dict[str, Any]:
    return _make_checkpoint(tmp_path)[0]


def load(state: Any, folder: Path) -> None:
    torch.save(state, folder / "model_0.pt")
    load_steering_policy(folder / "model_0.pt", TwoWayPolicy())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("actor_hidden_dims", [10**6] * 10**5, "actor_hidden_dims holds [1000000,"),
        ("actor_hidden_dims", [500_000] * 3, "describes networks of"),
        ("condition_dim", 10**11, "condition_dim holds 100000000000"),
        ("actor_activation", "exec", "edited or damaged"),
        ("actor_activation", ["elu"], "actor_activation holds ['elu']: it must be a text"),
        ("basis", "../x", "unknown basis"),
        ("bound", float("nan"), "bound holds nan"),
        ("chunk_steps", 9, "executes more steps of a chunk than the base policy makes"),
        ("knots", None, "knots holds None"),
    ],
)
def test_identities(state: dict[str, Any], tmp_path: Path, key: str, value: object, message: str) -> None:
    state["score"]["identity"][key] = value
    refused(lambda: load(state, tmp_path), "model_0.pt", message) if key != "basis" else refused(
        lambda: load(state, tmp_path), message
    )


def test_a_checkpoint_without_identity(state: dict[str, Any], tmp_path: Path) -> None:
    del state["score"]["identity"]
    refused(lambda: load(state, tmp_path), "identity.chunk_steps holds None")


def test_weights_of_a_steering_policy_that_are_not_finite(state: dict[str, Any], tmp_path: Path) -> None:
    state["actor_state_dict"]["mlp.0.weight"][0, 0] = float("nan")
    refused(lambda: load(state, tmp_path), "actor_state_dict.mlp.0.weight' is not finite. Use an earlier model_<i>.pt")


def test_a_tensor_that_claims_more_than_the_file_has(state: dict[str, Any], tmp_path: Path) -> None:
    state["actor_state_dict"]["mlp.0.weight"] = torch.zeros(1).expand(1_500_000_000)
    refused(lambda: load(state, tmp_path), "is cut off or damaged")


def test_a_list_that_holds_itself(state: dict[str, Any], tmp_path: Path) -> None:
    loop: list[Any] = [0]
    loop.append(loop)
    refused(lambda: load({**state, "loop": loop}, tmp_path), "is cut off or damaged")


def _copies(make: bytes, of: bytes, times: int) -> bytes:
    """A pickle that keeps one value, and makes something of it again and again, four bytes each time."""
    kept = pickle.PROTO + b"\x02" + of + pickle.BINPUT + b"\x00" + pickle.POP
    kept += pickle.GLOBAL + make + b"\n" + pickle.BINPUT + b"\x01" + pickle.POP
    one = pickle.BINGET + b"\x01" + pickle.BINGET + b"\x00" + pickle.TUPLE1 + pickle.REDUCE
    return kept + pickle.MARK + one * times + pickle.LIST + pickle.STOP


def _archive(program: bytes, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/version", "3\n")
    return path


def _nested_key(step: bytes, levels: int) -> bytes:
    return pickle.EMPTY_DICT + pickle.EMPTY_TUPLE + step * levels + pickle.NONE + pickle.SETITEM + pickle.STOP


@pytest.mark.parametrize(
    "program",
    # A million tuples in one another; forty that each hold the one before twice.
    [_nested_key(pickle.TUPLE1, 10**6), _nested_key(pickle.DUP + pickle.TUPLE2, 40)],
    ids=["deep", "doubled"],
)
def test_keys_that_are_tuples_of_tuples(tmp_path: Path, program: bytes) -> None:
    path = _archive(pickle.PROTO + b"\x02" + program, tmp_path / "model_0.pt")
    refused(lambda: load_checkpoint(path), "is cut off or damaged")
    refused(lambda: read_pickled(path), "a key of tuples or sets in one another")


_ONES = pickle.EMPTY_LIST + pickle.MARK + pickle.NEWTRUE * 10**4 + pickle.APPENDS
_PAIRS = pickle.EMPTY_LIST + pickle.MARK
_PAIRS += b"".join(pickle.BININT2 + i.to_bytes(2, "little") + pickle.NONE + pickle.TUPLE2 for i in range(10**4))
_PAIRS += pickle.APPENDS


@pytest.mark.parametrize(
    ("make", "of"), [(b"torch\nSize", _ONES), (b"collections\nOrderedDict", _PAIRS)], ids=["sizes", "dicts"]
)
def test_a_list_that_is_copied_again_and_again(
    tmp_path: Path, make: bytes, of: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Any] = []
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: loaded.append(args))
    path = _archive(_copies(make, of, 10**5), tmp_path / "model_0.pt")  # 600 kB, 10^9 values
    refused(lambda: load_checkpoint(path), "is cut off or damaged")
    assert loaded == []  # told before a single one was made


@pytest.mark.parametrize(
    ("make", "of"),
    [(b"builtins\nlist", _ONES), (b"builtins\nset", _ONES), (b"collections\nOrderedDict", _PAIRS)],
    ids=["lists", "sets", "dicts"],
)
def test_a_list_that_is_copied_again_and_again_in_a_checkpoint_of_others(
    tmp_path: Path, make: bytes, of: bytes
) -> None:
    path = _archive(_copies(make, of, 10**5), tmp_path / "other.ckpt")
    refused(lambda: read_pickled(path), "other.ckpt is damaged", "more copies of lists than the file holds")


class _Memory:
    """Unpickles to a gigabyte of zeros, by a type that torch lets through."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (2**30,)


class _Program:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("code-was-run",)


@pytest.mark.parametrize("thing", [_Memory(), _Program()])
def test_objects_in_a_checkpoint(
    state: dict[str, Any], tmp_path: Path, thing: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({**state, "thing": thing}, tmp_path / "model_0.pt", pickle_module=pickle)
    refused(lambda: load_checkpoint(tmp_path / "model_0.pt"), "holds Python objects beside tensors")
    assert not (tmp_path / "code-was-run").exists()


def rezip(path: Path, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, change(name, data))


def test_a_member_of_gigabytes_of_zeros(state: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model_0.pt"
    rezip(path, lambda name, data: bytes(2**28) if name.endswith("data/0") else data, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    refused(lambda: load_checkpoint(path), "unpacks to far more than its size")


def test_an_encrypted_archive(state: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model_0.pt"
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1  # the flag of the first member in the list
    path.write_bytes(data)
    refused(lambda: load_checkpoint(path), "is encrypted")


def test_a_pipe_in_place_of_a_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model_0.pt")
    refused(lambda: load_checkpoint(tmp_path / "model_0.pt"), "is not a regular file (a device or a named pipe)")


# --- capsules -------------------------------------------------------------------------------------------------------


@pytest.fixture
def capsule(tmp_path: Path) -> Path:
    _make_capsule(tmp_path)
    return tmp_path / "capsule"


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("parity_tolerance",), 1e9, "states parity_tolerance 1e+09, and at most 1e-05 is allowed"),
        (("latency", "budget_ms"), 1e9, "states latency.budget_ms 1e+09, and at most 20 is allowed"),
        (("latency", "decision_ms"), 1e9, "states latency.decision_ms 1e+09, and at most 20 is allowed"),
        (("chunk", "late"), 3, "executes 2 steps of a chunk of 3, 3 late"),
        (("latency", "warm_up_steps"), 10**8, "states latency.warm_up_steps 100000000"),
        (("latency", "warm_up_steps"), 10**30, "has a wrong value at 'latency.warm_up_steps'"),
        (("control_rate_hz",), 0.0, "states control_rate_hz 0"),
        (("chunk", "executed"), 0, "executes 0 steps"),
        (("output", "low"), ["a", "b"], "has a limit at 'output' that is not a number"),
    ],
)
def test_a_manifest_may_not_loosen_what_it_is_held_to(
    capsule: Path, keys: tuple[str, ...], value: object, message: str
) -> None:
    manifest = json.loads((capsule / "manifest.json").read_text())
    place = manifest
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    _sign_capsule(capsule, manifest)
    refused(lambda: verify_capsule(capsule, repeats=1), message)


def test_a_recorded_episode_whose_tensors_share_their_bytes(tmp_path: Path) -> None:
    entry = {"dtype": "U8", "shape": [1000], "data_offsets": [0, 1000]}
    header = json.dumps({f"t{index}": entry for index in range(10_000)}).encode()
    path = tmp_path / "golden.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(1000))
    refused(lambda: read_safetensors(path), "is cut off")


# --- demonstrations -------------------------------------------------------------------------------------------------


def read(path: Path) -> None:
    read_demonstrations(path, ["joint_pos"], ["point_cloud"])


@pytest.fixture
def demonstrations(tmp_path: Path) -> Path:
    return write_demonstrations(tmp_path / "demos.hdf5", episodes=2)


def change(path: Path, edit: Callable[[h5py.Group], object], what: str = "obs/joint_pos") -> None:
    with h5py.File(path, "r+") as file:
        demo = file["data/demo_1"]
        del demo[what]
        edit(demo)


def test_a_dataset_of_a_billion_steps_that_nobody_wrote(demonstrations: Path) -> None:
    shape = (10**9, 2)
    change(demonstrations, lambda demo: demo.create_dataset("obs/joint_pos", shape, "f4", chunks=(1024, 2)))
    refused(lambda: read(demonstrations), "declares 7.5 GiB of numbers, far more than its file holds")


def test_a_compressed_dataset_that_unpacks_to_a_gigabyte(demonstrations: Path) -> None:
    options = {"chunks": (2**20, 2), "compression": "gzip", "shape": (2**27, 2), "dtype": "f4"}

    def write(demo: h5py.Group) -> None:
        demo.create_dataset("obs/joint_pos", **options)[: 2**20] = 0.0

    change(demonstrations, write)
    refused(lambda: read(demonstrations), "declares 1.0 GiB of numbers")


@pytest.mark.parametrize(
    "link", [h5py.SoftLink("/nowhere"), h5py.SoftLink("/data/demo_1/obs/joint_pos"), h5py.ExternalLink("x.h5", "/a")]
)
def test_links_are_not_followed(demonstrations: Path, link: Any) -> None:
    change(demonstrations, lambda demo: demo.__setitem__("obs/joint_pos", link))
    refused(lambda: read(demonstrations), "obs/joint_pos is a link, which is not followed")


def test_a_whole_episode_that_is_a_link(demonstrations: Path) -> None:
    with h5py.File(demonstrations, "r+") as file:
        file["data/demo_2"] = h5py.ExternalLink("other.hdf5", "/data/demo_0")
    refused(lambda: read(demonstrations), "data/demo_2 is a link, which is not followed")


def test_virtual_data_sets_and_external_storage(demonstrations: Path, tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((12, 2), "f4")
    layout[:] = h5py.VirtualSource(str(demonstrations), "data/demo_0/actions", (12, 2))
    change(demonstrations, lambda demo: demo.create_virtual_dataset("obs/joint_pos", layout))
    refused(lambda: read(demonstrations), "obs/joint_pos lies in other files, which are not read")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(96))
    external = {"shape": (12, 2), "dtype": "f4", "external": [(str(secret), 0, 96)]}
    change(demonstrations, lambda demo: demo.create_dataset("obs/joint_pos", **external))
    refused(lambda: read(demonstrations), "obs/joint_pos lies in other files, which are not read")


@pytest.mark.parametrize("value", ["[]", "[" * 10_000, "\x00", "9" * 5000, '{"control_rate_hz": 1e999}'])
def test_env_args_that_say_nothing(demonstrations: Path, value: str) -> None:
    with h5py.File(demonstrations, "r+") as file:
        file["data"].attrs["env_args"] = np.bytes_(value.encode())
    refused(lambda: read(demonstrations), "env_args")


# --- assets and reports ---------------------------------------------------------------------------------------------


def asset(folder: Path, points: bytes) -> Path:
    (folder / "mug.usdc").touch()
    (folder / "points.npz").write_bytes(points)
    collision = CollisionRecord("hull", 1)
    write_asset(AssetRecord("mug", "mug.usdc", 0.3, 0.5, collision, (0.1, 0.1, 0.1), points="points.npz"), folder)
    return folder


@pytest.mark.parametrize("kind", ["objects", "zeros", "header", "none"])
def test_points(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    if kind == "objects":
        np.savez(buffer, points=np.array([_Program()], dtype=object), normals=np.zeros((1, 3), np.float32))
    elif kind == "zeros":
        np.savez_compressed(buffer, points=np.zeros((2**25, 3), np.float32), normals=np.zeros((1, 3), np.float32))
    elif kind == "header":
        with zipfile.ZipFile(buffer, "w") as archive:
            header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000, 3)}\n"
            archive.writestr("points.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    folder = asset(tmp_path, buffer.getvalue())
    refused(lambda: read_asset(folder).points(), "points.npz is missing or not a file of points")
    assert not Path("code-was-run").exists()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"arms": 1' + "0" * 5000 + "}", "\xff", "", "[1]", '{"arms": NaN}'])
def test_reports(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_bytes(text.encode("latin-1"))
    refused(lambda: read_report(tmp_path / "report.json"), "report.json", "evaluate.py")
