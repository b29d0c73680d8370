# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files that are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from score.utils import UserError, atomic_directory, atomic_file, require_writable, sha256_of
from score.utils.files import require_folder_place, require_plain_name


def names_in(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def test_file_appears_whole_and_alone(tmp_path: Path) -> None:
    target = tmp_path / "new" / "run.json"
    with atomic_file(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".json"
        assert not temporary.exists()
        temporary.write_text("{}")
        assert not target.exists()
    assert target.read_text() == "{}"
    assert names_in(target.parent) == ["run.json"]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "model.pt"
    target.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_file(target) as temporary:
        temporary.write_text("half of the new")
        raise OSError(errno.ENOSPC, "full")
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["model.pt"]


def test_ctrl_c_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "model.pt") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert names_in(tmp_path) == []


def test_file_onto_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder, and a file is to be written there"), atomic_file(tmp_path):
        pass


def test_directory_appears_whole_and_alone(tmp_path: Path) -> None:
    target = tmp_path / "bundles" / "peg"
    with atomic_directory(target) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "policy.yaml").write_text("a: 1")
        assert not target.exists()
    assert (target / "sub" / "policy.yaml").read_text() == "a: 1"
    assert names_in(target.parent) == ["peg"]


def test_failed_directory_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), atomic_directory(tmp_path / "peg") as temporary:
        (temporary / "policy.yaml").write_text("half")
        raise ValueError("stop")
    assert names_in(tmp_path) == []


def test_existing_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "peg").mkdir()
    with pytest.raises(UserError, match=r"peg already exists: remove it"), atomic_directory(tmp_path / "peg"):
        pass


def test_directory_made_by_another_process_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "peg"
    with pytest.raises(UserError, match="already exists"), atomic_directory(target):
        target.mkdir()
        (target / "theirs").write_text("kept")
    assert names_in(target) == ["theirs"]
    assert names_in(tmp_path) == ["peg"]


def test_overwrite_replaces_all_of_the_old(tmp_path: Path) -> None:
    target = tmp_path / "peg"
    target.mkdir()
    (target / "old").write_text("")
    with atomic_directory(target, replaces=("*",)) as temporary:
        (temporary / "new").write_text("")
        assert names_in(target) == ["old"]
    assert names_in(target) == ["new"]
    assert names_in(tmp_path) == ["peg"]


def test_failed_overwrite_keeps_the_old(tmp_path: Path) -> None:
    target = tmp_path / "peg"
    target.mkdir()
    (target / "old").write_text("")
    with pytest.raises(ValueError, match="stop"), atomic_directory(target, replaces=("*",)):
        raise ValueError("stop")
    assert names_in(target) == ["old"]
    assert names_in(tmp_path) == ["peg"]


def test_directory_onto_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "peg").write_text("")
    with (
        pytest.raises(UserError, match="is a file, and a folder is to be written there"),
        atomic_directory(tmp_path / "peg", replaces=("*",)),
    ):
        pass


def test_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b")
    assert names_in(tmp_path / "a" / "b") == []


def test_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(UserError, match=r"Cannot make the folder .*logs/run: Not a directory. Choose another folder"):
        require_writable(tmp_path / "logs" / "run")


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(UserError, match=r"Cannot make the folder .*logs: File exists"):
        require_writable(tmp_path / "logs")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"Cannot write to .*: Permission denied. Choose another folder"):
        require_writable(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system where nobody may write")
def test_file_system_that_takes_no_files_is_refused() -> None:
    with pytest.raises(UserError, match=r"Cannot write to /proc/self: .*Choose another folder"):
        require_writable(Path("/proc/self"))


def test_nearly_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 20971520 bytes = 20 MB, below the 50 MB that are asked for.
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=20971520))
    with pytest.raises(UserError, match=r"Only 20 MB are free on the disk of .* at least 50 MB are needed"):
        require_writable(tmp_path)


def test_hash_of_a_file_is_plain_sha256(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1: SHA-256 of "abc".
    assert sha256_of(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hash_of_a_folder_by_hand(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    expected = hashlib.sha256(
        b"a\0" + hashlib.sha256(b"1").digest() + b"b/c\0" + hashlib.sha256(b"2").digest()
    ).hexdigest()
    assert sha256_of(tmp_path) == expected


def test_hash_of_a_folder_ignores_its_place_and_notices_a_rename(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("same")
    first = sha256_of(tmp_path / "one")
    assert sha256_of(tmp_path / "two") == first
    (tmp_path / "two" / "file").rename(tmp_path / "two" / "other")
    assert sha256_of(tmp_path / "two") != first


def test_hash_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone does not exist"):
        sha256_of(tmp_path / "gone")


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_equal_hashes_mean_equal_contents(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    directory = tmp_path_factory.mktemp("hash")
    (directory / "1").write_bytes(first)
    (directory / "2").write_bytes(second)
    assert (sha256_of(directory / "1") == sha256_of(directory / "2")) == (first == second)


def test_only_what_the_command_writes_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "capsule"
    target.mkdir()
    (target / "policy.pt").write_text("old")
    with atomic_directory(target, replaces=("policy.*",)) as temporary:
        (temporary / "policy.pt").write_text("new")
    (target / "notes.txt").write_text("mine")
    with (
        pytest.raises(UserError, match=r"capsule holds other things .*\(notes.txt\), and they would be lost"),
        atomic_directory(target, replaces=("policy.*",)),
    ):
        pass
    assert names_in(target) == ["notes.txt", "policy.pt"]


def test_temporary_files_of_a_killed_process_are_removed_and_young_ones_are_not(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".model_3.0123abcd.tmp.pt", ".m.0123abce.tmp.pt", ".x.tmp"))
    for path in (old, young, other):
        path.write_text("")
    folder = tmp_path / ".capsule.0123abcf.tmp"
    folder.mkdir()
    (folder / "policy.pt").write_text("half")
    for path in (old, other, folder):
        os.utime(path, (0, 0))
    with atomic_file(tmp_path / "model_4.pt") as temporary:
        temporary.write_text("whole")
    assert names_in(tmp_path) == [".m.0123abce.tmp.pt", ".x.tmp", "model_4.pt"]


def test_names_that_lead_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (".", "..", "/", tmp_path, "a/.."):
        with pytest.raises(UserError, match="is the folder that the command runs in, or one above it"):
            require_folder_place(Path(path), ("*",))
    with pytest.raises(UserError, match="has 201 letters: at most 200 are possible"):
        require_folder_place(Path("x" * 201, "y"))
    for name in ("", "../x", "a/b", ".hidden", "a\x00", "a\nb", "é" * 60):
        with pytest.raises(UserError, match="--run_name is"):
            require_plain_name(name, "--run_name")
    require_plain_name("a run of mine-2_b", "--run_name")
