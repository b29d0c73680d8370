# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Objects and fixtures of the tabletop tasks, made of primitives; writes their asset folders.

./isaaclab.sh -p -m score_tasks.tabletop.props
"""

from __future__ import annotations

import argparse
from pathlib import Path

from score.reconstruction.shape.pieces import CylinderPiece, SpherePiece
from score.utils.cli import run_command
from score_assets import ASSETS_DIR
from score_tasks.kit.props import Prop, box, cup, write_prop


def _solid_ball(radius: float, mass: float) -> tuple[float, float, float]:
    moment = 0.4 * mass * radius**2
    return moment, moment, moment


def _hollow_ball(radius: float, mass: float) -> tuple[float, float, float]:
    moment = 2.0 / 3.0 * mass * radius**2
    return moment, moment, moment


PROPS: dict[str, tuple[Prop, ...]] = {
    "soccer_push": (
        Prop(
            "ball",
            (SpherePiece((0.0, 0.0, 0.035), 0.035),),
            0.10,
            0.6,
            (0.95, 0.75, 0.30),
            inertia=_solid_ball(0.035, 0.10),
        ),
        Prop(
            "goal",
            (
                box((-0.09, 0.035, 0.0), (0.09, 0.045, 0.08)),
                box((-0.09, -0.045, 0.0), (-0.08, 0.035, 0.08)),
                box((0.08, -0.045, 0.0), (0.09, 0.035, 0.08)),
            ),
            1.0,
            0.5,
            (0.90, 0.90, 0.90),
        ),
    ),
    "card_pick": (
        Prop(
            "card",
            (box((-0.027, -0.0428, 0.0), (0.027, 0.0428, 0.001)),),
            0.02,  # of metal: PhysX lets one of 5 g slide out of a pinch of 7 N
            0.5,
            (0.20, 0.35, 0.70),
        ),
        Prop("shelf", (box((-0.11, -0.08, 0.0), (0.11, 0.08, 0.10)),), 5.0, 0.5, (0.50, 0.50, 0.50)),
    ),
    "dishrack_place": (
        Prop("bowl", cup(0.055, 0.005, 0.05, 16), 0.25, 0.6, (0.55, 0.70, 0.85)),
        Prop(
            "rack",
            (
                box((-0.09, -0.056, 0.0), (0.09, 0.056, 0.010)),
                box((-0.09, 0.036, 0.010), (0.09, 0.046, 0.090)),
                box((-0.058, -0.046, 0.010), (-0.042, -0.036, 0.040)),
                box((0.042, -0.046, 0.010), (0.058, -0.036, 0.040)),
                box((-0.085, -0.036, 0.010), (-0.075, 0.036, 0.040)),
                box((0.075, -0.036, 0.010), (0.085, 0.036, 0.040)),
            ),
            1.0,
            0.5,
            (0.60, 0.40, 0.20),
        ),
    ),
    "ball_pour": (
        Prop("cup", cup(0.0325, 0.004, 0.09, 12), 0.12, 0.5, (0.90, 0.50, 0.60)),
        Prop("bin", cup(0.050, 0.005, 0.10, 12), 0.30, 0.5, (0.30, 0.50, 0.90)),
        Prop(
            "ball",
            (SpherePiece((0.0, 0.0, 0.020), 0.020),),
            0.0027,
            0.3,
            (0.95, 0.95, 0.90),
            inertia=_hollow_ball(0.020, 0.0027),
        ),
    ),
    "bulb_screw": (
        Prop(
            "bulb",
            (SpherePiece((0.0, 0.0, 0.245), 0.030), CylinderPiece((0.0, 0.0, 0.2015), 0.013, 0.030)),
            0.10,
            0.4,
            (1.00, 0.95, 0.70),
            # a lug that shows how far it is turned: a ball on a neck looks the same from everywhere
            marks=(box((0.026, -0.006, 0.225), (0.046, 0.006, 0.237)),),
            inertia=_solid_ball(0.030, 0.10),
        ),
        Prop(
            "stand",
            (CylinderPiece((0.0, 0.0, 0.010), 0.050, 0.020), CylinderPiece((0.0, 0.0, 0.100), 0.018, 0.160)),
            1.0,
            0.5,
            (0.30, 0.30, 0.30),
        ),
    ),
}
"""Name of a scene -> its objects. Sizes, masses and friction were chosen with a scripted hand on both engines."""


def main() -> None:
    """Write the asset folders of the scenes."""
    parser = argparse.ArgumentParser(description="Write the asset folders of the tabletop tasks.", allow_abbrev=False)
    parser.add_argument("--output", type=Path, default=ASSETS_DIR / "scenes", help="folder of the scenes")
    output = parser.parse_args().output
    for scene, props in PROPS.items():
        for prop in props:
            write_prop(prop, output / scene / prop.name)
            print(f"Wrote {output / scene / prop.name}")


if __name__ == "__main__":
    raise SystemExit(run_command(main))
