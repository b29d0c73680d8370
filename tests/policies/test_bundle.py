# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from score.policies import BasePolicy, FlowMatchingPolicy
from score.policies.bundle import bundle_sha256, load_bundle, save_bundle
from score.utils.errors import UserError

from .conftest import insert_spec, make_observations


@pytest.fixture
def bundle(tmp_path: Path, policy: FlowMatchingPolicy) -> Path:
    save_bundle(policy, tmp_path / "bundle", {"task": "SCORE-Insert-v0"})
    return tmp_path / "bundle"


def _edit(bundle: Path, **changes: object) -> None:
    path = bundle / "policy.yaml"
    data = {**yaml.safe_load(path.read_text()), **changes}
    path.write_text(yaml.safe_dump({key: value for key, value in data.items() if value != "DELETE"}))


def _rewrite(bundle: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors and keep the hash right, so that only the tensors themselves are judged."""
    path = bundle / "policy.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    _edit(bundle, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_round_trip_is_bit_exact(bundle: Path, policy: FlowMatchingPolicy) -> None:
    loaded = load_bundle(bundle)
    assert loaded.spec == policy.spec
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    for name, tensor in policy.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    observations, latent = make_observations(3), torch.randn(3, 8, 7)
    assert torch.equal(
        loaded.decode(loaded.encode(observations), latent), policy.decode(policy.encode(observations), latent)
    )


def test_saving_twice_gives_the_same_bytes_and_replaces(bundle: Path, policy: FlowMatchingPolicy) -> None:
    before = bundle_sha256(bundle)
    save_bundle(load_bundle(bundle), bundle, {"task": "SCORE-Insert-v0"})
    assert bundle_sha256(bundle) == before
    (bundle / "README.md").write_text("not part of it")
    assert bundle_sha256(bundle) == before
    (bundle / "README.md").unlink()
    policy.action_normaliser.offset += 1.0
    save_bundle(policy, bundle)
    assert bundle_sha256(bundle) != before
    assert list(bundle.parent.iterdir()) == [bundle]  # no temporary folder is left


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path, policy: FlowMatchingPolicy) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other things than what is to be written there \(thesis.tex\)"):
        save_bundle(policy, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    with pytest.raises(UserError, match=r"is a file, and a folder is to be written there"):
        save_bundle(policy, tmp_path / "thesis.tex")


def test_only_flow_policies_are_saved(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"type BasePolicy cannot be saved"):
        save_bundle(BasePolicy(insert_spec(), 5), tmp_path / "bundle")


def test_missing_folder_names_near_ones(bundle: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist, so there is no policy.yaml.* Did you mean 'bundle'"):
        load_bundle(bundle.with_name("bundel"))


def test_a_pickled_checkpoint_is_refused(tmp_path: Path, bundle: Path) -> None:
    torch.save({"w": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"model.pt is a file: .* never loaded"):
        load_bundle(tmp_path / "model.pt")
    torch.save({"w": torch.zeros(1)}, bundle / "policy.safetensors")
    with pytest.raises(UserError, match=r"policy.safetensors is a pickle .* never loaded because they can run code"):
        load_bundle(bundle)
    (bundle / "policy.safetensors").rename(bundle / "policy.pt")
    with pytest.raises(
        UserError, match=r"policy.safetensors is missing: .*Pickled files \(policy.pt\) are never loaded"
    ):
        load_bundle(bundle)


def test_truncated_and_foreign_weights_are_refused(bundle: Path, policy: FlowMatchingPolicy) -> None:
    path = bundle / "policy.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(UserError, match=r"policy.safetensors is cut off or damaged; .* is a safetensors file"):
        load_bundle(bundle)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=r"is not the file that policy.yaml beside it was written with"):
        load_bundle(bundle)


def test_a_header_that_begins_like_a_pickle_is_none(bundle: Path) -> None:
    # A safetensors file begins with the length of its header, little-endian: here 0x80, as a pickle of protocol 2 on.
    path = bundle / "policy.safetensors"
    tensors = load_file(path)
    for padding in range(0, 256, 8):
        save_file(tensors, path, metadata={"padding": "x" * padding})
        if path.read_bytes()[:1] == b"\x80":
            break
    assert path.read_bytes()[:1] == b"\x80"
    _edit(bundle, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    load_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "ddpm"}, "sampler 'ddpm' draws fresh noise .* deterministic sampler DDIM"),
        ({"integrator": {"method": "DDPM", "steps": 100}}, "sampler 'DDPM' draws fresh noise .* DDIM"),
        ({"integrator": {"sampler": "euler_ancestral"}}, "sampler 'euler_ancestral' .* DDIM"),
        ({"sampler": {"kind": "ddpm"}}, "sampler 'ddpm' draws fresh noise .* deterministic sampler DDIM"),
        (
            {"latent": {"shape": [8, 7], "law": "uniform"}},
            r"latent.law 'uniform' cannot be steered: .* N\(0, I\)",
        ),
        ({"latent": {"shape": [9, 7], "law": "normal"}}, r"latent.shape \[9, 7\] are not those .* and \[8, 7\]"),
        ({"latent": {"shape": [8], "law": "normal"}}, r"latent.shape holds '\[8\]': give two numbers"),
        ({"latent": "DELETE"}, "lacks key 'latent' for its format"),
        ({"chunk": {"rows": 9, "first": 0, "executed": 8}}, "chunk .*'rows': 9.* are not those"),
        ({"chunk": {"rows": 8, "first": 0, "executed": 9}}, "chunk.executed holds 9: .* at most 8"),
        ({"format": "score-base-policy/1"}, "has an unknown key 'chunk' for its format"),
        ({"format": "score-base-policy/9"}, "has format 'score-base-policy/9', and this version reads"),
        ({"kind": "flow_matchin"}, "kind 'flow_matchin' is unknown. Did you mean 'flow_matching'"),
        ({"networks": {}}, "unknown key 'networks'. Did you mean 'network'"),
        ({"network": "DELETE"}, "lacks the key 'network'"),
        ({"network": {"widht": 24}}, "network has an unknown key 'widht'. Did you mean 'width'"),
        ({"network": {"width": "wide"}}, "network.width holds 'wide'"),
        ({"integrator": {"method": "midpoint", "steps": 0}}, "integrator.steps holds 0"),
        ({"integrator": {"method": "heun"}}, "Integrator method 'heun' is unknown"),
        ({"spec": {}}, "spec lacks the key 'observations'"),
        ({"training": ["anything"]}, None),
    ],
)
def test_settings_are_read_strictly(bundle: Path, changes: dict, message: str | None) -> None:
    _edit(bundle, **changes)
    if message is None:
        load_bundle(bundle)
        return
    with pytest.raises(UserError, match=message):
        load_bundle(bundle)


def test_settings_that_are_no_yaml_are_refused(bundle: Path) -> None:
    (bundle / "policy.yaml").write_text("format: [unclosed")
    with pytest.raises(UserError, match=r"policy.yaml is not readable as YAML"):
        load_bundle(bundle)
    (bundle / "policy.yaml").write_text("just words")
    with pytest.raises(UserError, match=r"has format 'None'"):
        load_bundle(bundle)
    (bundle / "policy.yaml").write_text("format: !!python/object/apply:os.getcwd []")
    with pytest.raises(UserError, match=r"policy.yaml is not readable as YAML"):
        load_bundle(bundle)
    (bundle / "policy.yaml").unlink()
    with pytest.raises(UserError, match=r"has no policy.yaml"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("integrator.field.leave.weight"), "misses 'integrator.field.leave.weight'"),
        (lambda t: t.update(extra=torch.zeros(1)), r"has the unknown 'extra' \(1 in all\)"),
        (
            lambda t: t.update({"integrator.field.leave.bias": torch.zeros(3)}),
            r"'integrator.field.leave.bias' is \(3,\)",
        ),
        (lambda t: t.update({"integrator.field.leave.bias": torch.zeros(56).half()}), r"torch.float16 and must be"),
        (lambda t: t.pop("action_normaliser.scale"), "lacks the normalisation statistic 'action_normaliser.scale'"),
        (lambda t: t.update({"feature_normaliser.offset": torch.zeros(48)}), r"offset has shape \(48,\), and \(49,\)"),
        (lambda t: t["cloud_normaliser.scale"].zero_(), "cloud_normaliser: index .* has zero range"),
        (lambda t: t["action_axes"].mul_(1.1), r"action_axes is not orthonormal \(off by 0.21\)"),
        (lambda t: t["action_axes"].fill_(float("nan")), r"'action_axes' is not finite"),
        (
            lambda t: t["integrator.field.enter.bias"][3].fill_(float("inf")),
            "'integrator.field.enter.bias' is not",
        ),
    ],
)
def test_tensors_are_read_strictly(
    bundle: Path, change: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    _rewrite(bundle, change)
    with pytest.raises(UserError, match=message):
        load_bundle(bundle)


def _network(bundle: Path, **changes: object) -> dict:
    return {"network": {**yaml.safe_load((bundle / "policy.yaml").read_text())["network"], **changes}}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 10**7}, "network.width holds 10000000"),
        ({"depth": 10**6}, "network.depth holds"),
        ({"expansion": 10**9}, "network.expansion holds"),
        ({"embedding_dim": 10**10}, "network.embedding_dim holds"),
        ({"point_widths": [64] * 10**4}, "Length of network.point_widths holds 10000"),
        # Within bounds, and still 64 * 256 * 2 * 10^4 * 10^4 numbers: far more than the file has bytes.
        ({"width": 10**4, "depth": 256, "expansion": 64}, r"network describes \d+ parameters, and .* has \d+ bytes"),
    ],
)
def test_sizes_are_judged_before_anything_is_made_of_them(bundle: Path, changes: dict, message: str) -> None:
    _edit(bundle, **_network(bundle, **changes))
    with pytest.raises(UserError, match=message):
        load_bundle(bundle)


def test_numbers_of_the_spec_have_bounds(bundle: Path) -> None:
    spec = yaml.safe_load((bundle / "policy.yaml").read_text())["spec"]
    cloud = {"point_cloud": {**spec["observations"]["point_cloud"], "shape": [10**12, 3]}}
    changes: list[tuple[dict[str, Any], str]] = [
        ({"horizon": 10**9}, "horizon holds 1000000000"),
        ({"horizon": float("inf")}, "The spec holds a value of the wrong type: cannot convert float infinity"),
        ({"control_rate_hz": 10**400}, "The spec holds a value of the wrong type: int too large"),
        ({"observations": {**spec["observations"], **cloud}}, "Observation shape times history holds"),
    ]
    for change, message in changes:
        _edit(bundle, spec={**spec, **change})
        with pytest.raises(UserError, match=message):
            load_bundle(bundle)
    _edit(bundle, spec=spec, integrator={"method": "midpoint", "steps": 10**5})
    with pytest.raises(UserError, match=r"integrator.steps holds 100000"):
        load_bundle(bundle)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x, x]\nformat: [*a, *a]",
        "format: " + 20_000 * "[" + 20_000 * "]",
        "format: !!int abc",
        "format: !!float abc",
        "format: !!bool abc",
        "format: !!timestamp abc",
        "format: 2026-02-31",
        "format: " + 5000 * "9",
        "format: [unclosed\n  - and more",
        "? [a, b]\n: {? {a: 1} : 2}",
    ],
)
def test_yaml_that_breaks_its_reader_is_one_line(bundle: Path, text: str) -> None:
    (bundle / "policy.yaml").write_text(text)
    with pytest.raises(UserError, match=r"policy.yaml is not readable as YAML: .* Restore the file.") as caught:
        load_bundle(bundle)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_format_1_is_read_and_acts_as_before(bundle: Path, policy: FlowMatchingPolicy) -> None:
    path = bundle / "policy.yaml"
    data = yaml.safe_load(path.read_text())
    assert data["format"] == "score-base-policy/2"
    assert data["chunk"] == {"rows": 8, "first": 0, "executed": 8}
    assert data["latent"] == {"shape": [8, 7], "law": "normal"}
    old = {key: value for key, value in data.items() if key not in ("chunk", "latent")}
    path.write_text(yaml.safe_dump({**old, "format": "score-base-policy/1"}))
    observations, latent = make_observations(3), torch.randn(3, 8, 7)
    assert torch.equal(load_bundle(bundle)(observations, latent), policy(observations, latent))


def test_policies_load_without_isaaclab_yaml_or_safetensors() -> None:
    # A robot has torch alone; the bundle's reader is a module of its own that is not imported with the package.
    code = (
        "import sys; import score.policies;"
        "bad = {'isaaclab', 'rsl_rl', 'yaml', 'safetensors', 'omegaconf'} & {m.split('.')[0] for m in sys.modules};"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
