# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Fusing virtual recordings of known objects: the error against truth, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from score.benchmarks.virtual_frames import RecordingCfg, write_virtual_frames
from score.reconstruction.check.ray_pictures import look_at
from score.reconstruction.scan import fusion as module
from score.reconstruction.scan.frames import Frame, FrameSet, Intrinsics
from score.reconstruction.scan.fusion import FuseCfg, FusedMesh, fuse, require_memory, write_fused
from score.reconstruction.scan.recordings.read import read_frames
from score.reconstruction.scan.region import Region, attention, depth_noise, survey
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.utils.errors import UserError
from score_assets.objects.ground_truth import GROUND_TRUTH

ROOT = Path(__file__).resolve().parents[2]
SMALL = RecordingCfg(count=15, width=240, height=180, focal=230.0, distance=0.28, depth_noise=0.0004)
"""Small pictures of 1.2 mm a pixel."""
CFG = FuseCfg(voxel=0.0015, device="cpu")


@pytest.fixture(scope="module")
def bowl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("frames") / "bowl"
    truth = GROUND_TRUTH["bowl"]
    write_virtual_frames(truth.mesh(), truth.color, directory, SMALL, seed=3)
    return directory


@pytest.fixture(scope="module")
def fused(bowl: Path) -> FusedMesh:
    return fuse(read_frames(bowl), CFG)


def with_poses(frames: FrameSet, poses: list[NDArray[np.float64]]) -> FrameSet:
    changed = [dataclasses.replace(f, camera_to_world=p) for f, p in zip(frames.frames, poses, strict=True)]
    return dataclasses.replace(frames, frames=tuple(changed))


def test_the_surface_lies_where_the_truth_is(fused: FusedMesh) -> None:
    truth = GROUND_TRUTH["bowl"].mesh()
    points = trimesh.sample.sample_surface(truth, 4000, seed=0)[0]
    missed = MeshQueries(fused.mesh.vertices, fused.mesh.faces, "cpu").distances(points[points[:, 2] > 0.004])
    centers = fused.mesh.triangles_center
    invented = MeshQueries(truth.vertices, truth.faces, "cpu").distances(centers[centers[:, 2] > 0.004])
    # Both sides of a 3.5 mm wall at 1.5 mm voxels and 0.5 mm noise: well under half a millimetre on average.
    assert missed.mean() < 0.0004
    assert np.percentile(missed, 95) < 0.0015
    assert invented.mean() < 0.0005
    # The cavity is open: nothing fills the axis between floor and rim.
    axis = np.array([[0.0, 0.0, z] for z in (0.02, 0.03, 0.04)])
    assert MeshQueries(fused.mesh.vertices, fused.mesh.faces, "cpu").distances(axis).min() > 0.01


def test_the_box_holds_the_object_and_table_around_it(fused: FusedMesh) -> None:
    truth = GROUND_TRUTH["bowl"].mesh().bounds
    assert (fused.region.low[:2] < truth[0, :2] - 0.02).all()
    assert (fused.region.high[:2] > truth[1, :2] + 0.02).all()
    assert (fused.region.high - fused.region.low).max() < 0.3
    assert fused.region.others == 0
    assert fused.agreement > 0.99
    assert "of the measured points are contradicted by no other frame" in fused.summary()
    # 4 voxels of 1.5 mm are wider than 4 times the noise of about 0.5 mm
    assert fused.truncation == pytest.approx(0.006)
    assert fused.noise == pytest.approx(0.0005, rel=0.6)


def test_the_mesh_carries_the_colours_seen(fused: FusedMesh) -> None:
    colors, vertices = np.asarray(fused.mesh.visual.vertex_colors), fused.mesh.vertices
    red, _, blue = colors[vertices[:, 2] > 0.01, :3].astype(float).mean(axis=0)
    assert blue > 1.3 * red  # the bowl is light blue, the table brown


def test_faces_look_at_the_cameras_that_saw_them(fused: FusedMesh) -> None:
    points, faces = trimesh.sample.sample_surface(GROUND_TRUTH["bowl"].mesh(), 20000, seed=0)
    high = fused.mesh.triangles_center[:, 2] > 0.004
    nearest = cKDTree(points).query(fused.mesh.triangles_center[high])[1]
    outwards = GROUND_TRUTH["bowl"].mesh().face_normals[faces[nearest]]
    cosine = np.einsum("ij,ij->i", fused.mesh.face_normals[high], outwards)
    assert (cosine > 0.5).mean() > 0.9


def test_the_same_frames_give_the_same_file(fused: FusedMesh, bowl: Path, tmp_path: Path) -> None:
    write_fused(fused, tmp_path / "a.ply")
    write_fused(fuse(read_frames(bowl), CFG), tmp_path / "b.ply")
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ply", "b.ply"]


def test_poses_that_contradict_the_pictures(bowl: Path) -> None:
    frames = read_frames(bowl)
    poses = [frame.camera_to_world for frame in frames.frames]
    with pytest.raises(UserError, match=r"the frames contradict each other: \d+%.*Check poses"):
        fuse(with_poses(frames, poses[4:] + poses[:4]), dataclasses.replace(CFG, voxel=0.004, roi=(-0.1, 0.1) * 3))


def test_poses_that_drift_are_refined_and_told(bowl: Path) -> None:
    frames = read_frames(bowl)
    drifted = []
    for index, frame in enumerate(frames.frames):
        pose, share = frame.camera_to_world.copy(), index / (len(frames.frames) - 1)
        pose[:3, 3] += share * np.array([0.012, -0.008, 0.008])
        drifted.append(pose)
    points = trimesh.sample.sample_surface(GROUND_TRUTH["bowl"].mesh(), 4000, seed=0)[0]
    points = points[points[:, 2] > 0.004]
    errors = {}
    for refine in ("never", "always"):
        cfg = dataclasses.replace(CFG, voxel=0.002, refine=refine, roi=(-0.11, 0.11, -0.11, 0.11, -0.02, 0.09))
        found = fuse(with_poses(frames, drifted), cfg)
        errors[refine] = MeshQueries(found.mesh.vertices, found.mesh.faces, "cpu").distances(points).mean()
        told = re.search(r"poses: \d+ of 15 refined, by .* agreement [\d.]+% before", found.summary())
        assert (told is not None) == (refine == "always")
    assert errors["always"] < 0.001
    assert errors["always"] < 0.6 * errors["never"]


def test_poses_in_the_other_convention(bowl: Path) -> None:
    frames = read_frames(bowl)
    turned = [frame.camera_to_world @ np.diag([1.0, -1.0, -1.0, 1.0]) for frame in frames.frames]
    with pytest.raises(UserError, match=r'look away.*"convention": "opengl"'):
        fuse(with_poses(frames, turned), CFG)


def test_a_depth_unit_that_is_wrong(bowl: Path) -> None:
    frames = dataclasses.replace(read_frames(bowl), depth_unit=0.00025)
    with pytest.raises(UserError, match=r"depth pictures say that the scene is 0\.0\d+ m away, the poses 0\.28 m"):
        fuse(frames, CFG)


def test_a_box_that_holds_nothing(bowl: Path) -> None:
    with pytest.raises(UserError, match="no surface lies in the box: check --roi"):
        fuse(read_frames(bowl), FuseCfg(voxel=0.004, roi=(0.5, 0.6, 0.5, 0.6, 0.5, 0.6), device="cpu"))


def test_a_band_that_the_noise_would_fill(bowl: Path) -> None:
    with pytest.raises(UserError, match=r"--truncation 1 mm is under 3 times the depth noise of 0\.\d+ mm.*at least"):
        fuse(read_frames(bowl), FuseCfg(voxel=0.0005, truncation=0.001, device="cpu"))


def test_a_grid_beyond_memory_is_refused_with_the_voxel_that_fits() -> None:
    region = Region(np.zeros(3), np.full(3, 2.0), 0)
    with pytest.raises(UserError, match=r"a box of 2000 x 2000 x 2000 mm at 0.2 mm needs [\d.]+ GB.*give --voxel"):
        require_memory(region, 0.0002, torch.device("cpu"))
    require_memory(region, 0.02, torch.device("cpu"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voxel": 0.0}, "--voxel is 0 mm: give 0.1 to 50 mm"),
        ({"truncation": 0.001}, "--truncation is 1 mm: give at least two voxels, 2 mm"),
        ({"roi": (1.0, 0.0, 0.0, 1.0, 0.0, 1.0)}, "--roi .* is empty"),
        ({"roi": (0.0, float("inf"), 0.0, 1.0, 0.0, 1.0)}, "--roi .* is not finite"),
    ],
)
def test_bad_settings(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FuseCfg(**change)  # type: ignore[arg-type]


def test_cameras_meet_where_they_look() -> None:
    target = np.array([0.1, 0.2, 0.3])
    eyes = target + np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [-1.0, 0.0, 0.5]])
    center, distance = attention(np.array([look_at(eye, target) for eye in eyes]))
    np.testing.assert_allclose(center, target, atol=1e-9)
    assert distance == pytest.approx(np.sqrt(1.25))
    parallel = np.array([look_at(np.array([x, 0.0, 1.0]), np.array([x, 0.0, 0.0])) for x in (0.0, 0.1, 0.2)])
    with pytest.raises(UserError, match="all cameras look in one direction"):
        attention(parallel)


def test_a_camera_that_pans_past_a_wall_sees_one_scene(tmp_path: Path) -> None:
    """Its axes meet behind it: 0.1 m to each side it looks 10 degrees outwards, at a wall 1 m away."""
    camera = Intrinsics(64, 48, 40.0, 40.0, 31.5, 23.5)
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    rays = np.stack([(columns - 31.5) / 40.0, (rows - 23.5) / 40.0, np.ones((48, 64))], axis=-1)
    frames = []
    for index, share in enumerate(np.linspace(-1.0, 1.0, 6)):
        angle = share * np.radians(10.0)
        pose = np.eye(4)
        pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        pose[0, 3] = 0.1 * share
        # The wall is z = 1, and a ray's part along the axis is 1.
        depth = 1.0 / (rays @ pose[:3, :3].T)[..., 2]
        Image.fromarray(np.rint(1000.0 * depth).astype(np.uint16)).save(tmp_path / f"{index}.png")
        frames.append(Frame(tmp_path / f"{index}.png", None, pose))
    recording = FrameSet(tmp_path, camera, 0.001, tuple(frames))
    with pytest.raises(UserError, match="most cameras look away"):
        attention(np.array([frame.camera_to_world for frame in frames]))
    look = survey(recording)
    assert look.center == pytest.approx([0.0, 0.0, 1.0], abs=0.05)
    assert look.distance == pytest.approx(1.0, abs=0.02)
    assert look.notes == ("the cameras do not look at one point: took the middle of what they see",)
    # The other way round they see nothing in common; with a box nobody asks.
    turned = with_poses(recording, [f.camera_to_world @ np.diag([1.0, -1.0, -1.0, 1.0]) for f in frames])
    assert survey(turned, find=False).notes == ()
    apart = [frame.camera_to_world.copy() for frame in frames]
    for index, pose in enumerate(apart):
        pose[0, 3] += 3.0 * index
    with pytest.raises(UserError, match="most cameras look away"):
        survey(with_poses(recording, apart))


def test_noise_is_measured_on_a_slope() -> None:
    rng = np.random.default_rng(0)
    slope = 0.5 + 0.001 * np.arange(200)[None, :] + 0.0005 * np.arange(150)[:, None]
    noisy = (slope + 0.0008 * rng.standard_normal(slope.shape)).astype(np.float32)
    assert depth_noise(noisy) == pytest.approx(0.0008, rel=0.03)
    assert np.isnan(depth_noise(np.zeros((50, 50), dtype=np.float32)))


def test_the_object_the_cameras_look_at_is_chosen(tmp_path: Path) -> None:
    cube = GROUND_TRUTH["cube"].mesh()
    other = GROUND_TRUTH["peg"].mesh()
    other.apply_translation((0.09, 0.0, 0.0))
    both = trimesh.util.concatenate([cube, other])
    # The bounds of both together would pull the cameras aside; a tall thin thing far on the other side would not.
    write_virtual_frames(both, (0.7, 0.3, 0.3), tmp_path / "two", SMALL, seed=1)
    result = fuse(read_frames(tmp_path / "two"), dataclasses.replace(CFG, voxel=0.003))
    assert result.region.others == 1
    assert "1 other things on the table were left out" in result.summary()


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / "reconstruct.py"), "fuse", *arguments]


def test_the_command_writes_a_mesh_and_refuses_to_replace_it(
    bowl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", command(*words)[1:])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(sys.argv[0], run_name="__main__")
        assert ended.value.code == 2
        return capsys.readouterr().err

    output = tmp_path / "bowl.ply"
    flags = (str(bowl), "--output", str(output), "--voxel", "4", "--device", "cpu")
    result = subprocess.run(command(*flags), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert f"Fuses 15 frames of {bowl} (score); writes {output}" in result.stdout
    assert len(trimesh.load_mesh(output).faces) > 1000
    assert f"error: {output} already exists" in refused(*flags)
    assert "error: --output must name a .ply file, got bowl.obj." in refused(str(bowl), "--output", "bowl.obj")


def test_an_interrupted_command_leaves_nothing(bowl: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "bowl.ply"
    process = subprocess.Popen(
        command(str(bowl), "--output", str(output), "--voxel", "0.5", "--device", "cpu"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "was not written; run the command again" in errors
    assert not list(output.parent.iterdir())


def test_what_no_frame_measured_does_not_float_around_an_object_without_background(tmp_path: Path) -> None:
    top = trimesh.creation.box((0.12, 0.08, 0.02))
    top.apply_translation((0.0, 0.0, 0.06))
    legs = [trimesh.creation.box((0.02, 0.02, 0.052)) for _ in range(4)]
    for leg, (x, y) in zip(legs, itertools.product((-0.045, 0.045), (-0.025, 0.025)), strict=True):
        leg.apply_translation((x, y, 0.026))
    # No table, and nothing behind: as in renderings of a model, or where the background was masked.
    cfg = dataclasses.replace(
        SMALL, count=24, elevations=(-25.0, 0.0, 30.0, 65.0), table_size=1e-5, depth_noise=0.0, dropout=0.0
    )
    cfg = dataclasses.replace(cfg, edge_loss=0.0, grazing=89.0)
    write_virtual_frames(trimesh.util.concatenate([top, *legs]), (0.5, 0.5, 0.5), tmp_path / "stool", cfg, seed=3)
    found = fuse(read_frames(tmp_path / "stool"), dataclasses.replace(CFG, voxel=0.002)).mesh
    assert len(found.split(only_watertight=False)) == 1
    points = trimesh.sample.sample_surface(top, 2000, seed=0)[0]
    assert MeshQueries(found.vertices, found.faces, "cpu").distances(points[points[:, 2] > 0.06]).mean() < 0.0006


def test_crumbs_are_dropped() -> None:
    ball, crumb = trimesh.creation.icosphere(4), trimesh.creation.icosphere(0, radius=0.01)
    crumb.apply_translation((3, 0, 0))
    assert len(module._without_crumbs(trimesh.util.concatenate([ball, crumb])).faces) == len(ball.faces)
