# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as dump_tensors

from score.utils.file_kinds import FileKind, file_kind, newest_model


def test_each_kind_of_file_is_told(tmp_path: Path) -> None:
    script, archive, legacy = (tmp_path / name for name in ("script", "archive", "legacy"))
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), str(script))
    torch.save({"w": torch.zeros(3)}, archive)
    torch.save({"w": torch.zeros(3)}, legacy, _use_new_zipfile_serialization=False)
    tensors = dump_tensors({"w": torch.zeros(3)})
    header = json.dumps({"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}).encode()
    contents = {
        FileKind.EMPTY: [b""],
        FileKind.TORCHSCRIPT: [script.read_bytes()],
        FileKind.ARCHIVE: [archive.read_bytes()],
        FileKind.PICKLE: [legacy.read_bytes(), pickle.dumps([1], protocol=4)],
        FileKind.SAFETENSORS: [tensors],
        # Cut in the middle, cut at the end, a length beyond the file, a header of more bytes than there are.
        FileKind.TRUNCATED: [
            archive.read_bytes()[:200],
            script.read_bytes()[:-30],
            tensors[:30],
            tensors[:-1],
            (10**6).to_bytes(8, "little") + b"{}",
            len(header).to_bytes(8, "little") + header,
        ],
        FileKind.OTHER: [b"hello", b"P", b"\x80\x00", b"PK\x05\x06"],
    }
    for kind, examples in contents.items():
        for content in examples:
            (tmp_path / "file").write_bytes(content)
            assert file_kind(tmp_path / "file") is kind, content[:20]
    assert file_kind(tmp_path / "nothing") is FileKind.MISSING


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("manifest.json", FileKind.CAPSULE),
        ("policy.yaml", FileKind.BUNDLE),
        ("model_3.pt", FileKind.RUN),
        ("notes.txt", FileKind.FOLDER),
    ],
)
def test_folders_are_told_by_what_they_hold(tmp_path: Path, name: str, kind: FileKind) -> None:
    (tmp_path / name).touch()
    assert file_kind(tmp_path) is kind


def test_the_newest_model_has_the_greatest_number(tmp_path: Path) -> None:
    assert newest_model(tmp_path) is None
    for name in ("model_9.pt", "model_120.pt", "model_best.pt"):
        (tmp_path / name).touch()
    assert newest_model(tmp_path) == tmp_path / "model_120.pt"
