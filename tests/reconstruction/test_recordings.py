# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Recordings of phones and public collections: told apart, and read with the right cameras, poses, depths and units."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from score.reconstruction.scan.frames import FrameSet, read_color, read_depth
from score.reconstruction.scan.recordings.read import MOST_FRAMES, read_frames
from score.utils.errors import UserError

ANGLE = 0.3
POSE = np.array(
    [[np.cos(ANGLE), -np.sin(ANGLE), 0.0, 0.1], [np.sin(ANGLE), np.cos(ANGLE), 0.0, 0.2], [0.0, 0.0, 1.0, 0.3],
     [0.0, 0.0, 0.0, 1.0]]
)  # fmt: skip
QUATERNION = (0.0, 0.0, np.sin(ANGLE / 2.0), np.cos(ANGLE / 2.0))
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
HUGE = np.diag([1e300, 1.0, 1.0, 1.0])
WIDTH, HEIGHT = 8, 6


def depth_picture(path: Path, counts: int) -> None:
    """Everything at one depth, but for nothing in one corner and a saturated pixel in another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full((HEIGHT, WIDTH), counts, dtype=np.uint16)
    values[0, 0], values[-1, -1] = 0, 65535
    Image.fromarray(values).save(path)


def color_picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 200, 30)).save(path)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def matrix_text(matrix: np.ndarray) -> str:
    return "\n".join(" ".join(f"{value:.9f}" for value in row) for row in matrix) + "\n"


def polycam(root: Path) -> None:
    """Depth of 8 x 6 beside colour of 32 x 24, in millimetres; the lower half is not trusted."""
    keys = {f"t_{row}{column}": float((POSE @ FLIP)[row, column]) for row in range(3) for column in range(4)}
    camera = {"fx": 40.0, "fy": 40.0, "cx": 15.5, "cy": 11.5, "width": 32, "height": 24}
    for index in range(3):
        text(root / "keyframes/corrected_cameras" / f"{index}.json", json.dumps({**keys, **camera}))
        depth_picture(root / "keyframes/depth" / f"{index}.png", 500)
        color_picture(root / "keyframes/corrected_images" / f"{index}.jpg", (32, 24))
        trust = np.full((HEIGHT, WIDTH), 255, dtype=np.uint8)
        trust[HEIGHT // 2 :] = 0
        (root / "keyframes/confidence").mkdir(exist_ok=True)
        Image.fromarray(trust).save(root / "keyframes/confidence" / f"{index}.png")


def record3d(root: Path) -> None:
    # The turn about z times half a turn about x, which is what OpenGL's camera needs: (0, 0, s, c) (1, 0, 0, 0).
    flipped = [float(QUATERNION[3]), float(QUATERNION[2]), 0.0, 0.0]
    data = {"w": 32, "h": 24, "dw": WIDTH, "dh": HEIGHT, "K": [40.0, 0, 0, 0, 40.0, 0, 15.5, 11.5, 1],
            "poses": [[*flipped, 0.1, 0.2, 0.3]] * 3}  # fmt: skip
    text(root / "metadata.json", json.dumps(data))
    for index in range(3):
        depth_picture(root / "depth" / f"{index}.png", 500)
        color_picture(root / "rgb" / f"{index}.jpg", (32, 24))


def nerfstudio(root: Path) -> None:
    camera = {"fl_x": 40.0, "fl_y": 40.0, "cx": 15.5, "cy": 11.5, "w": 32, "h": 24, "camera_model": "OPENCV"}
    frames = []
    for index in range(3):
        depth_picture(root / "depth" / f"{index}.png", 500)
        color_picture(root / "images" / f"{index}.png", (32, 24))
        frames.append(
            {"file_path": f"images/{index}.png", "depth_file_path": f"depth/{index}.png",
             "transform_matrix": (POSE @ FLIP)[:3].tolist()}
        )  # fmt: skip
    text(root / "transforms.json", json.dumps({**camera, "frames": frames}))


def tum(root: Path) -> None:
    lines: dict[str, list[str]] = {"depth.txt": [], "rgb.txt": [], "groundtruth.txt": []}
    for index in range(3):
        depth_picture(root / "depth" / f"{index}.png", 2500)  # 5000 counts a metre
        color_picture(root / "rgb" / f"{index}.png")
        lines["depth.txt"].append(f"{index}.00 depth/{index}.png")
        lines["rgb.txt"].append(f"{index}.01 rgb/{index}.png")
        numbers = " ".join(f"{value:.9f}" for value in (0.1, 0.2, 0.3, *QUATERNION))
        lines["groundtruth.txt"].append(f"{index}.015 {numbers}")
    for name, rows in lines.items():
        text(root / name, "# a comment\n" + "\n".join(rows) + "\n")


def bop(root: Path) -> None:
    back = np.linalg.inv(POSE)
    entry = {
        "cam_K": [10.0, 0, 3.5, 0, 10.0, 2.5, 0, 0, 1], "depth_scale": 0.1,
        "cam_R_w2c": back[:3, :3].ravel().tolist(), "cam_t_w2c": (1000.0 * back[:3, 3]).tolist(),
    }  # fmt: skip
    text(root / "scene_camera.json", json.dumps({str(index): entry for index in range(3)}))
    for index in range(3):
        depth_picture(root / "depth" / f"{index:06d}.png", 5000)
        color_picture(root / "rgb" / f"{index:06d}.png")


def scannet(root: Path) -> None:
    text(root / "intrinsic/intrinsic_depth.txt", matrix_text(np.diag([10.0, 10.0, 1.0, 1.0]) + 3.5 * np.eye(4, k=2)))
    for index in range(4):
        depth_picture(root / "depth" / f"{index}.png", 500)
        color_picture(root / "color" / f"{index}.jpg", (32, 24))
        pose = POSE if index != 2 else np.full((4, 4), -np.inf)
        text(root / "pose" / f"{index}.txt", matrix_text(pose))


def seven_scenes(root: Path) -> None:
    for index in range(3):
        depth_picture(root / f"frame-{index:06d}.depth.png", 500)
        color_picture(root / f"frame-{index:06d}.color.png")
        text(root / f"frame-{index:06d}.pose.txt", matrix_text(POSE).replace(" ", "\t"))


def matrix_section(title: str, matrix: np.ndarray) -> str:
    return f"# {title}\n{matrix_text(matrix)}\n"


def princeton(root: Path) -> None:
    """Counts of a tenth of a millimetre, their three lowest bits at the top: 5000 is 40000."""
    camera = np.array([[10.0, 0.0, 3.5], [0.0, 10.0, 2.5], [0.0, 0.0, 1.0]])
    info = "# Environment: shelf\n\n" + matrix_section("Color camera intrinsic matrix", camera)
    for index in range(3):
        info += matrix_section(f"Camera-to-world extrinsic matrix (camera pose) for frame-{index:06d}", POSE)
        depth_picture(root / f"frame-{index:06d}.depth.png", 40000)
        color_picture(root / f"frame-{index:06d}.color.png")
    text(root / "cam.info.txt", info)


def sdf(root: Path) -> None:
    text(root / "intrinsics.txt", "10 0 3.5\n0 10 2.5\n0 0 1\n0 0 1\n")
    numbers = " ".join(f"{value:.9f}" for value in (0.1, 0.2, 0.3, *QUATERNION))
    text(root / "pose.txt", "".join(f"{index:03d} {numbers} \n" for index in range(1, 4)))
    for index in range(1, 5):  # the last one has no pose
        depth_picture(root / f"depth{index:06d}.png", 500)
        color_picture(root / f"color{index:06d}.png")


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "polycam": polycam, "record3d": record3d, "nerfstudio": nerfstudio, "tum": tum, "bop": bop, "scannet": scannet,
    "7scenes": seven_scenes, "princeton": princeton, "sdf": sdf,
}  # fmt: skip


def recorded(folder: Path, layout: str) -> FrameSet:
    LAYOUTS[layout](folder / "recording")
    return read_frames(folder / "recording")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_told_and_gives_metres_and_opencv_poses(tmp_path: Path, layout: str) -> None:
    frames = recorded(tmp_path, layout)
    assert (frames.kind, len(frames.frames)) == (layout, 3)
    frame = frames.frames[1]
    assert frame.camera_to_world == pytest.approx(POSE, abs=1e-6)
    depth = read_depth(frames, frame)
    assert depth.shape == (HEIGHT, WIDTH)
    # Half a metre; nothing where the count is 0 or saturated.
    assert depth[2, 3] == pytest.approx(0.5)
    assert (depth[0, 0], depth[-1, -1]) == (0.0, 0.0)
    color = read_color(frames, frame)
    assert color is not None
    assert color.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(color[2, 3].astype(int) - [10, 200, 30]).max() < 5
    # And with its name, and where the folder holds only this one.
    assert len(read_frames(tmp_path / "recording", layout).frames) == 3
    assert len(read_frames(tmp_path).frames) == 3


@pytest.mark.parametrize("layout", ["polycam", "record3d", "nerfstudio"])
def test_intrinsics_go_from_colour_to_depth(tmp_path: Path, layout: str) -> None:
    frames = recorded(tmp_path, layout)
    camera = frames.camera(frames.frames[0])
    # A quarter of 32 x 24: fx 40 / 4; cx (15.5 + 0.5) / 4 - 0.5.
    assert (camera.width, camera.height) == (WIDTH, HEIGHT)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((10.0, 10.0, 3.5, 2.5))


def test_what_a_phone_does_not_trust_is_no_depth(tmp_path: Path) -> None:
    frames = recorded(tmp_path, "polycam")
    depth = read_depth(frames, frames.frames[0])
    assert (depth[: HEIGHT // 2] > 0.0).sum() == HEIGHT // 2 * WIDTH - 1
    assert not depth[HEIGHT // 2 :].any()


def test_without_corrected_poses_those_of_arkit_are_taken_and_told(tmp_path: Path) -> None:
    polycam(tmp_path)
    frames = tmp_path / "keyframes"
    (frames / "corrected_cameras").rename(frames / "cameras")
    (frames / "corrected_cameras").mkdir()
    for index, name in enumerate(("9", "10", "11")):
        for folder, suffix in (("cameras", "json"), ("depth", "png"), ("confidence", "png")):
            (frames / folder / f"{index}.{suffix}").rename(frames / folder / f"{name}.{suffix}")
    read = read_frames(tmp_path)
    assert "without the app's correction" in read.notes[0]
    # Times are numbers: 9 comes before 10.
    assert [frame.depth.stem for frame in read.frames] == ["9", "10", "11"]


def test_frames_at_which_tracking_was_lost_are_left_out_and_told(tmp_path: Path) -> None:
    assert recorded(tmp_path, "scannet").notes == ("1 frames at which tracking was lost were left out",)


def test_the_camera_of_a_known_sequence_has_its_lens(tmp_path: Path) -> None:
    tum(tmp_path / "rgbd_dataset_freiburg1_desk")
    camera = read_frames(tmp_path / "rgbd_dataset_freiburg1_desk").intrinsics
    assert camera.distortion[0] == pytest.approx(0.2624)
    assert camera.fx == pytest.approx(517.3 * WIDTH / 640.0)
    tum(tmp_path / "mine")
    assert "took the Kinect's 525 pixels" in read_frames(tmp_path / "mine").notes[0]
    # The benchmark's own lists say which sequence they are of.
    lists = tmp_path / "mine" / "depth.txt"
    lists.write_text("# depth maps\n# file: 'rgbd_dataset_freiburg3_cup.bag'\n" + lists.read_text())
    camera = read_frames(tmp_path / "mine").intrinsics
    assert camera.fx == pytest.approx(535.4 * WIDTH / 640.0)
    assert camera.distortion == ()


@pytest.mark.parametrize("name", ["camera-intrinsics.txt", "depthIntrinsics.txt", "../camera-intrinsics.txt"])
def test_frames_named_as_in_7_scenes_have_the_camera_that_is_stated_beside_them(tmp_path: Path, name: str) -> None:
    frames = recorded(tmp_path, "7scenes")
    assert frames.intrinsics.fx == pytest.approx(585.0 * WIDTH / 640.0)
    text(tmp_path / "recording" / name, matrix_text(np.array([[10.0, 0.0, 3.5], [0.0, 11.0, 2.5], [0.0, 0.0, 1.0]])))
    camera = read_frames(tmp_path / "recording").intrinsics
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (10.0, 11.0, 3.5, 2.5)
    text(tmp_path / "recording" / name, "10 0 3.5\n")
    with pytest.raises(UserError, match="holds no matrix of intrinsics"):
        read_frames(tmp_path / "recording")


def test_what_the_depth_camera_saw_goes_before_what_was_brought_into_colour(tmp_path: Path) -> None:
    princeton(tmp_path)
    shift = np.eye(4)
    shift[0, 3] = 0.025
    camera = np.array([[8.0, 0.0, 4.0], [0.0, 8.0, 3.0], [0.0, 0.0, 1.0]])
    with (tmp_path / "cam.info.txt").open("a") as stream:
        stream.write(matrix_section("Depth camera intrinsic matrix", camera))
        stream.write(matrix_section("Depth-to-color camera extrinsic matrix", shift))
    for index in range(3):
        depth_picture(tmp_path / "raw" / f"frame-{index:06d}.depth.png", 32768)  # 4096 counts
    frames = read_frames(tmp_path)
    assert (frames.intrinsics.fx, frames.frames[0].color) == (8.0, None)
    assert frames.frames[0].camera_to_world == pytest.approx(POSE @ shift, abs=1e-6)
    assert read_depth(frames, frames.frames[0])[2, 3] == pytest.approx(0.4096)
    assert "without colour" in frames.notes[0]


def test_without_poses_of_cameras_those_of_the_object_are_taken(tmp_path: Path) -> None:
    bop(tmp_path)
    data = json.loads((tmp_path / "scene_camera.json").read_text())
    for entry in data.values():
        rotation, shift = entry.pop("cam_R_w2c"), entry.pop("cam_t_w2c")
    (tmp_path / "scene_camera.json").write_text(json.dumps(data))
    with pytest.raises(UserError, match=r"no frame with depth and a pose \(cam_R_w2c, or an object"):
        read_frames(tmp_path)
    items = [{"obj_id": 5, "cam_R_m2c": rotation, "cam_t_m2c": shift}]
    other = [{"obj_id": 2, "cam_R_m2c": np.eye(3).ravel().tolist(), "cam_t_m2c": [0, 0, 900]}]
    text(tmp_path / "scene_gt.json", json.dumps({"0": items + other, "1": items, "2": items}))
    frames = read_frames(tmp_path)
    assert frames.frames[0].camera_to_world == pytest.approx(POSE, abs=1e-6)
    assert "most frequent object" in frames.notes[0]


def test_many_frames_are_thinned_evenly(tmp_path: Path) -> None:
    nerfstudio(tmp_path)
    data = json.loads((tmp_path / "transforms.json").read_text())
    data["frames"] = [data["frames"][0]] * (2 * MOST_FRAMES)
    (tmp_path / "transforms.json").write_text(json.dumps(data))
    frames = read_frames(tmp_path)
    assert len(frames.frames) == MOST_FRAMES
    assert frames.notes == (f"took {MOST_FRAMES} of {2 * MOST_FRAMES} frames, evenly",)


def edited(**changes: Any) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        path = root / "transforms.json"
        data = json.loads(path.read_text())
        data.update(changes)
        path.write_text(json.dumps(data))

    return edit


@pytest.mark.parametrize(
    ("layout", "edit", "message"),
    [
        ("nerfstudio", edited(fl_x="wide"), "lacks fl_x: give fl_x, fl_y, cx, cy, w and h"),
        ("nerfstudio", edited(w=16), "are not copies of"),
        ("nerfstudio", edited(camera_model="FISHEYE"), "camera_model is 'FISHEYE'"),
        ("nerfstudio", edited(frames=[{"file_path": "a"}]), "pictures alone give no surface"),
        ("nerfstudio", edited(frames=3), "'frames' is not a list"),
        ("tum", lambda root: (root / "depth.txt").write_text("now depth/0.png\n"), "depth.txt, line 1: must"),
        ("tum", lambda root: (root / "groundtruth.txt").write_text("1 2 3\n"), "must have 8 numbers in each line"),
        ("tum", lambda root: (root / "depth.txt").write_text("9.0 ../a.png\n"), "lies outside"),
        ("tum", lambda root: (root / "depth.txt").write_text("99.0 depth/0.png\n"), "has a pose within 0.02 s"),
        ("bop", lambda root: (root / "scene_camera.json").write_text('{"0": 3}'), "is not a frame"),
        ("bop", lambda root: (root / "scene_camera.json").write_text('{"\u00b2": {}}'), "is not a frame"),
        ("bop", lambda root: (root / "scene_camera.json").write_text(f'{{"{"9" * 5000}": {{}}}}'), "is not a frame"),
        ("polycam", lambda root: text(root / "keyframes/corrected_cameras/0.json", "{}"), "four rows of four finite"),
        ("record3d", lambda root: text(root / "metadata.json", '{"K": 1}'), "K holds 1: give 9 finite numbers"),
        ("scannet", lambda root: text(root / "pose/0.txt", "a b c d\n"), "is not a text of numbers"),
        ("scannet", lambda root: text(root / "pose/0.txt", matrix_text(HUGE)), "holds no rotation"),
        ("7scenes", lambda root: text(root / "frame-000000.pose.txt", matrix_text(2.0 * POSE)), "last row must be"),
        ("princeton", lambda root: text(root / "cam.info.txt", "# a\n1 b\n"), "is not a text of titles and matrices"),
        ("princeton", lambda root: text(root / "cam.info.txt", "# a\n1 2\n"), "lacks '# color camera|holds no pose"),
        ("princeton", lambda root: (root / "frame-000000.depth.png").unlink(), "frame-000000.depth.png is missing"),
        ("sdf", lambda root: text(root / "pose.txt", "0.5 0 0 0 0 0 0 1\n"), "0.5 is not a number of a frame"),
        ("sdf", lambda root: text(root / "pose.txt", "9 0 0 0 0 0 0 1\n"), "has no frame with depth and a pose"),
        ("sdf", lambda root: text(root / "intrinsics.txt", "1 2\n"), "holds no matrix of intrinsics"),
    ],
)  # fmt: skip
def test_unsound_recordings_are_one_line(
    tmp_path: Path, layout: str, edit: Callable[[Path], Any], message: str
) -> None:
    LAYOUTS[layout](tmp_path)
    edit(tmp_path)
    with pytest.raises(UserError, match=message):
        read_frames(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.bag", "is a RealSense recording, which has no poses"),
        ("a.r3d", "unpack it and give the folder"),
        ("a.mp4", "is a film without depth"),
        ("a.txt", "is a file: give the folder"),
    ],
)
def test_files_are_named_with_the_way_to_frames(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=message):
        read_frames(tmp_path / name)


def test_an_unknown_layout_and_a_folder_of_another_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--format 'scanet' is unknown. Did you mean 'scannet'"):
        read_frames(tmp_path, "scanet")
    tum(tmp_path / "recording")
    with pytest.raises(UserError, match="no recording in the layout 'bop'"):
        read_frames(tmp_path / "recording", "bop")
