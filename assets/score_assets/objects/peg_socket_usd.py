# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""USD text of the peg and of the socket's variants.

The physics engines differ in what they let a reset move, so the socket exists in several variants with one geometry:

* ``socket_static``: colliders without a rigid body.
* ``socket_kinematic``: one kinematic rigid body.
* ``socket_welded``: a fixed-base articulation whose single useful link is the socket, placed by its root pose.
* ``socket_fixture``: an articulation, world -> x -> y -> yaw, whose stiff drives hold the pose given by its joints.

Frames and units are those of :mod:`score_assets.objects.peg_socket`.
"""

from __future__ import annotations

from pxr import Usd

from score_assets.objects.peg_socket import PEG_SOCKET, PegSocketCfg
from score_assets.usd_authoring import (
    ContactCfg,
    add_material,
    add_rigid_body,
    add_shape,
    add_xform,
    new_stage,
    stage_text,
)
from score_assets.usd_joints import add_articulation_root, add_fixed_joint, add_joint

__all__ = [
    "peg_usda",
    "socket_fixture_usda",
    "socket_kinematic_usda",
    "socket_static_usda",
    "socket_welded_usda",
]

PEG_COLOR = (0.9, 0.4, 0.1)
SOCKET_COLOR = (0.2, 0.4, 0.8)


def _socket_geometry(stage: Usd.Stage, body_path: str, cfg: PegSocketCfg) -> None:
    material = add_material(stage, f"{body_path}/socket_material", cfg.socket_friction)
    for box in cfg.socket_boxes:
        add_shape(stage, body_path, box, material, SOCKET_COLOR, ContactCfg())


def _socket_body(prim: Usd.Prim, cfg: PegSocketCfg, *, kinematic: bool = False) -> None:
    center = (0.0, 0.0, cfg.rim_height / 2.0)
    add_rigid_body(
        prim, mass=cfg.socket_mass, inertia=cfg.socket_inertia, com=center, gravity=False, kinematic=kinematic
    )


def peg_usda(cfg: PegSocketCfg = PEG_SOCKET) -> str:
    """Return the peg as ``.usda`` text: one rigid body ``/peg``."""
    stage, root = new_stage("peg")
    add_rigid_body(root, mass=cfg.peg_mass, inertia=cfg.peg_inertia)
    material = add_material(stage, "/peg/peg_material", cfg.peg_friction)
    add_shape(stage, "/peg", cfg.peg_box, material, PEG_COLOR, ContactCfg())
    return stage_text(stage)


def socket_static_usda(cfg: PegSocketCfg = PEG_SOCKET) -> str:
    """Return the socket as static colliders, ``.usda`` text."""
    stage, _ = new_stage("socket")
    _socket_geometry(stage, "/socket", cfg)
    return stage_text(stage)


def socket_kinematic_usda(cfg: PegSocketCfg = PEG_SOCKET) -> str:
    """Return the socket as one kinematic rigid body, ``.usda`` text."""
    stage, root = new_stage("socket")
    _socket_body(root, cfg, kinematic=True)
    _socket_geometry(stage, "/socket", cfg)
    return stage_text(stage)


def socket_welded_usda(cfg: PegSocketCfg = PEG_SOCKET) -> str:
    """Return the socket as the root link of a fixed-base articulation, ``.usda`` text.

    Writing the articulation's root pose moves the socket; nothing else can. The ``latch``, a second link without
    geometry on a prismatic joint, is there because Isaac Lab takes no articulation without joints on either engine.
    """
    stage, root = new_stage("socket")
    add_articulation_root(root)
    _socket_body(add_xform(stage, "/socket/socket_body"), cfg)
    _socket_geometry(stage, "/socket/socket_body", cfg)
    add_xform(stage, "/socket/joints")
    add_fixed_joint(stage, "/socket/joints/root_joint", parent=None, child="/socket/socket_body")
    add_rigid_body(add_xform(stage, "/socket/latch"), mass=0.1, inertia=(1e-4, 1e-4, 1e-4), gravity=False)
    add_joint(
        stage,
        "/socket/joints/latch_joint",
        kind="prismatic",
        axis="Z",
        parent="/socket/socket_body",
        child="/socket/latch",
        position=(0.0, 0.0, 0.0),
        quat=(0.0, 0.0, 0.0, 1.0),
        limits=(-0.001, 0.001),
        effort=100.0,
        stiffness=1000.0,
        damping=100.0,
    )
    return stage_text(stage)


def socket_fixture_usda(cfg: PegSocketCfg = PEG_SOCKET) -> str:
    """Return the socket on three stiffly driven joints, ``.usda`` text.

    Chain: world, ``fixture_base``, ``socket_joint_x`` [m], ``socket_joint_y`` [m], ``socket_joint_yaw`` [rad],
    ``socket_body``. Give the actuators 1e6 N/m, 2e4 N s/m and armature 100 kg (yaw 1e4, 200, 1).
    """
    stage, root = new_stage("socket")
    add_articulation_root(root)
    inertia = (0.01, 0.01, 0.01)
    for name in ("fixture_base", "fixture_x", "fixture_y"):
        add_rigid_body(add_xform(stage, f"/socket/{name}"), mass=cfg.socket_mass, inertia=inertia, gravity=False)
    _socket_body(add_xform(stage, "/socket/socket_body"), cfg)
    _socket_geometry(stage, "/socket/socket_body", cfg)
    add_xform(stage, "/socket/joints")
    add_fixed_joint(stage, "/socket/joints/root_joint", parent=None, child="/socket/fixture_base")
    chain = (
        ("x", "prismatic", "X", "fixture_base", "fixture_x", (-0.5, 0.5), 2000.0),
        ("y", "prismatic", "Y", "fixture_x", "fixture_y", (-0.5, 0.5), 2000.0),
        ("yaw", "revolute", "Z", "fixture_y", "socket_body", (-3.2, 3.2), 200.0),
    )
    for name, kind, axis, parent, child, limits, effort in chain:
        add_joint(
            stage,
            f"/socket/joints/socket_joint_{name}",
            kind=kind,
            axis=axis,
            parent=f"/socket/{parent}",
            child=f"/socket/{child}",
            position=(0.0, 0.0, 0.0),
            quat=(0.0, 0.0, 0.0, 1.0),
            limits=limits,
            effort=effort,
        )
    return stage_text(stage)
