# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Grasps of the LEAP hand: joint positions with the pads on an object, found by gradient descent on its kinematics.

./isaaclab.sh -p -m score_tasks.grasp.plan round --radius 0.037
./isaaclab.sh -p -m score_tasks.grasp.plan flat --half_width 0.025 --fingers index middle thumb --depth 0.066 0.130

Grasp frame: origin in the middle of the contacts, z up, x towards the fingers; the palm faces down on it.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor

from score.utils import UserError, require_writable, run_command
from score_assets.robots.franka_leap import joint_limits
from score_assets.robots.franka_leap_kinematics import pad_normals, pad_points
from score_tasks.grasp.grips import Grasp, GraspFile, write_grasp_file

FINGERS = ("index", "middle", "ring", "thumb")
"""Digits in the order of the pads."""


def plan_grasp(
    kind: str,
    size: float,
    fingers: tuple[str, ...] = FINGERS,
    *,
    breadth: float | None = None,
    spread: float = 0.7,
    tangent: float = 0.018,
    depth: tuple[float, float] = (0.085, 0.130),
    starts: int = 128,
    iterations: int = 700,
    seed: int = 0,
) -> tuple[Grasp, float]:
    """Find joint positions that put pads on an object, facing it.

    Args:
        kind: ``round``: contacts on a circle or an oval; ``flat``: fingers on one face, the thumb on the opposite one.
        size: Radius, or half the distance of the faces [m].
        fingers: Digits that touch; the thumb has to be among them. The others stay out of the way.
        breadth: Half of an oval's width at right angles to ``size`` [m]; None: a circle.
        spread: Angle of index and ring finger from the middle finger on the circle [rad].
        tangent: Farthest place of a pad from the middle of a flat face [m].
        depth: Least and greatest distance from palm frame to contacts [m].
        starts: Random starts.
        iterations: Steps of Adam.
        seed: Seed of the starts.

    Returns:
        The grasp, and the largest distance of a pad from its place [m].

    Raises:
        UserError: The size is not that of an object for a hand.
    """
    breadth = size if breadth is None else breadth
    if not 0.0 < min(size, breadth) <= max(size, breadth) < 0.2:
        raise UserError(f"The object is {size} by {breadth} m in half widths: give positive ones below 0.2 m.")
    generator = torch.Generator().manual_seed(seed)
    dtype = torch.float64
    limits = torch.as_tensor(joint_limits()[7:], dtype=dtype)
    low, high = limits[:, 0] + 0.03, limits[:, 1] - 0.03
    used = torch.tensor([float(name in fingers) for name in FINGERS], dtype=dtype)
    nominal_angle = torch.tensor([spread, 0.0, -spread, math.pi], dtype=dtype)
    side = torch.tensor([1.0, 1.0, 1.0, -1.0], dtype=dtype)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    logits = random(starts, 16).requires_grad_()
    center = torch.tensor([0.0, -0.03, -0.5 * (depth[0] + depth[1])], dtype=dtype) + 0.01 * random(starts, 3)
    center.requires_grad_()
    yaw = (0.3 * random(starts, 1)).requires_grad_()
    angle = nominal_angle.repeat(starts, 1).requires_grad_()
    shift = (torch.tensor([1.0, 0.0, -1.0, 0.0], dtype=dtype) * 0.7 * tangent).repeat(starts, 1).requires_grad_()
    optimizer = torch.optim.Adam(
        [
            {"params": [logits], "lr": 0.05},
            {"params": [center, shift], "lr": 0.002},
            {"params": [angle, yaw], "lr": 0.02},
        ]
    )

    def contacts() -> tuple[Tensor, Tensor]:
        """Places (S, 4, 3) of the pads and the directions (S, 4, 3) in which they press."""
        zero = torch.zeros_like(yaw)
        x = torch.cat((yaw.cos(), yaw.sin(), zero), dim=-1)[:, None]
        y = torch.cat((-yaw.sin(), yaw.cos(), zero), dim=-1)[:, None]
        if kind == "round":
            across, along = angle.cos()[..., None], angle.sin()[..., None]
            outward = torch.nn.functional.normalize(across / size * x + along / breadth * y, dim=-1)
            return center[:, None] + size * across * x + breadth * along * y, -outward
        outward = side[None, :, None] * x
        return center[:, None] + size * outward + shift.clamp(-tangent, tangent)[..., None] * y, -outward

    idle = (torch.tensor([0.0, 0.1, 0.1, 0.1], dtype=dtype)).repeat(4)
    for step in range(iterations + 1):
        joint_pos = low + (high - low) * torch.sigmoid(logits)
        pads, facing = pad_points(joint_pos), pad_normals(joint_pos)
        places, press = contacts()
        miss = (pads - places).square().sum(-1)
        turned = (1.0 - (facing * press).sum(-1)).clamp(min=0.0)
        loss = 100.0 * (miss * used).sum(-1) + 0.01 * (turned * used).sum(-1)
        loss = loss + 2e-3 * (angle - nominal_angle).square().sum(-1) + 1e-5 * joint_pos.square().sum(-1)
        # neighbours on a flat face keep their distance; the thumb stands opposite of their middle
        gap = shift[:, 0] - shift[:, 1]
        loss = loss + (gap - 0.026).clamp(max=0.0).square() + 0.5 * (shift[:, 3] - shift[:, :2].mean(-1)).square()
        below, above = -depth[1] - center[:, 2], center[:, 2] + depth[0]
        loss = loss + 300.0 * (below.clamp(min=0.0).square() + above.clamp(min=0.0).square())
        for digit in range(4):
            if not used[digit]:
                columns = slice(4 * digit, 4 * digit + 4)
                loss = loss + 0.01 * (joint_pos[:, columns] - idle[columns]).square().sum(-1)
        if step < iterations:
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()

    torque = torch.autograd.grad((pads * press.detach() * _loads(used)[:, None]).sum(), joint_pos)[0]
    # a weak lever and a wide swing are worse than a tenth of a millimetre
    score = loss + 0.004 * torque.abs().amax(-1) + 0.004 * joint_pos[:, [0, 4, 8]].abs().sum(-1)
    best = int(score.detach().argmin())
    grasp = Grasp(
        joint_pos=_rounded(joint_pos[best]),
        center=_rounded(center[best]),  # type: ignore[arg-type]
        yaw=round(float(yaw[best].detach()), 4),
        torque=_rounded(torque[best]),
    )
    return grasp, float((miss[best].detach().sqrt() * used).max())


def _loads(used: Tensor) -> Tensor:
    """Force of each digit, 1 for a finger; the thumb holds against them all."""
    loads = used.clone()
    loads[3] = used[:3].sum()
    return loads


def _rounded(values: Tensor) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values.detach().tolist())


def main() -> None:
    """Plan one grasp, and print it as Python or write a grasp file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("kind", choices=("round", "flat"))
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--radius", type=float, help="radius of a round object [m]")
    size.add_argument("--half_width", type=float, help="half the distance of two faces [m]")
    parser.add_argument("--breadth", type=float, help="half the width of an oval at right angles to --radius [m]")
    parser.add_argument("--fingers", nargs="+", choices=FINGERS, default=list(FINGERS))
    parser.add_argument("--spread", type=float, default=0.7, help="angle between fingers on a round object [rad]")
    parser.add_argument("--tangent", type=float, default=0.018, help="half length of a flat face that is used [m]")
    parser.add_argument("--depth", type=float, nargs=2, default=(0.085, 0.130), help="palm to contacts [m]")
    file = parser.add_argument_group("grasp file")
    file.add_argument("--output", type=Path, help="write a grasp file (.yaml) for env.grasp_file instead of printing")
    file.add_argument("--height", type=float, default=0.0, help="contacts over the object's origin [m] (default 0)")
    file.add_argument(
        "--symmetry", type=int, default=0, help="in how many turns the object looks the same (default 0: in all)"
    )
    file.add_argument("--heading", type=float, default=0.0, help="turn from the object's x axis to the grasp's [rad]")
    file.add_argument("--hover", type=float, default=0.05, help="least height over the contacts on the way there [m]")
    file.add_argument(
        "--shallow",
        type=float,
        nargs=3,
        metavar=("HASTY", "USUAL", "CAREFUL"),
        help="heights over the contacts at which the three kinds of grasp close [m] (default: the task's)",
    )
    arguments = parser.parse_args()
    if arguments.kind == "flat" and arguments.breadth is not None:
        parser.error("--breadth is for an oval: leave it out with 'flat'")
    if arguments.output:
        require_writable(arguments.output.resolve().parent)
    grasp, miss = plan_grasp(
        arguments.kind,
        arguments.radius if arguments.radius is not None else arguments.half_width,
        tuple(arguments.fingers),
        breadth=arguments.breadth,
        spread=arguments.spread,
        tangent=arguments.tangent,
        depth=tuple(arguments.depth),
    )
    print(f"# pads within {1e3 * miss:.1f} mm of their places")
    if arguments.output:
        shallow = None if arguments.shallow is None else tuple(arguments.shallow)
        content = GraspFile(grasp, arguments.height, arguments.symmetry, arguments.heading, arguments.hover, shallow)
        write_grasp_file(arguments.output, content)
        print(f"Wrote {arguments.output}: name it with env.grasp_file={arguments.output}")
    else:
        print(grasp)


if __name__ == "__main__":
    raise SystemExit(run_command(main))
