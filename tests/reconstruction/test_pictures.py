# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Depth in the kinds that cameras write it, and pictures straightened from the lens."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from score.reconstruction.scan.frames import Intrinsics
from score.reconstruction.scan.pictures import confident, depth_counts, undistorted
from score.utils.errors import UserError

SIZE = (8, 6)
FLOATS = np.full(SIZE[::-1], 0.5, dtype=np.float32)
FLOATS[0, :4] = (np.nan, np.inf, -1.0, 0.0)


def test_floats_keep_their_value_and_what_is_none_is_nothing(tmp_path: Path) -> None:
    Image.fromarray(FLOATS).save(tmp_path / "a.tiff")
    np.save(tmp_path / "a.npy", FLOATS)
    np.save(tmp_path / "b.npy", FLOATS[..., None])
    for name in ("a.tiff", "a.npy", "b.npy"):
        values = depth_counts(tmp_path / name, SIZE)
        assert values[0, :4].tolist() == [0.0, 0.0, 0.0, 0.0], name
        assert (values.ravel()[4:] == 0.5).all(), name


@pytest.mark.parametrize(("name", "kind"), [("a.png", np.uint16), ("a.pgm", np.uint16), ("a.npy", np.uint16)])
def test_counts_of_nothing_are_zero_and_saturated(tmp_path: Path, name: str, kind: type) -> None:
    counts = np.full(SIZE[::-1], 700, dtype=kind)
    counts[0, 0], counts[0, 1] = 65535, 0
    if name.endswith("npy"):
        np.save(tmp_path / name, counts)
    else:
        Image.fromarray(counts).save(tmp_path / name)
    assert depth_counts(tmp_path / name, SIZE)[0, :3].tolist() == [0.0, 0.0, 700.0]


def test_depth_of_floats_in_an_exr(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File({"type": openexr.scanlineimage}, {"Z": FLOATS}) as file:
        file.write(str(tmp_path / "a.exr"))
    assert depth_counts(tmp_path / "a.exr", SIZE)[3, 3] == 0.5
    with pytest.raises(UserError, match="holds no depth of 4 x 6 pixels"):
        depth_counts(tmp_path / "a.exr", (4, 6))


def test_record3ds_packed_depth_and_trust(tmp_path: Path) -> None:
    lzfse = pytest.importorskip("liblzfse")
    (tmp_path / "0.depth").write_bytes(lzfse.compress(FLOATS.tobytes()))
    assert depth_counts(tmp_path / "0.depth", SIZE)[3, 3] == 0.5
    levels = np.tile(np.array([0, 1, 2, 2, 2, 2, 2, 2], dtype=np.uint8), (6, 1))
    (tmp_path / "0.conf").write_bytes(lzfse.compress(levels.tobytes()))
    assert confident(tmp_path / "0.conf", SIZE)[0, :3].tolist() == [False, True, True]
    with pytest.raises(UserError, match="unpacks to 192 bytes, and 96 are needed"):
        depth_counts(tmp_path / "0.depth", (4, 6))


@pytest.mark.parametrize(("name", "package"), [("a.exr", "OpenEXR"), ("0.depth", "liblzfse")])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=r'install "score-isaaclab\[scans\]"'):
        depth_counts(tmp_path / name, SIZE)


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.npy", "a.pgm"])
@pytest.mark.parametrize("data", [b"", b"x", b"\x93NUMPY\x01\x00" + b"(" * 200], ids=["empty", "letter", "header"])
def test_damaged_depth_is_one_line(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match="record or copy it again"):
        depth_counts(tmp_path / name, SIZE)


def test_arrays_of_another_shape_or_of_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 3)))
    with pytest.raises(UserError, match=r"has the shape \(3, 3\) of float64"):
        depth_counts(tmp_path / "a.npy", SIZE)
    np.save(tmp_path / "b.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(UserError, match="not a whole array of depth"):
        depth_counts(tmp_path / "b.npy", SIZE)


def test_a_straightened_picture_has_its_pixels_where_the_pinhole_sees_them() -> None:
    # A barrel of k1 = -0.2 and focal length 100: the pinhole's pixel 50 from the middle (x = 0.5) comes from
    # 0.5 (1 - 0.2 x 0.25) = 0.475, that is 47.5 pixels from it.
    camera = Intrinsics(161, 161, 100.0, 100.0, 80.0, 80.0, (-0.2,))
    columns = np.tile(np.arange(161.0), (161, 1))
    smooth = undistorted(np.repeat(columns[..., None], 3, axis=2), camera, smooth=True)
    assert smooth[80, 130, 0] == pytest.approx(127.5, abs=0.51)
    assert smooth[80, 80, 0] == 80.0
    depth = undistorted(columns, camera, smooth=False)
    assert depth[80, 130] in (127.0, 128.0)
    # A pincushion looks beyond the picture: there is nothing.
    beyond = undistorted(columns + 1.0, Intrinsics(161, 161, 100.0, 100.0, 80.0, 80.0, (0.3,)), smooth=False)
    assert beyond[0, 0] == 0.0
    plain = Intrinsics(161, 161, 100.0, 100.0, 80.0, 80.0)
    assert undistorted(columns, plain, smooth=False) is columns
