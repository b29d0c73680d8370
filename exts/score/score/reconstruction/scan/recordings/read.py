# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads a recording in whatever layout it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from score.reconstruction.scan.frames import MIN_FRAMES, FrameSet
from score.reconstruction.scan.recordings import nerfstudio, own, phones, princeton, public, sdf
from score.utils.errors import UserError, near_names

__all__ = ["LAYOUTS", "read_frames"]

MOST_FRAMES = 300
"""More frames than this are thinned out evenly: neighbours of a video see the same."""
_FILES = {
    ".bag": "a RealSense recording, which has no poses: export RGB-D frames with poses from a SLAM program (RTAB-Map)",
    ".r3d": "a packed recording of Record3D: it is a zip; unpack it and give the folder",
    ".zip": "an archive: unpack it and give the folder",
    ".mp4": "a film without depth: record with depth, or make a mesh of it with a photogrammetry program",
}


@dataclass(frozen=True)
class _Layout:
    recognises: Callable[[Path], bool]
    read: Callable[[Path], FrameSet]


LAYOUTS = {
    "score": _Layout(own.recognises_own, own.read_own),
    "bop": _Layout(public.recognises_bop, public.read_bop),
    "polycam": _Layout(phones.recognises_polycam, phones.read_polycam),
    "record3d": _Layout(phones.recognises_record3d, phones.read_record3d),
    "nerfstudio": _Layout(nerfstudio.recognises_nerfstudio, nerfstudio.read_nerfstudio),
    "tum": _Layout(public.recognises_tum, public.read_tum),
    "scannet": _Layout(public.recognises_scannet, public.read_scannet),
    "princeton": _Layout(princeton.recognises_princeton, princeton.read_princeton),
    "sdf": _Layout(sdf.recognises_sdf, sdf.read_sdf),
    "7scenes": _Layout(public.recognises_seven_scenes, public.read_seven_scenes),
}
"""Name of a layout -> how it is told and read; the first that fits is taken."""


def read_frames(directory: Path, layout: str = "auto") -> FrameSet:
    """Read and check a recording; the pictures are not decoded yet.

    Args:
        directory: The folder, or one that holds only it.
        layout: A key of :data:`LAYOUTS`, or ``auto``.

    Returns:
        The frames, at most :data:`MOST_FRAMES`.

    Raises:
        UserError: The layout is not known, or a file is missing or unsound. The message names file, key and remedy.
    """
    directory = Path(directory)
    if layout != "auto" and layout not in LAYOUTS:
        near = near_names(layout, LAYOUTS) or f" Known are auto, {', '.join(LAYOUTS)}."
        raise UserError(f"--format {layout!r} is unknown.{near}")
    if directory.is_file():
        what = _FILES.get(directory.suffix.lower(), "a file: give the folder of a recording")
        raise UserError(f"{directory} is {what}.")
    folders = [directory, *_only_folder(directory)]
    for folder in folders:
        for name, kind in LAYOUTS.items():
            if layout in ("auto", name) and kind.recognises(folder):
                return _thinned(kind.read(folder))
    wanted = f"no recording in the layout '{layout}'" if layout != "auto" else "no recording whose layout is known"
    raise UserError(
        f"{directory} holds {wanted} (it has no {own.CAMERAS_FILE}, transforms.json, keyframes, metadata, depth.txt,"
        " scene_camera.json, cam.info.txt, pose.txt or pose files): give a folder of RGB-D frames with poses"
        " (docs/RECONSTRUCTION.md)."
    )


def _only_folder(directory: Path) -> list[Path]:
    folders = [path for path in directory.glob("*") if path.is_dir()] if directory.is_dir() else []
    return folders if len(folders) == 1 else []


def _thinned(frames: FrameSet) -> FrameSet:
    count = len(frames.frames)
    if count < MIN_FRAMES:
        raise UserError(
            f"{frames.directory} holds {count} frames with depth and pose: at least {MIN_FRAMES} are needed."
        )
    if count <= MOST_FRAMES:
        return frames
    kept = np.unique(np.linspace(0, count - 1, MOST_FRAMES).round().astype(int))
    note = f"took {len(kept)} of {count} frames, evenly"
    return replace(frames, frames=tuple(frames.frames[index] for index in kept), notes=(*frames.notes, note))
