# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Train a base policy from demonstrations.

./isaaclab.sh -p scripts/pretrain.py --dataset demos.hdf5 --output base_policy
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from score.imitation import DemonstrationSet

# Before torch loads: at these sizes a second thread waits more than it works.
os.environ.setdefault("OMP_NUM_THREADS", "1")


try:
    from score.cli.arguments import Command, require_counts, require_device
    from score.utils.cli import run_command
    from score.utils.errors import UserError
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Command(__doc__)
    parser.add_argument("--dataset", type=Path, required=True, metavar="PATH", help="HDF5, LeRobot or zarr")
    parser.add_argument(
        "--interface", type=Path, metavar="FILE.yaml", help="what the data do not say (default: beside)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the base policy")
    parser.add_argument("--kind", default="flow_matching", metavar="NAME", help="kind of policy (default: %(default)s)")
    parser.add_argument("--network", metavar="mlp|unet", help="network of a diffusion (default: mlp)")
    parser.add_argument("--down_dims", type=int, nargs="+", default=[64, 128], metavar="N", help="U-Net's channels")
    parser.add_argument("--inference_steps", type=int, default=10, metavar="N", help="DDIM's passes (default: 10)")
    parser.add_argument("--task", default="", metavar="NAME", help="label kept in the base policy")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--device", default="cpu", help="torch device, for example cuda:0 (default: cpu)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--updates", type=int, metavar="N", help="optimiser steps (default: 8000)")
    length.add_argument("--epochs", type=int, metavar="N", help="passes over the training steps instead")
    parser.add_argument("--horizon", type=int, default=8, help="steps in an action chunk (default: 8)")
    parser.add_argument("--batch_size", type=int, default=64, help="windows in an update (default: 64)")
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--point_noise", type=float, default=0.001, help="augmentation of points [m]")
    parser.add_argument(
        "--extrinsic_shift", type=float, default=0.002, help="augmentation: shift of what cameras see [m]"
    )
    parser.add_argument("--extrinsic_rotation", type=float, default=0.01, help="augmentation: turn of it [rad]")
    parser.add_argument(
        "--prediction",
        metavar="NAME",
        help="what the network predicts: action (default) or velocity of a flow; sample (default), epsilon (as"
        " published) or v_prediction of a diffusion",
    )
    parser.add_argument(
        "--action_compression",
        type=float,
        default=0.0,
        metavar="C",
        help="work on asinh(a / C) of actions (default: off)",
    )
    parser.add_argument(
        "--point_widths", type=int, nargs="+", default=[64, 64, 128], metavar="N", help="per-point layers"
    )
    parser.add_argument(
        "--emphasis", type=float, default=0.0, metavar="C", help="weight small motions more (default: off)"
    )
    parser.add_argument("--points", type=int, metavar="N", help="random subset of points in training (default: all)")
    parser.add_argument("--joint_noise", type=float, default=0.02, help="augmentation of joint positions [rad]")
    parser.add_argument(
        "--history_noise", type=float, default=0.01, help="augmentation of joint and target history [rad]"
    )
    parser.add_argument("--absolute", action="store_true", help="predict absolute actions, not offsets from joint_pos")
    parser.add_argument("--no_point_cloud", action="store_true", help="train a policy that reads no point cloud")
    parser.add_argument(
        "--observations",
        nargs="+",
        metavar="NAME[:FRAMES]",
        help="vectors that it reads, with the frames of their windows (default: joint_pos:4)",
    )
    parser.add_argument("--no_past_actions", action="store_true", help="train a policy that does not read past targets")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training into the same folder")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing base policy")
    return parser.parse_args(arguments)


def network_cfg(arguments: argparse.Namespace) -> Any:
    """Return the settings of the network of the kind that the flags name."""
    from score.policies.settings import DiffusionNetworkCfg, FlowNetworkCfg

    if arguments.network is not None and arguments.kind != "diffusion":
        raise UserError(f"--network {arguments.network} is a choice of --kind diffusion: give that kind too.")
    shared: dict[str, Any] = {
        "point_widths": tuple(arguments.point_widths),
        "action_compression": arguments.action_compression,
        "relative_observations": () if arguments.no_past_actions else FlowNetworkCfg.relative_observations,
    }
    if arguments.kind == "diffusion":
        return DiffusionNetworkCfg(**shared, form=arguments.network or "mlp", down_dims=tuple(arguments.down_dims))
    return FlowNetworkCfg(**shared, prediction=arguments.prediction or "action")


def require_enough(arguments: argparse.Namespace, data: DemonstrationSet, cloud: str | None) -> None:
    """Refuse flags that ask for more than the demonstrations have."""
    if arguments.batch_size > data.steps:
        raise UserError(f"--batch_size {arguments.batch_size}: there are {data.steps} windows; give at most as many.")
    count = data.episodes[0].observations[cloud].shape[1] if cloud else 0
    if cloud and arguments.points is not None and arguments.points > count:
        raise UserError(f"--points {arguments.points}: the cloud has {count} points; give at most as many.")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    arguments = parse_arguments(words)
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.imitation import AugmentationCfg, PretrainCfg, train_base_policy
    from score.imitation.read import read_any
    from score.imitation.settings import parse_histories, updates_for_epochs
    from score.imitation.train import training_directory
    from score.policies.bundle import require_bundle_place
    from score.policies.ddim import DdimCfg
    from score.policies.kinds import kind_named

    kind_named(arguments.kind, "--kind", trainable=True)
    require_counts(arguments)
    require_device(arguments.device)
    require_bundle_place(arguments.output)
    cloud = None if arguments.no_point_cloud else "point_cloud"
    histories = PretrainCfg().histories if arguments.observations is None else parse_histories(arguments.observations)
    data = read_any(arguments.dataset, list(histories), [cloud] if cloud else [], arguments.interface)
    require_enough(arguments, data, cloud)
    updates = arguments.updates if arguments.updates is not None else PretrainCfg.updates
    if arguments.epochs is not None:
        updates = updates_for_epochs(arguments.epochs, data.steps, arguments.batch_size)
    cfg = PretrainCfg(
        histories=histories,
        past_actions=None if arguments.no_past_actions else PretrainCfg.past_actions,
        point_cloud=cloud,
        horizon=arguments.horizon,
        relative=not arguments.absolute,
        network=network_cfg(arguments),
        sampler=DdimCfg(
            num_inference_steps=arguments.inference_steps,
            prediction_type=(arguments.prediction or "sample") if arguments.kind == "diffusion" else "epsilon",
        ),
        augmentation=AugmentationCfg(
            joint_noise=arguments.joint_noise,
            history_noise=arguments.history_noise,
            points=arguments.points,
            point_noise=arguments.point_noise,
            extrinsic_shift=arguments.extrinsic_shift,
            extrinsic_rotation=arguments.extrinsic_rotation,
        ),
        updates=updates,
        batch_size=arguments.batch_size,
        emphasis=arguments.emphasis,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
        device=arguments.device,
    )
    success = "" if data.success_rate is None else f", {data.success_rate:.0%} successful"
    print(f"Demonstrations: {arguments.dataset}: {len(data.episodes)} episodes, {data.steps} steps{success}")
    print(f"Base policy:    {arguments.output}  (written every {cfg.checkpoint_every} updates and at Ctrl-C)")
    print(f"Training:       {training_directory(arguments.output)}  (curves.png, TensorBoard events, checkpoint)")
    result = train_base_policy(
        data, arguments.output, cfg, label=arguments.task, resume=arguments.resume, overwrite=arguments.overwrite
    )
    print(f"Wrote {result.bundle} and {result.training / 'curves.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
