# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Other people's modules, frozen by the one file that is copied to where they run."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from score.policies.adapted import AdaptedPolicy
from score.policies.bundle import load_bundle, save_bundle
from score.policies.contract import contract_problems, random_inputs
from score.policies.freezing import freeze
from score.policies.load import check_policy, load_policy, policy_sha256
from score.policies.torchscript import TorchScriptPolicy
from score.utils.errors import UserError

from .conftest import JOINTS, insert_spec

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

MINE = """
import torch

class Plain(torch.nn.Module):
    inputs = {"joint_pos": ((7,), 4), "point_cloud": ((32, 3), 1)}
    latent = (9, 8)

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.mix = torch.nn.Linear(31 + 72, 56)

    def encode(self, observations: dict[str, torch.Tensor]):
        return torch.cat([observations["joint_pos"].flatten(1), observations["point_cloud"].mean(dim=1)], dim=1)

    def decode(self, condition, latent):
        return self.mix(torch.cat([condition, latent.flatten(1)], dim=1)).view(-1, 8, 7)

class Python(Plain):
    '''What no compiler of TorchScript reads, and makes a tensor of its own on the device of its input.'''

    def encode(self, observations):
        return super().encode(**{"observations": dict(sorted(observations.items()))})

    def decode(self, condition, latent):
        weights = torch.arange(8, device=latent.device) / 8.0
        weights = weights + torch.tensor(0.5)  # which a trace lifts
        return super().decode(condition, latent * weights) + 0.0 * sum(getattr(self, "none", [0.0]))

class Draws(Python):
    def decode(self, condition, latent):
        return super().decode(condition, latent + 1e-3 * torch.randn_like(latent))

class Keeps(Python):
    calls = 0

    def decode(self, condition, latent):
        self.calls += 1
        return super().decode(condition, latent) * self.calls

class Ignores(Plain):
    def decode(self, condition, latent):
        return self.mix(torch.cat([condition, condition, condition, condition[:, :10]], dim=1)).view(-1, 8, 7)

class Mixes(Plain):
    def encode(self, observations: dict[str, torch.Tensor]):
        return super().encode(observations) - super().encode(observations).mean(dim=0)

class Fixes(Python):
    def decode(self, condition, latent):
        if latent.shape[0] != 2:
            latent = 1.1 * latent
        return super().decode(condition, latent)

class Branches(Python):
    def decode(self, condition, latent):
        return super().decode(condition, latent if float(latent.sum()) > 0.0 else 1.1 * latent)

class Detaches(Python):
    def decode(self, condition, latent):
        return super().decode(condition, latent.detach())

class Infinite(Plain):
    def decode(self, condition, latent):
        return latent[:, :8, :7] / 0.0

class Flat(Plain):
    def decode(self, condition, latent):
        return latent.flatten(1)

class Silent(torch.nn.Linear):
    inputs = {}

def silent():
    return Silent(1, 1)

def raises():
    raise KeyError("my weights")

def needs():
    import no_such_package
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("theirs") / "mine_to_freeze.py"
    path.write_text(MINE)
    yield path
    sys.modules.pop(path.stem, None)


def test_the_file_needs_torch_alone() -> None:
    """And LeRobot, where there is some: only inside the class that reads it."""
    tree = ast.parse(Path(freeze.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert others == {"torch", "lerobot"}
    assert not any(
        "lerobot" in ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    )


@pytest.mark.parametrize(("name", "how"), [("Plain", "compiled"), ("Python", "traced")])
def test_frozen_it_acts_as_it_did_and_is_a_base_policy(
    name: str, how: str, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "frozen"
    assert freeze.main([f"{mine}:{name}", "--output", str(folder)]) == 0
    assert f"Wrote {folder}: {how}; actions of batches (1, 2, 7) are the original's to " in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["policy.pt", "policy.yaml"]
    assert list(folder.parent.iterdir()) == [folder]
    policy, module = load_bundle(folder), _module(mine, name)
    assert isinstance(policy, TorchScriptPolicy)
    assert contract_problems(policy) == []
    assert (policy.latent_shape, policy.spec.horizon, policy.condition_dim) == ((9, 8), 8, 31)
    windows, latent = random_inputs(policy, 5, seed=3)
    with torch.no_grad():
        expected = module.decode(module.encode(windows), latent)
    torch.testing.assert_close(policy.decode(policy.encode(windows), latent), expected, atol=1e-6, rtol=0.0)
    for method in (policy.module.encode, policy.module.decode):  # it follows to any device: none stays behind
        graph = method.inlined_graph
        outputs = [node.output() for node in graph.findAllNodes("prim::Constant")]
        assert "DeviceObjType" not in {output.type().kind() for output in outputs}
        assert not any(output.toIValue().dim() for output in outputs if output.type().kind() == "TensorType")


def _module(path: Path, name: str) -> Any:
    specification = importlib.util.spec_from_file_location("mine_again", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return getattr(module, name)().eval()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("Draws", "the same windows and noise give other actions the second time: the policy draws noise of its own"),
        ("Keeps", "or keeps state. Use DDIM with eta 0, evaluation mode, and no queues"),
        ("Ignores", "the noise does not change the actions, so there is nothing to steer"),
        ("Mixes", r"rows of a batch of 2 touch each other: alone they differ, by \S+ of the largest"),
        ("Fixes", r"frozen, it gives other actions for a batch of 1 \(did a trace fix a size or a branch\?\), by "),
        ("Branches", r"frozen, it gives other actions for a batch of \d \(did a trace fix a size or a branch\?\), by "),
        ("Detaches", "no gradient goes from actions to noise: remove no_grad and detach from decode"),
        ("Infinite", "the actions of random windows are not finite"),
        ("Flat", r"encode returned \(1, 31\) and decode \(1, 72\) for a batch of 1: \(batch, C\) and \(batch, H, A\)"),
        ("silent", "fails with TypeError: it returned Silent, and not a torch.nn.Module with encode, decode, latent"),
        ("raises", "mine_to_freeze.py:raises fails with KeyError: 'my weights'"),
        ("needs", "needs 'no_such_package': start this file with a Python that has it"),
        ("nothing", "has no attribute 'nothing'"),
    ],
)
def test_what_cannot_be_steered_is_refused_in_a_line(
    function: str, message: str, mine: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert re.search(message, refused(f"{mine}:{function}", "--output", str(tmp_path / "frozen")))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command, and returns the one line that it ends with."""

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            freeze.main(words)
        assert ended.value.code == 2
        line = capsys.readouterr().err
        assert line.startswith("error: ")
        assert line.count("\n") == 1
        return line

    return run


def test_mistakes(mine: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    for words, message in (
        ([f"{mine}:Plain", "--output", str(tmp_path)], "already exists: name another folder"),
        (["nowhere.py:make", "--output", "x"], "'nowhere.py:make' is neither a LeRobot folder"),
        ([str(tmp_path), "--output", "x"], "as a LeRobot checkpoint .* fails with FileNotFoundError"),
        ([f"{mine}:Plain", "--output", "x", "--inference_steps", "4"], "--inference_steps is a number of at least 1, "),
        ([], "the following arguments are required"),
        (["x", "--output", "y", "--stpes", "4"], "unrecognized arguments: --stpes 4; --help lists the flags"),
    ):
        assert re.search(message, refused(*words))


def test_a_lerobot_checkpoint_of_another_type_or_without_lerobot_is_refused(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "config.json").write_text('{"type": "act"}')
    line = refused(str(tmp_path), "--output", "x")
    assert "it is of type 'act', and 'diffusion' is known; give FILE.py:FUNCTION" in line
    (tmp_path / "config.json").write_text('{"type": "diffusion"}')
    assert "needs 'lerobot': start this file with a Python that has it" in refused(str(tmp_path), "--output", "x")


def test_its_interface_file_puts_it_into_the_words_of_a_task(mine: Path, tmp_path: Path) -> None:
    folder, task = tmp_path / "frozen", insert_spec()
    freeze.main([f"{mine}:Plain", "--output", str(folder)])
    plain = policy_sha256(folder)
    policy = load_policy(folder, task)
    assert isinstance(policy, AdaptedPolicy)
    assert list(policy.spec.observations) == ["joint_pos", "point_cloud"]  # by their names, with nothing written
    assert contract_problems(policy) == []
    windows, latent = random_inputs(policy, 3, seed=5)
    expected = policy.decode(policy.encode(windows), latent)
    inner = check_policy(folder)
    assert torch.equal(expected, inner.decode(inner.encode(windows), latent))
    (folder / "interface.yaml").write_text(yaml.safe_dump({"actions": [{"names": list(JOINTS[::-1]), "units": "deg"}]}))
    turned = load_policy(folder, task)
    # Joint 7 first, in degrees: pi / 180 of each number, in the opposite order.
    torch.testing.assert_close(turned.decode(turned.encode(windows), latent), expected.flip(-1) * torch.pi / 180.0)
    assert policy_sha256(folder) != plain
    save_bundle(turned, tmp_path / "converted")
    again = load_bundle(tmp_path / "converted")
    assert torch.equal(again.decode(again.encode(windows), latent), turned.decode(turned.encode(windows), latent))
    (folder / "interface.yaml").write_text("inference_steps: 4")
    with pytest.raises(UserError, match="inference_steps is of no use to a frozen policy, which has its steps inside"):
        check_policy(folder)
    (folder / "interface.yaml").write_text("inputs: {point_cloud: [{observation: joint_pos}]}")
    with pytest.raises(UserError, match=r"inputs.point_cloud have 7 numbers, and the checkpoint reads 3"):
        load_policy(folder, task)
    (folder / "interface.yaml").write_text("inputs: {point_cloud: [{constant: [0.0, 0.0, 0.0]}]}")
    with pytest.raises(UserError, match=r"a constant of 1 frames stands for 1 of \(32, 3\)"):
        load_policy(folder, task)
