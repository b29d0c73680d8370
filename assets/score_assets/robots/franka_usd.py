# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""USD text of the Franka Panda, written from the table of :mod:`score_assets.robots.franka`.

:func:`articulation_usda` writes any robot that is given by such a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch

from score_assets.robots import franka
from score_assets.robots.franka_kinematics import matrix_from_quat, quat_from_matrix
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

__all__ = ["articulation_usda", "franka_usda", "zero_link_poses"]

ARM_COLOR = (0.85, 0.85, 0.87)
HAND_COLOR = (0.30, 0.30, 0.35)


def zero_link_poses(joints: Sequence[franka.Joint] = franka.JOINTS) -> dict[str, tuple[list[float], list[float]]]:
    """Return every link's pose in the base frame, all joints at zero: name -> (position [m], xyzw).

    Args:
        joints: Joints of the robot, base first; the parent of the first one is the base.
    """
    positions = {joints[0].parent: torch.zeros(3, dtype=torch.float64)}
    rotations = {joints[0].parent: torch.eye(3, dtype=torch.float64)}
    for joint in joints:
        positions[joint.child] = positions[joint.parent] + rotations[joint.parent] @ torch.tensor(
            joint.position, dtype=torch.float64
        )
        rotations[joint.child] = rotations[joint.parent] @ matrix_from_quat(
            torch.tensor(joint.quat, dtype=torch.float64)
        )
    return {name: (positions[name].tolist(), quat_from_matrix(rotations[name]).tolist()) for name in positions}


def articulation_usda(
    name: str,
    links: Sequence[franka.Link],
    joints: Sequence[franka.Joint],
    *,
    friction: Mapping[str, float],
    hand_link_names: Collection[str] = (),
) -> str:
    """Return a robot as ``.usda`` text: a fixed-base, weightless articulation without self-collision.

    Args:
        name: Name of the default prim.
        links: Every link, base first.
        joints: Every joint, base first; each link but the base is the child of one.
        friction: Friction coefficient of each material that the shapes name.
        hand_link_names: Links that get the darker colour.
    """
    stage, root = new_stage(name)
    add_articulation_root(root)
    add_xform(stage, f"/{name}/joints")
    materials = {key: add_material(stage, f"/{name}/materials/{key}", value) for key, value in friction.items()}
    table = {item.name: item for item in links}
    for link_name, (position, quat) in zero_link_poses(joints).items():
        item, path = table[link_name], f"/{name}/{link_name}"
        prim = add_xform(stage, path, position, quat)
        add_rigid_body(
            prim,
            mass=item.mass,
            inertia=item.inertia,
            com=item.com,
            principal_axes=item.principal_axes,
            gravity=False,
        )
        color = HAND_COLOR if link_name in hand_link_names else ARM_COLOR
        for shape in item.shapes:
            add_shape(stage, path, shape, materials[shape.material], color, ContactCfg())
    add_fixed_joint(stage, f"/{name}/joints/root_joint", parent=None, child=f"/{name}/{links[0].name}")
    for joint in joints:
        path, parent, child = f"/{name}/joints/{joint.name}", f"/{name}/{joint.parent}", f"/{name}/{joint.child}"
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
            max_velocity=joint.max_velocity,
        )
    return stage_text(stage)


def franka_usda() -> str:
    """Return the robot as ``.usda`` text: a fixed-base, weightless articulation ``/franka`` without self-collision.

    The links are weightless because the real arm compensates gravity itself. Drive gains in the file are placeholders:
    the actuators of :data:`score_assets.robots.franka_cfg.FRANKA_PANDA_GRIPPER_CFG` set them.
    """
    return articulation_usda(
        "franka",
        franka.LINKS,
        franka.JOINTS,
        friction={"body": franka.BODY_FRICTION, "pad": franka.PAD_FRICTION},
        hand_link_names=franka.HAND_LINK_NAMES,
    )
