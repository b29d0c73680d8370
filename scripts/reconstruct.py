# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a scan to a simulation asset, and its passport.

    ./isaaclab.sh -p scripts/reconstruct.py asset mug.obj --name mug --unit mm --mass 0.25 --output assets/mug
    ./isaaclab.sh -p scripts/reconstruct.py check assets/mug
    ./isaaclab.sh -p scripts/reconstruct.py fuse recording --output mug.ply
    ./isaaclab.sh -p scripts/reconstruct.py scene scene.yaml --picture scene.png

Exit code 0: all is well; 1: something was made or read and a check failed; 2: wrong input.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# Before numerical libraries load: small work is many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from score.cli.arguments import Command, require_counts, require_device
    from score.utils.cli import run_command
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def make_parser() -> Command:
    """Describe the command line; each sub-command names the function that runs it."""
    parser = Command(__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_asset(commands)
    _add_check(commands)
    _add_fuse(commands)
    _add_scene(commands)
    _add_export(commands)
    _add_batch(commands)
    return parser


def _add_asset(commands: argparse._SubParsersAction[Command]) -> None:
    command = commands.add_parser("asset", help="a scanned mesh to an asset folder")
    add = command.add_argument
    add("scan", type=Path, metavar="SCAN", help="mesh: .obj, .ply, .stl, .glb, .gltf or .off")
    add("--name", required=True, help="name of the asset")
    add("--output", type=Path, required=True, metavar="DIR", help="folder to make")
    _add_settings(command)
    add("--no-drop", action="store_true", help="leave the drop test out")
    add("--overwrite", action="store_true", help="replace an existing asset")
    command.set_defaults(run=_run_asset)


def _add_settings(command: Command) -> None:
    """Add the flags of an asset; what is not given is not set, and has the default of the settings."""
    add = command.add_argument
    add("--unit", help="unit of the scan: m, cm, mm or in (default: what the format says)")
    add("--known-length", metavar="AXIS=MM", help="extent of the upright object, for example z=191 or longest=191")
    add("--up", help="axis of the scan that points up: x, y, z, -x, -y, -z; auto (default) or rest (firmest side)")
    add("--table", help="table in the scan: auto (default), scan (there must be one) or none")
    add("--roi", type=float, nargs=6, metavar="V", help="box to keep, x0 x1 y0 y1 z0 z1 in the file's frame and unit")
    add("--mass", metavar="KG", help="weighed mass in kg, or with its unit: 250g, 8.8oz, 0.55lb")
    add("--material", help="preset density for a solid, or with --wall, where the mass is not known")
    add("--wall", type=float, metavar="MM", help="measured wall thickness of a thin-walled object")
    add("--friction", type=float, help="friction coefficient (default: 0.5)")
    add("--collision", help="auto (default), primitive, fit:slot, fit:ring, sectors, coacd or hull")
    add("--measure", action="append", metavar="KEY=MM", help="measured dimension, may be repeated")
    add("--voxel", type=float, metavar="MM", help="grid that closes the mesh (default: from the size)")
    add("--coacd-threshold", type=float, help="concavity that CoACD may leave (default: 0.05)")
    add("--coacd-timeout", type=float, metavar="S", help="longest time for CoACD (default: 120)")
    add("--points", type=int, help="surface points to store (default: 2048)")


def _add_batch(commands: argparse._SubParsersAction[Command]) -> None:
    command = commands.add_parser("batch", help="a folder of scans to assets, and one page of their passports")
    add = command.add_argument
    add("directory", type=Path, metavar="DIR", help="folder of scans, with or without batch.yaml (docs/ASSETS.md)")
    add("--output", type=Path, required=True, metavar="DIR", help="folder for the assets; what is there is kept")
    _add_settings(command)
    add("--jobs", type=int, help="scans at once (default: one for each core)")
    add("--timeout", type=float, default=1800.0, metavar="S", help="longest time for one scan (default: 1800)")
    add("--again", action="store_true", help="try scans again that did not pass")
    add("--no-drop", action="store_true", help="leave the drop tests out")
    command.set_defaults(run=_run_batch)


def _add_check(commands: argparse._SubParsersAction[Command]) -> None:
    command = commands.add_parser("check", help="the passport of an asset folder")
    command.add_argument("directory", type=Path, metavar="DIR", help="asset folder, also a hand-made one")
    command.add_argument("--insert", type=Path, metavar="PEG", help="also drop this asset into the folder's cavity")
    command.add_argument("--drops", type=int, default=10, help="drops of --insert (default: 10)")
    command.set_defaults(run=_run_check)


def _add_fuse(commands: argparse._SubParsersAction[Command]) -> None:
    command = commands.add_parser("fuse", help="RGB-D frames with poses to a mesh for 'asset'")
    add = command.add_argument
    add("frames", type=Path, metavar="FRAMES", help="folder of a recording (docs/RECONSTRUCTION.md)")
    add(
        "--format",
        default="auto",
        help="score, polycam, record3d, nerfstudio, tum, bop, scannet, princeton, sdf, 7scenes (default: auto)",
    )
    add("--refine", default="auto", help="poses are refined where frames contradict each other (auto), always or never")
    add("--output", type=Path, required=True, metavar="FILE.ply", help="mesh to write, metres")
    add("--voxel", type=float, default=1.0, metavar="MM", help="edge of a voxel (default: 1)")
    add("--truncation", type=float, metavar="MM", help="half width of the band (default: 4 voxels or 4 x the noise)")
    add("--roi", type=float, nargs=6, metavar="M", help="box to fuse, x0 x1 y0 y1 z0 z1 in metres (default: found)")
    add("--device", help="torch device, e.g. cpu or cuda:0 (default: a GPU if there is one)")
    command.set_defaults(run=_run_fuse)


def _add_scene(commands: argparse._SubParsersAction[Command]) -> None:
    command = commands.add_parser("scene", help="checks a scene of assets and takes its picture")
    add = command.add_argument
    add("scene", type=Path, metavar="YAML", help="scene file (docs/RECONSTRUCTION.md)")
    add("--picture", type=Path, metavar="FILE.png", help="picture to write (default: beside the scene file)")
    add("--robot", default="franka", choices=("franka", "none"), help="arm that must reach the objects")
    add("--seed", type=int, default=0, help="seed of the draws from the ranges (default: 0)")
    command.set_defaults(run=_run_scene)


def _add_export(commands: argparse._SubParsersAction[Command]) -> None:
    command = commands.add_parser("export", help="an asset as MJCF and URDF, checked in MuJoCo")
    command.add_argument("directory", type=Path, metavar="DIR", help="asset folder")
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to make")
    command.add_argument(
        "--no-drop", action="store_true", help="compare the rest with the scan's pose, not with the USD"
    )
    command.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    command.set_defaults(run=_run_export)


def _settings(arguments: argparse.Namespace) -> dict[str, object]:
    from score.reconstruction.options import OPTIONS

    given = {key: getattr(arguments, key) for key in OPTIONS}
    return {key: value for key, value in given.items() if value is not None}


def _run_batch(arguments: argparse.Namespace) -> int:
    from score.cli.progress import print_whole
    from score.reconstruction.batch.page import PAGE_FILE, batch_table
    from score.reconstruction.batch.plan import read_plan
    from score.reconstruction.batch.run import require_output, run_batch
    from score.utils.errors import UserError

    output = arguments.output
    require_output(output, arguments.directory)
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UserError(f"--jobs is {arguments.jobs}: give at least 1.")
    if not arguments.timeout > 0.0:
        raise UserError(f"--timeout is {arguments.timeout}: give a positive number of seconds.")
    items = read_plan(arguments.directory, _settings(arguments))
    print(f"Makes {len(items)} assets of {arguments.directory}; writes {output} and {output / PAGE_FILE}")
    try:
        results = run_batch(
            items,
            output,
            drop=not arguments.no_drop,
            jobs=arguments.jobs,
            timeout=arguments.timeout,
            again=arguments.again,
        )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"{output} keeps what was made; the same command goes on.") from interrupt
    print_whole(batch_table(output, results))
    passed = sum(result.status == "passed" for result in results)
    print(f"{passed} of {len(results)} passed: {output / PAGE_FILE}")
    return 0 if passed == len(results) else 1


def _run_asset(arguments: argparse.Namespace) -> int:
    from score.reconstruction.asset_folder import asset_files
    from score.reconstruction.build import build_asset
    from score.reconstruction.options import asset_cfg
    from score.utils.files import require_folder_place, require_writable

    cfg = asset_cfg(
        arguments.scan, arguments.name, arguments.output, _settings(arguments), overwrite=arguments.overwrite
    )
    require_folder_place(cfg.output, asset_files(cfg.name) if cfg.overwrite else ())
    require_writable(Path(os.path.abspath(cfg.output)).parent)
    passport = build_asset(cfg, drop=not arguments.no_drop)
    print(passport.summary())
    return 0 if passport.passed else 1


def _run_check(arguments: argparse.Namespace) -> int:
    from score.reconstruction.check.check import check_asset

    passport = check_asset(arguments.directory, insert=arguments.insert, drops=arguments.drops)
    print(passport.summary())
    return 0 if passport.passed else 1


def _run_fuse(arguments: argparse.Namespace) -> int:
    from score.cli.progress import console_progress
    from score.reconstruction.scan.fusion import FuseCfg, fuse, write_fused
    from score.reconstruction.scan.recordings.read import read_frames
    from score.utils.files import require_new_file

    require_new_file(arguments.output, ".ply")
    require_device(arguments.device)
    cfg = FuseCfg(
        voxel=arguments.voxel / 1000.0,
        truncation=arguments.truncation / 1000.0 if arguments.truncation is not None else None,
        roi=tuple(arguments.roi) if arguments.roi else None,
        device=arguments.device,
        refine=arguments.refine,
    )
    frames = read_frames(arguments.frames, arguments.format)
    print(f"Fuses {len(frames.frames)} frames of {arguments.frames} ({frames.kind}); writes {arguments.output}")
    try:
        with console_progress() as progress:
            fused = fuse(frames, cfg, lambda done, total: progress("frames", done, total))
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"{arguments.output} was not written; run the command again.") from interrupt
    write_fused(fused, arguments.output)
    print(fused.summary())
    print(f"Wrote {arguments.output}, metres: give it to 'reconstruct.py asset {arguments.output} --unit m ...'")
    return 0


def _run_scene(arguments: argparse.Namespace) -> int:
    from score.reconstruction.check.scene_checks import check_scene
    from score.reconstruction.check.scene_picture import write_scene_picture
    from score.reconstruction.scene import read_scene
    from score.utils.errors import UserError
    from score.utils.files import require_file_place, require_writable

    picture = arguments.picture or arguments.scene.with_suffix(".png")
    require_file_place(picture)
    if picture.suffix.lower() != ".png":
        raise UserError(f"--picture must name a .png file, got {picture}.")
    scene = read_scene(arguments.scene)
    require_writable(picture.resolve().parent)
    print(f"Checks {len(scene.objects)} objects of {arguments.scene}; writes {picture}")
    reachable = None
    if arguments.robot == "franka":
        from score_tasks.kit.reach import franka_reaches

        reachable = franka_reaches
    problems = check_scene(scene, reachable, arguments.seed)
    write_scene_picture(scene, picture)
    for problem in problems:
        print(f"  FAIL {problem.text}")
    print(f"{len(problems)} problems" if problems else "All checks passed: overlap, table, support, reach")
    return 1 if problems else 0


def _run_export(arguments: argparse.Namespace) -> int:
    from score.reconstruction.check.check import open_asset
    from score.reconstruction.others.export import export_asset

    asset = open_asset(arguments.directory)
    print(f"Writes {asset.record.name} as MJCF and URDF to {arguments.output}")
    passport = export_asset(asset, arguments.output, drop=not arguments.no_drop, overwrite=arguments.overwrite)
    print(passport.summary())
    return 0 if passport.passed else 1


def main() -> int:
    """Run the command."""
    arguments = make_parser().parse_args()
    require_counts(arguments)
    import warp

    # Its messages on kernels and devices would push the command's own off the screen.
    warp.config.log_level = warp.LOG_ERROR
    return int(arguments.run(arguments))


if __name__ == "__main__":
    raise SystemExit(run_command(main))
