# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Runs CoACD on a closed mesh in a process of its own: it can take minutes, and crash.

python -m score.reconstruction.shape.coacd_worker mesh.npz pieces.npz '{"threshold": 0.05}'
"""

from __future__ import annotations

import json
import sys

import coacd
import numpy as np


def main() -> None:
    """Read ``vertices`` and ``faces``, write ``count`` and the vertices of each piece as ``part<i>``."""
    source, target, text = sys.argv[1:4]
    settings = json.loads(text)
    with np.load(source, allow_pickle=False) as data:
        mesh = coacd.Mesh(data["vertices"], data["faces"])
    coacd.set_log_level("error")
    # The input is a manifold: remeshing it would inflate it by up to millimetres. Corners are taken away afterwards, by
    # a rule that keeps those that the object stands on.
    parts = coacd.run_coacd(mesh, preprocess_mode="off", decimate=False, seed=0, **settings)
    arrays = {f"part{index}": np.asarray(vertices) for index, (vertices, _) in enumerate(parts)}
    arrays["count"] = np.array(len(parts))
    np.savez(target, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
