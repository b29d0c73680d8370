# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Wrong files in place of a checkpoint, each by the message that it gets."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from score.steering import checkpoint
from score.steering.checkpoint import (
    FORMAT,
    load_checkpoint,
    require_same,
    resolve_checkpoint,
    save_checkpoint,
    save_json,
    weights_sha256,
)
from score.steering.config import SteeringRunnerCfg
from score.steering.run_folder import write_run
from score.utils.errors import UserError
from score.utils.file_kinds import FileKind, file_kind, iteration_of

STATE: dict[str, Any] = {"iter": 3, "score": {"format": FORMAT}, "actor_state_dict": {"weight": torch.ones(3)}}


class Payload:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('a checkpoint was unpickled')",))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    save_checkpoint(STATE, tmp_path / "model_3.pt")
    return tmp_path / "model_3.pt"


def test_what_was_saved_is_loaded(good: Path) -> None:
    state = load_checkpoint(good)
    assert state["iter"] == 3
    assert torch.equal(state["actor_state_dict"]["weight"], torch.ones(3))
    assert file_kind(good) is FileKind.ARCHIVE
    assert [file.name for file in good.parent.iterdir()] == ["model_3.pt"]


def test_missing_with_near_names(good: Path) -> None:
    with pytest.raises(UserError, match=r"--checkpoint: .*model_2.pt does not exist. Did you mean 'model_3.pt'"):
        load_checkpoint(good.with_name("model_2.pt"))
    with pytest.raises(UserError, match=r"lates does not exist. Did you mean 'latest'"):
        load_checkpoint("lates")
    with pytest.raises(UserError, match=r"does not exist. Give latest, best, or a model_<i>.pt of a run."):
        load_checkpoint("/nowhere/at/all")


@pytest.mark.parametrize("kept", [1, 4, 40, 400, -30])
def test_truncated(good: Path, kept: int) -> None:
    good.write_bytes(good.read_bytes()[:kept])
    kind = "is not a checkpoint" if kept == 1 else "is cut off or damaged"
    with pytest.raises(UserError, match=kind):
        load_checkpoint(good)


def test_flipped_bits(good: Path) -> None:
    data = bytearray(good.read_bytes())
    data[data.index(b"actor_state_dict")] ^= 0xFF
    good.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"is cut off or damaged. Use an earlier model_<i>.pt of the same run."):
        load_checkpoint(good)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "model_1.pt").touch()
    with pytest.raises(UserError, match=r"model_1.pt is empty. Use an earlier model_<i>.pt of the same run."):
        load_checkpoint(tmp_path / "model_1.pt")


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    raw = tmp_path / "raw.pt"
    raw.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(UserError, match=r"is a Python pickle, which could run any code and is never opened"):
        load_checkpoint(raw)
    legacy = tmp_path / "legacy.pt"
    torch.save(STATE, legacy, _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match=r"is a Python pickle"):
        load_checkpoint(legacy)
    wrapped = tmp_path / "wrapped.pt"
    torch.save({"score": {"format": FORMAT}, "payload": Payload()}, wrapped)
    with pytest.raises(UserError, match=r"holds Python objects beside tensors and is never opened"):
        load_checkpoint(wrapped)


def test_foreign_rsl_rl(tmp_path: Path) -> None:
    torch.save({"actor_state_dict": {}, "critic_state_dict": {}, "iter": 5, "infos": None}, tmp_path / "model_5.pt")
    with pytest.raises(UserError, match=r"is a plain rsl_rl checkpoint: it does not say which base policy"):
        load_checkpoint(tmp_path / "model_5.pt")


def test_other_format_and_other_content(tmp_path: Path) -> None:
    torch.save({"score": {"format": "score.steering/9"}}, tmp_path / "model_5.pt")
    with pytest.raises(UserError, match=f"has the format 'score.steering/9', and this version reads '{FORMAT}'"):
        load_checkpoint(tmp_path / "model_5.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match=r"list.pt is not a checkpoint. Give latest, best"):
        load_checkpoint(tmp_path / "list.pt")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match=r"notes.txt is not a checkpoint"):
        load_checkpoint(tmp_path / "notes.txt")


def test_torchscript_and_folders(tmp_path: Path, good: Path) -> None:
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / "policy.pt"))
    with pytest.raises(UserError, match=r"is a TorchScript file \(the policy.pt .*\), not a checkpoint"):
        load_checkpoint(tmp_path / "policy.pt")
    with pytest.raises(
        UserError, match=r"is the folder of a training run.* Give one of its files, such as .*model_3.pt"
    ):
        load_checkpoint(tmp_path)
    for name, file, message in [
        ("capsule", "manifest.json", "is a capsule \\(made by export.py\\), not a checkpoint"),
        ("bundle", "policy.yaml", "is a base policy bundle, not a checkpoint"),
        ("plain", "anything", "is a folder, not a checkpoint"),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
        with pytest.raises(UserError, match=message):
            load_checkpoint(tmp_path / name)


def test_another_base_policy_or_basis() -> None:
    saved = {"base_policy_sha256": "a" * 64, "basis": "full", "chunk_steps": 8}
    require_same("x.pt", saved, dict(saved))
    with pytest.raises(
        UserError, match=r"x.pt steers another base policy \(weights sha256 aaaaaaaaaaaa, the given one has bbb"
    ):
        require_same("x.pt", saved, {**saved, "base_policy_sha256": "b" * 64})
    with pytest.raises(UserError, match=r"x.pt was trained with basis full, and now it is dct"):
        require_same("x.pt", saved, {**saved, "basis": "dct"})
    with pytest.raises(UserError, match=r"x.pt was trained with chunk steps 8, and now it is 4"):
        require_same("x.pt", saved, {**saved, "chunk_steps": 4})


def test_a_full_disk_leaves_earlier_checkpoints(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = good.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        UserError, match=r"Cannot save the checkpoint .*model_4.pt: the disk is full. Earlier checkpoints"
    ):
        save_checkpoint(STATE, good.with_name("model_4.pt"))
    with pytest.raises(UserError, match=r"the disk is full"):
        save_checkpoint(STATE, good)
    assert good.read_bytes() == before
    assert [file.name for file in good.parent.iterdir()] == ["model_3.pt"]


def test_a_read_only_place_is_named(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(self: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", read_only)
    with pytest.raises(UserError, match=r"Cannot save the file .*x.json: Read-only file system"):
        save_json({}, good.with_name("x.json"))


def make_run(folder: Path, task: str, *names: str) -> None:
    write_run(folder, task, SteeringRunnerCfg(), {"gravity": (0.0, -9.8)}, 0, {"physics": "none"})
    for name in names:
        (folder / name).touch()


def test_selectors(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"--checkpoint latest: no run of 'SCORE-X-v0' with a checkpoint in .*Train one"
    ):
        resolve_checkpoint("latest", tmp_path, "SCORE-X-v0")
    make_run(tmp_path / "b", "module:SCORE-X-v0", "model_11.pt")
    make_run(tmp_path / "a", "SCORE-X-v0", "model_9.pt", "model_10.pt", "model_best.pt")
    make_run(tmp_path / "c", "SCORE-Z-v0", "model_12.pt")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "run.json").write_text("cut off")
    # The newest run of the task, whatever it is called.
    assert resolve_checkpoint("latest", tmp_path, "SCORE-X-v0") == (tmp_path / "a" / "model_10.pt").resolve()
    assert resolve_checkpoint("best", tmp_path, "module:SCORE-X-v0").name == "model_best.pt"
    assert resolve_checkpoint("a/b.pt", tmp_path, "SCORE-X-v0") == Path("a/b.pt")
    with pytest.raises(UserError, match=r"no run of 'SCORE-Y-v0'"):
        resolve_checkpoint("best", tmp_path, "SCORE-Y-v0")
    (tmp_path / "a" / "model_best.pt").unlink()
    assert resolve_checkpoint("best", tmp_path, "SCORE-X-v0").name == "model_10.pt"


def test_isaac_lab_s_selectors_find_our_runs(tmp_path: Path) -> None:
    from isaaclab_rl.entrypoints.common import resolve_checkpoint_selector

    make_run(tmp_path / "a", "SCORE-X-v0", "model_9.pt", "model_10.pt")
    options = {"library": checkpoint.LIBRARY, "task": "SCORE-X-v0", "metadata": {"physics": "none", "seed": "42"}}
    found = resolve_checkpoint_selector(str(tmp_path), "latest", checkpoint_pattern=r"model_\d+\.pt", **options)
    assert Path(found).name == "model_10.pt"


def test_names_and_hashes() -> None:
    assert (iteration_of(Path("model_12.pt")), iteration_of(Path("model_best.pt"))) == (12, -1)
    layer = torch.nn.Linear(2, 2)
    before = weights_sha256(layer)
    assert before == weights_sha256(layer)
    with torch.no_grad():
        layer.weight[0, 0] = torch.nextafter(layer.weight[0, 0], torch.tensor(9.0))
    assert weights_sha256(layer) != before
