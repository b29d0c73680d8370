# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reading RGB-D frames: what is sound is read exactly, and every unsound file is refused by name with a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from score.reconstruction.scan.frames import read_color, read_depth
from score.reconstruction.scan.recordings.read import read_frames
from score.utils import settings_files
from score.utils.errors import UserError

SIZE = (8, 6)
IDENTITY = np.eye(4).tolist()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three frames of 8 x 6 pixels; depth counts are 500 + 10 * frame + column."""
    root = tmp_path / "recording"
    (root / "depth").mkdir(parents=True)
    (root / "color").mkdir()
    entries = []
    for index in range(3):
        depth = np.tile(np.arange(SIZE[0], dtype=np.uint16) + 500 + 10 * index, (SIZE[1], 1))
        depth[0, 0] = 0
        Image.fromarray(depth).save(root / "depth" / f"{index}.png")
        Image.new("RGB", SIZE, (10, 20, 30 + index)).save(root / "color" / f"{index}.png")
        entries.append(
            {"depth": f"depth/{index}.png", "color": f"color/{index}.png", "camera_to_world": np.eye(4).tolist()}
        )
    write(
        root,
        {
            "format": "score-frames/1",
            "intrinsics": {"width": 8, "height": 6, "fx": 10.0, "fy": 11.0, "cx": 3.5, "cy": 2.5},
            "frames": entries,
        },
    )
    return root


def write(root: Path, data: Any) -> None:
    (root / "cameras.json").write_text(json.dumps(data))


def change(root: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    data = json.loads((root / "cameras.json").read_text())
    edit(data)
    write(root, data)


def test_sound_frames_are_read_exactly(recording: Path) -> None:
    frames = read_frames(recording)
    assert len(frames.frames) == 3
    assert frames.depth_unit == 0.001
    depth = read_depth(frames, frames.frames[1])
    # frame 1, column 3: 500 + 10 + 3 counts of 1 mm
    assert depth[2, 3] == pytest.approx(0.513)
    assert depth[0, 0] == 0.0
    assert depth.dtype == np.float32
    color = read_color(frames, frames.frames[2])
    assert color is not None
    assert color[0, 0].tolist() == [10, 20, 32]


def test_color_is_optional(recording: Path) -> None:
    change(recording, lambda data: data["frames"][0].pop("color"))
    frames = read_frames(recording)
    assert read_color(frames, frames.frames[0]) is None


def test_opengl_poses_are_turned_into_opencv(recording: Path) -> None:
    change(recording, lambda data: data.update(convention="opengl"))
    # OpenGL looks along -z with y up: half a turn about x.
    np.testing.assert_allclose(read_frames(recording).frames[0].camera_to_world, np.diag([1, -1, -1, 1]))


def test_slightly_rounded_rotations_are_made_exact(recording: Path) -> None:
    angle = 0.3
    rough = np.eye(4)
    rough[:2, :2] = np.round([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], 4)
    change(recording, lambda data: data["frames"][0].update(camera_to_world=rough.tolist()))
    rotation = read_frames(recording).frames[0].camera_to_world[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


def refuse_pose(value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["frames"][1].update(camera_to_world=value)


def refuse_camera(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["intrinsics"].update(values)


SHEARED = [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
MIRRORED = [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
TRANSPOSED = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0.1, 0.2, 0.3, 1]]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data.update(format="other/2"), r"format is 'other/2'.*reads 'score-frames/1'"),
        (lambda data: data.update(intrinsic={}), r"unknown key 'intrinsic'. Did you mean 'intrinsics'"),
        (lambda data: data.pop("frames"), "lacks the key 'frames'"),
        (lambda data: data.update(frames=data["frames"][:2]), "holds 2 frames, and at least 3"),
        (lambda data: data.update(frames="all"), "holds no list of frames"),
        (lambda data: data.update(depth_unit=1000), r"depth_unit is 1000: give the metres of one count"),
        (lambda data: data.update(depth_unit="mm"), "depth_unit is 'mm'"),
        (lambda data: data.update(convention="blender"), r"convention is 'blender': use one of opencv, opengl"),
        (refuse_camera(width=8.5), r"intrinsics.width is 8.5: give a whole number"),
        (refuse_camera(width=10**6, height=10**6), "over 100,000,000 pixels"),
        (refuse_camera(fx=float("nan")), "intrinsics.fx is nan: give a finite number"),
        (refuse_camera(fy=-3.0), "focal lengths must be positive"),
        (refuse_camera(cx=320.0), r"principal point \(320.0, 2.5\) lies outside.*another resolution"),
        (lambda data: data["intrinsics"].pop("cx"), "intrinsics lacks the key 'cx'"),
        (lambda data: data["intrinsics"].update(k1=0.1), "intrinsics has an unknown key 'k1'"),
        (lambda data: data.update(frames=[1, 2, 3]), r"frames\[0\] is not a mapping"),
        (lambda data: data["frames"][0].update(rgb="a"), r"frames\[0\] has an unknown key 'rgb'"),
        (refuse_pose([[1, 2], [3, 4]]), r"frames\[1\].camera_to_world must be four rows of four finite numbers"),
        (refuse_pose([[float("inf")] * 4] * 4), "four rows of four finite numbers"),
        (refuse_pose(SHEARED), "holds no rotation"),
        (refuse_pose(MIRRORED), r"holds no rotation \(scaled, sheared or mirrored\)"),
        (refuse_pose(TRANSPOSED), "last row must be 0 0 0 1.*transposed"),
        (lambda data: data["frames"][0].update(depth=7), r"frames\[0\].depth is 7: give the name of a file"),
        (lambda data: data["frames"][0].update(depth="../../secret.png"), "lies outside"),
        (lambda data: data["frames"][0].update(color="/etc/passwd"), "lies outside"),
        (lambda data: data["frames"][0].update(depth="depth/00.png"), r"00.png is missing"),
    ],
)
def test_unsound_cameras_are_named(recording: Path, edit: Callable[[dict[str, Any]], None], message: str) -> None:
    change(recording, edit)
    with pytest.raises(UserError, match=message) as caught:
        read_frames(recording)
    assert str(recording / "cameras.json") in str(caught.value)


def test_a_link_out_of_the_folder_is_refused(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes((recording / "depth" / "0.png").read_bytes())
    (recording / "depth" / "0.png").unlink()
    (recording / "depth" / "0.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(UserError, match=r"lies outside .*keep all pictures in the folder"):
        read_frames(recording)


@pytest.mark.parametrize("text", ["{", "", "[" * 100_000, "\xff"])
def test_unreadable_json(recording: Path, text: str) -> None:
    (recording / "cameras.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"is not JSON|format is None"):
        read_frames(recording)


def test_too_long_json(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_files, "LARGEST_JSON", 100)
    with pytest.raises(UserError, match=r"cameras.json has .* bytes, far more than it needs"):
        read_frames(recording)


def test_a_folder_without_cameras(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no cameras.json.*give a folder of RGB-D frames"):
        read_frames(tmp_path)


def overwrite_depth(recording: Path, picture: Image.Image, **options: Any) -> None:
    picture.save(recording / "depth" / "0.png", **options)


def refused_depth(recording: Path) -> str:
    frames = read_frames(recording)
    with pytest.raises(UserError) as caught:
        read_depth(frames, frames.frames[0])
    assert "depth/0.png" in str(caught.value)
    return str(caught.value)


def test_depth_pictures_that_are_not_depth(recording: Path) -> None:
    overwrite_depth(recording, Image.new("RGB", SIZE))
    assert "has pixels of kind 'RGB'" in refused_depth(recording)
    overwrite_depth(recording, Image.new("L", SIZE, 3))
    assert "16-bit grey PNG" in refused_depth(recording)
    overwrite_depth(recording, Image.fromarray(np.zeros(SIZE[::-1], dtype=np.uint16)))
    assert "holds no measurement (every pixel is 0)" in refused_depth(recording)
    overwrite_depth(recording, Image.fromarray(np.ones((12, 16), dtype=np.uint16)))
    assert "is 16 x 12 pixels, and the intrinsics are for 8 x 6" in refused_depth(recording)
    overwrite_depth(recording, Image.new("L", SIZE, 3), format="JPEG")
    assert "is not a whole PNG picture" in refused_depth(recording)


def test_truncated_pictures(recording: Path) -> None:
    path = recording / "depth" / "0.png"
    path.write_bytes(path.read_bytes()[:-30])
    assert "is not a whole PNG picture" in refused_depth(recording)
    path.write_bytes(b"")
    assert "record or copy it again" in refused_depth(recording)


def test_color_of_another_size(recording: Path) -> None:
    Image.new("RGB", (4, 4)).save(recording / "color" / "0.png")
    frames = read_frames(recording)
    with pytest.raises(UserError, match=r"color/0.png is 4 x 4 pixels"):
        read_color(frames, frames.frames[0])
