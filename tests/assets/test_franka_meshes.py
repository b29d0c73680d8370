# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A robot that is looked at wears meshes, and stays the same body for physics."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from pxr import Usd, UsdGeom, UsdPhysics

from score_assets import USD_DIR
from score_assets.robots import franka_meshes

MODEL = """<mujoco>
  <asset>
    <material name="dark" rgba="0.1 0.2 0.3 1"/>
    <mesh name="shell" file="shell.obj"/>
    <mesh name="hull" file="hull.stl"/>
  </asset>
  <worldbody>
    <body name="fr3_link0">
      <geom mesh="shell" material="dark" class="visual"/>
      <geom mesh="hull" class="collision"/>
      <body name="hand"><geom mesh="shell" material="dark" class="visual"/></body>
      <body name="tool"><geom mesh="shell" material="dark" class="visual"/></body>
    </body>
  </worldbody>
</mujoco>
"""
TETRAHEDRON = "v 0 0 0\nv 0.1 0 0\nv 0 0.2 0\nv 0 0 0.3\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assets = tmp_path / "franky_sim" / "assets"
    (assets / "meshes").mkdir(parents=True)
    (assets / "fr3.xml").write_text(MODEL)
    (assets / "meshes" / "shell.obj").write_text(TETRAHEDRON)
    return assets


@pytest.mark.parametrize(
    ("robot", "seen"),
    [
        ("franka_panda_gripper", ["/franka/panda_hand/visual_shell", "/franka/panda_link0/visual_shell"]),
        ("franka_leap", ["/franka_leap/panda_link0/visual_shell"]),
    ],
)
def test_links_that_the_robot_has_are_dressed(robot: str, seen: list[str], folder: Path, tmp_path: Path) -> None:
    dressed = Usd.Stage.Open(
        str(franka_meshes.dressed_robot(USD_DIR / f"{robot}.usda", folder, tmp_path / "out" / "robot.usdc"))
    )
    meshes = sorted(str(prim.GetPath()) for prim in dressed.Traverse() if prim.IsA(UsdGeom.Mesh))
    assert meshes == seen
    mesh = UsdGeom.Mesh(dressed.GetPrimAtPath(seen[0]))
    assert len(mesh.GetPointsAttr().Get()) == 4
    assert list(mesh.GetFaceVertexCountsAttr().Get()) == [3, 3, 3, 3]
    assert mesh.GetDisplayColorAttr().Get()[0] == pytest.approx((0.1, 0.2, 0.3))
    assert mesh.GetExtentAttr().Get()[1] == pytest.approx((0.1, 0.2, 0.3))


def test_what_physics_reads_is_unchanged(folder: Path, tmp_path: Path) -> None:
    path = USD_DIR / "franka_leap.usda"
    bare = Usd.Stage.Open(str(path))
    dressed = Usd.Stage.Open(str(franka_meshes.dressed_robot(path, folder, tmp_path / "robot.usdc")))

    def said(stage: Usd.Stage) -> dict[str, list[object]]:
        return {
            str(prim.GetPath()): [
                prim.GetTypeName(),
                prim.GetAppliedSchemas(),
                {attribute.GetName(): attribute.Get() for attribute in prim.GetAttributes()},
            ]
            for prim in stage.Traverse()
        }

    before, after = said(bare), said(dressed)
    assert {path: after[path] for path in before} == before
    added = [dressed.GetPrimAtPath(path) for path in set(after) - set(before)]
    assert [prim.HasAPI(UsdPhysics.CollisionAPI) for prim in added] == [False]
    assert dressed.GetDefaultPrim().GetPath() == bare.GetDefaultPrim().GetPath()


def test_the_package_is_found_where_it_is_installed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert franka_meshes.mesh_folder() is None
    package = SimpleNamespace(origin=str(tmp_path / "franky_sim" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: package)
    assert franka_meshes.mesh_folder() == folder
    (folder / "fr3.xml").unlink()
    assert franka_meshes.mesh_folder() is None
