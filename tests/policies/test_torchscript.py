# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import copy
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from score.policies import BasePolicy
from score.policies.bundle import bundle_sha256, load_bundle, save_bundle
from score.policies.spec import Chunk
from score.policies.torchscript import TorchScriptPolicy
from score.utils.errors import UserError

from .conftest import Foreign, insert_spec, make_observations

SPEC = insert_spec(cloud=False)

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Plain(torch.nn.Module):
    """The least that is a policy; subclasses do what they must not."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = torch.nn.Linear(28 + 56, 56)
        self.count = torch.nn.Parameter(torch.zeros(1))

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        return observations["joint_pos"].flatten(1)

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return self.mix(torch.cat([condition, latent.flatten(1)], dim=-1)).view(-1, 8, 7)


class DrawsNoise(Plain):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return self.mix(torch.cat([condition, torch.randn_like(latent).flatten(1)], dim=-1)).view(-1, 8, 7)


class DrawsInPlace(Plain):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return latent.clone().normal_()[:, :8, :7]


class HiddenInASubmodule(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.inner = DrawsNoise()

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return self.inner.decode(condition, latent)


class WritesAFile(Plain):
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        torch.save(observations["joint_pos"], "stolen.pt")
        return observations["joint_pos"].flatten(1)


class DropsAlways(Plain):
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        return torch.nn.functional.dropout(observations["joint_pos"].flatten(1), 0.5, training=True)


class CallsPython(Plain):
    @torch.jit.ignore
    def python(self, latent: Tensor) -> Tensor:
        return latent

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return self.python(latent)


class WrongShape(Plain):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return latent[:, :7]


class NotFinite(Plain):
    def __init__(self) -> None:
        super().__init__()
        torch.nn.init.constant_(self.count, float("inf"))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (DrawsNoise, "uses aten::randn_like: a base policy may only use operators that compute with tensors"),
        (DrawsInPlace, "uses aten::normal_: "),
        (HiddenInASubmodule, "uses aten::randn_like: "),
        (WritesAFile, "uses aten::save: "),
        (DropsAlways, "uses aten::dropout as in training, where it draws random numbers"),
        (CallsPython, "CallsPython cannot be compiled to TorchScript: "),
        (WrongShape, r"returned a condition \(2, 28\) and actions \(2, 7, 7\) for a batch of 2: .*\(2, 8, 7\)"),
        (NotFinite, "'module.count' is not finite"),
        (torch.nn.ReLU, "ReLU cannot be compiled to TorchScript: .*'ReLU' has no attribute"),
    ],
)
def test_modules_that_do_more_than_compute_are_refused(
    fault: type[torch.nn.Module], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        TorchScriptPolicy.from_module(fault(), SPEC)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())  # nothing ran


class RunsWhileLoaded(torch.nn.Module):
    """A submodule whose own code makes it, from an archive."""

    def __init__(self) -> None:
        super().__init__()
        self.training = False

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return torch.zeros(1), self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        torch.save(state[0], "stolen.pt")
        self.training = state[1]

    def forward(self, condition: Tensor) -> Tensor:
        return condition


class CarriesOne(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.inner = RunsWhileLoaded()

    @torch.jit.export
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        return self.inner(observations["joint_pos"].flatten(1))

    @torch.jit.export
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return condition


def test_code_that_runs_while_it_is_loaded_is_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(CarriesOne()), buffer)
    with pytest.raises(UserError, match=r"holds '__setstate__', which runs while it is loaded: it is not loaded"):
        TorchScriptPolicy(buffer.getvalue(), SPEC)
    assert not (tmp_path / "stolen.pt").exists()
    buffer.seek(0)
    torch.jit.load(buffer)  # so it is with good reason
    assert (tmp_path / "stolen.pt").exists()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign") / "bundle"
    policy = TorchScriptPolicy.from_module(Foreign(), SPEC, latent_shape=(9, 8), chunk=Chunk(9, 1, 4))
    save_bundle(policy, folder, {"task": "SCORE-Insert-v0"})
    return folder


def test_a_bundle_acts_as_the_module_did(bundle: Path) -> None:
    module, policy = Foreign().eval(), load_bundle(bundle)
    assert (policy.latent_shape, policy.chunk, policy.condition_dim) == ((9, 8), Chunk(9, 1, 4), 29)
    observations, latent = make_observations(5, cloud=False), torch.randn(5, 9, 8)
    with torch.no_grad():
        expected = module.decode(module.encode(observations), latent)
    torch.testing.assert_close(policy.decode(policy.encode(observations), latent), expected, atol=1e-6, rtol=0)
    assert sorted(path.name for path in bundle.iterdir()) == ["policy.pt", "policy.yaml"]
    data = yaml.safe_load((bundle / "policy.yaml").read_text())
    assert data["latent"] == {"shape": [9, 8], "law": "normal"}


def test_saving_again_gives_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    save_bundle(load_bundle(bundle), tmp_path / "again", {"task": "SCORE-Insert-v0"})
    assert bundle_sha256(tmp_path / "again") == bundle_sha256(bundle)


def test_two_modules_of_the_same_weights_are_told_apart() -> None:
    class Doubled(Plain):
        def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
            return self.mix(torch.cat([condition, 2.0 * latent.flatten(1)], dim=-1)).view(-1, 8, 7)

    torch.manual_seed(0)
    one = Plain()
    other = Doubled()
    other.load_state_dict(one.state_dict())
    states = [TorchScriptPolicy.from_module(module, SPEC).state_dict() for module in (one, other)]
    differing = [name for name, tensor in states[0].items() if not torch.equal(tensor, states[1][name])]
    assert differing == ["archive_sha256"]


def _replace(bundle: Path, folder: Path, content: bytes) -> Path:
    """A copy of the bundle with other weights and the right hash for them."""
    folder.mkdir()
    data = yaml.safe_load((bundle / "policy.yaml").read_text())
    (folder / "policy.pt").write_bytes(content)
    data["weights_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "policy.yaml").write_text(yaml.safe_dump(data))
    return folder


def test_archives_that_are_none_or_may_be_read_in_two_ways_are_refused(bundle: Path, tmp_path: Path) -> None:
    good = (bundle / "policy.pt").read_bytes()
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(1)}, buffer)
    twice = io.BytesIO(good)
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr(archive.namelist()[0].upper(), b"")
    bomb = io.BytesIO(good)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(archive.namelist()[0].split("/")[0] + "/data/bomb", bytes(80 * 2**20))
    for name, content, message in [
        ("checkpoint", buffer.getvalue(), "is a pickle .* never loaded"),
        ("cut", good[:-50], "policy.pt is cut off or damaged; a file is needed that is a TorchScript file"),
        ("twice", twice.getvalue(), "names a part twice"),
        ("bomb", bomb.getvalue(), "unpacks to far more than its size"),
    ]:
        with pytest.raises(UserError, match=message):
            load_bundle(_replace(bundle, tmp_path / name, content))


class Capsule(torch.nn.Module):
    """Has a base policy inside, as what goes to a robot does."""

    def __init__(self, base: BasePolicy) -> None:
        super().__init__()
        self.base = base

    def forward(self, observations: dict[str, Tensor], latent: Tensor) -> Tensor:
        condition = self.base.encode(observations)
        return self.base.decode(self.base.features(condition), latent)


def test_it_is_compiled_into_a_capsule(bundle: Path) -> None:
    policy = load_bundle(bundle)
    capsule = copy.deepcopy(Capsule(policy)).cpu().eval().requires_grad_(False)
    observations, latent = make_observations(1, cloud=False), torch.randn(1, 9, 8)
    expected = policy.decode(policy.encode(observations), latent)
    torch.testing.assert_close(torch.jit.script(capsule)(observations, latent), expected, atol=1e-6, rtol=0)
