# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""USD text of the Franka Panda, written from the table of :mod:`score_assets.robots.franka`."""

from __future__ import annotations

import torch

from score_assets.robots import franka
from score_assets.robots.franka_kinematics import forward_kinematics, matrix_from_quat, quat_from_matrix
from score_assets.usd_authoring import (
    ContactCfg,
    add_articulation_root,
    add_fixed_joint,
    add_joint,
    add_material,
    add_rigid_body,
    add_shape,
    add_xform,
    new_stage,
    stage_text,
)

__all__ = ["franka_usda", "zero_link_poses"]

ARM_COLOR = (0.85, 0.85, 0.87)
HAND_COLOR = (0.30, 0.30, 0.35)


def zero_link_poses() -> dict[str, tuple[list[float], list[float]]]:
    """Return every link's pose in the base frame, all joints at zero: name -> (position [m], xyzw)."""
    arm = forward_kinematics(torch.zeros(1, 7, dtype=torch.float64))
    names = [item.name for item in franka.LINKS[:9]]
    positions, rotations = (
        dict(zip(names, arm.link_pos[0], strict=True)),
        dict(zip(names, arm.link_rot[0], strict=True)),
    )
    for joint in franka.JOINTS[8:]:
        positions[joint.child] = positions[joint.parent] + rotations[joint.parent] @ torch.tensor(
            joint.position, dtype=torch.float64
        )
        rotations[joint.child] = rotations[joint.parent] @ matrix_from_quat(
            torch.tensor(joint.quat, dtype=torch.float64)
        )
    return {name: (positions[name].tolist(), quat_from_matrix(rotations[name]).tolist()) for name in positions}


def franka_usda() -> str:
    """Return the robot as ``.usda`` text: a fixed-base, weightless articulation ``/franka`` without self-collision.

    The links are weightless because the real arm compensates gravity itself. Drive gains in the file are placeholders:
    the actuators of :data:`score_assets.robots.franka_cfg.FRANKA_PANDA_GRIPPER_CFG` set them.
    """
    stage, root = new_stage("franka")
    add_articulation_root(root)
    add_xform(stage, "/franka/joints")
    materials = {
        "body": add_material(stage, "/franka/materials/body", franka.BODY_FRICTION),
        "pad": add_material(stage, "/franka/materials/pad", franka.PAD_FRICTION),
    }
    for name, (position, quat) in zero_link_poses().items():
        item, path = franka.link(name), f"/franka/{name}"
        prim = add_xform(stage, path, position, quat)
        add_rigid_body(
            prim,
            mass=item.mass,
            inertia=item.inertia,
            com=item.com,
            principal_axes=item.principal_axes,
            gravity=False,
        )
        color = HAND_COLOR if name in franka.HAND_LINK_NAMES else ARM_COLOR
        for shape in item.shapes:
            add_shape(stage, path, shape, materials[shape.material], color, ContactCfg())
    add_fixed_joint(stage, "/franka/joints/root_joint", parent=None, child=f"/franka/{franka.LINKS[0].name}")
    for joint in franka.JOINTS:
        path, parent, child = f"/franka/joints/{joint.name}", f"/franka/{joint.parent}", f"/franka/{joint.child}"
        if joint.kind == "fixed":
            add_fixed_joint(stage, path, parent=parent, child=child, position=joint.position, quat=joint.quat)
            continue
        add_joint(
            stage,
            path,
            kind=joint.kind,
            axis=joint.axis,
            parent=parent,
            child=child,
            position=joint.position,
            quat=joint.quat,
            limits=joint.limits,
            effort=joint.effort,
        )
    return stage_text(stage)
