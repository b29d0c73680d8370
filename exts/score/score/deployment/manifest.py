# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The manifest of a capsule: all that a person and a robot program must know of ``policy.pt``, with hashes.

Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from score.utils.errors import UserError
from score.utils.fields import brief

_LARGEST = 2**26
"""Longest manifest that is read [bytes]; it holds an evaluation's report."""

FORMAT = "score-capsule/1"
"""Name and version of the folder format. A reader refuses a version that it does not know."""

MANIFEST_FILE = "manifest.json"
POLICY_FILE = "policy.pt"
HASHED_FILES = (POLICY_FILE, "golden.safetensors")
"""Files that must be as they were exported. ``run_policy.py`` is not among them: its user fills it in."""

CAPSULE_FILES = (*HASHED_FILES, MANIFEST_FILE, "run_policy.py", "__pycache__")
"""All that the folder of a capsule holds."""

EXPORT_COMMAND = "./isaaclab.sh -p scripts/export.py --task TASK --checkpoint {checkpoint} --output DIR"

PARITY_TOLERANCE = 1e-5
"""Largest difference from the simulator's own actions, in action units."""

_SHARE = 0.2
"""Share of a period that a control step may take on one CPU core: 20 ms at 10 Hz."""

_MOST = 10**9
"""Largest whole number in a manifest."""
_MOST_WARM_UP = 10**5
"""Most calls before the first episode."""

_NUMBER = (int, float)
_OPTIONAL = type(None)
_SCHEMA: dict[str, Any] = {
    "task": str,
    "created": str,
    "control_rate_hz": _NUMBER,
    "inputs": list,
    "output": {
        "names": list,
        "units": str,
        "meaning": str,
        "low": list,
        "high": list,
        "max_offset": (*_NUMBER, list, _OPTIONAL),
        "offset_from": (str, _OPTIONAL),
    },
    "kept_inside": dict,
    "chunk": {"horizon": int, "executed": int, "late": int},
    "latent": {"rule": str, "basis": str, "code_size": int, "bound": _NUMBER, "scale": _NUMBER, "complement": str},
    "latency": {"budget_ms": _NUMBER, "decision_ms": _NUMBER, "warm_up_steps": int},
    "parity_tolerance": _NUMBER,
    "base_policy": dict,
    "training_run": dict,
    "evaluation": dict,
    "golden": dict,
    "versions": dict,
    "files": {name: {"sha256": str, "bytes": int} for name in HASHED_FILES},
}
_INPUT_SCHEMA = {"name": str, "shape": list, "dtype": str, "units": str, "frame": str, "names": list, "history": int}


def latency_budgets(rate: float, late: int) -> dict[str, float]:
    """Return what control steps may take on one CPU core: without a decision, and of a decision.

    Args:
        rate: Control steps a second [Hz].
        late: Control steps from a decision's observation to the first action of its chunk.

    Returns:
        ``budget_ms`` and ``decision_ms`` [ms]: a decision that is not late is part of a step; another has ``late``
        periods, less what its last step needs.
    """
    step = 1000.0 * _SHARE / rate
    return {"budget_ms": step, "decision_ms": 1000.0 * late / rate - step if late else step}


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of all that the manifest says, apart from the digest itself; spacing and order do not matter."""
    content = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    """Write a manifest with its format and digest.

    Raises:
        ValueError: It holds a number that JSON cannot (NaN, infinity) or lacks an entry.
    """
    whole = {"format": FORMAT, **manifest}
    problem = _misfit(whole, _SCHEMA, "") or _input_misfit(whole)
    if problem:
        raise ValueError(f"The manifest {problem}.")
    whole["manifest_sha256"] = manifest_digest(json.loads(json.dumps(whole, allow_nan=False)))
    path.write_text(json.dumps(whole, indent=2, allow_nan=False) + "\n")


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check a manifest.

    Raises:
        UserError: It is missing, no JSON, of another format, incomplete, or was edited.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is missing: this folder is not a capsule, or was not copied whole.")
    if path.stat().st_size > _LARGEST:
        raise UserError(f"{path} has {path.stat().st_size} bytes, far more than a manifest: export the capsule again.")
    try:
        manifest = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError
        reason = f"{path} is not JSON ({brief(error, 150)})"
        raise UserError(f"{reason}: it was edited or cut off; export the capsule again.") from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise UserError(_format_message(path, found))
    problem = _misfit(manifest, _SCHEMA, "") or _input_misfit(manifest)
    if problem:
        raise UserError(f"{path} {problem}: it was edited or cut off; export the capsule again.")
    problem = _loosened(manifest)
    if problem:
        raise UserError(f"{path} {problem}: it was edited, or not made by this project; export the capsule again.")
    if manifest.get("manifest_sha256") != manifest_digest(manifest):
        raise UserError(
            f"{path} was edited after the export: its content does not match its manifest_sha256. Limits, names and "
            "rates in it describe what is compiled into policy.pt and changing them changes nothing there; export "
            "again with the settings you want."
        )
    return manifest


def _loosened(manifest: Mapping[str, Any]) -> str:
    """Return what the manifest would allow itself, in words: a capsule may be held to less, never to more."""
    latency, chunk = manifest["latency"], manifest["chunk"]
    if not 0.0 < manifest["parity_tolerance"] <= PARITY_TOLERANCE:
        return f"states parity_tolerance {manifest['parity_tolerance']:g}, and at most {PARITY_TOLERANCE:g} is allowed"
    if latency["warm_up_steps"] > _MOST_WARM_UP:
        return f"states latency.warm_up_steps {latency['warm_up_steps']}, and at most {_MOST_WARM_UP} is allowed"
    if not 0.0 < manifest["control_rate_hz"] <= 1e6:
        return f"states control_rate_hz {manifest['control_rate_hz']:g}"
    if not 0 <= chunk["late"] < chunk["executed"] <= chunk["horizon"]:
        return f"executes {chunk['executed']} steps of a chunk of {chunk['horizon']}, {chunk['late']} late"
    for name, most in latency_budgets(manifest["control_rate_hz"], chunk["late"]).items():
        if not 0.0 < latency[name] <= most:
            return f"states latency.{name} {latency[name]:g}, and at most {most:g} is allowed"
    return ""


def _format_message(path: Path, found: object) -> str:
    name, _, version = str(found)[:40].partition("/")
    if name == "score-capsule" and version.isdecimal() and int(version) > int(FORMAT.split("/")[1]):
        return f"{path} has format {brief(found)}, newer than this program reads ('{FORMAT}'): update this project."
    return f"{path} has format {brief(found)}, not '{FORMAT}': this folder is not a capsule of this project."


def _misfit(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> str:
    """Return the first entry that is missing or of a wrong type, in words; empty if all is well."""
    for key, kind in schema.items():
        name = f"{where}{key}"
        if key not in value:
            return f"lacks the entry '{name}'"
        item = value[key]
        if isinstance(kind, dict):
            problem = _misfit(item, kind, f"{name}.") if isinstance(item, dict) else f"has no table at '{name}'"
            if problem:
                return problem
        elif not isinstance(item, kind) or isinstance(item, bool) or _out_of_range(item):
            return f"has a wrong value at '{name}': {brief(item)}"
    return ""


def _out_of_range(item: object) -> bool:
    if isinstance(item, int):
        return not 0 <= item <= _MOST
    return isinstance(item, float) and not math.isfinite(item)


def _input_misfit(manifest: Mapping[str, Any]) -> str:
    for index, item in enumerate(manifest["inputs"]):
        problem = _misfit(item, _INPUT_SCHEMA, f"inputs[{index}].") if isinstance(item, dict) else "has no input table"
        if problem:
            return problem
        if not item["shape"] or not all(_is_size(size) for size in item["shape"]):
            return f"has a wrong shape at 'inputs[{index}]': {brief(item['shape'])}"
    names, output = [item["name"] for item in manifest["inputs"]], manifest["output"]
    if (output["offset_from"] is None) != (output["max_offset"] is None):
        return "names only one of 'output.max_offset' and 'output.offset_from'"
    if output["offset_from"] not in (None, *names):
        return f"clamps to '{output['offset_from']}', which is not an input ({', '.join(names)})"
    if not len(output["names"]) == len(output["low"]) == len(output["high"]) > 0:
        return "has limits and names of different lengths at 'output'"
    if isinstance(offsets := output["max_offset"], list) and not (
        len(offsets) == len(output["names"]) and all(_is_limit(value) and value > 0.0 for value in offsets)
    ):
        return "has not one positive 'output.max_offset' for each of its names"
    if not all(_is_limit(value) for key in ("low", "high") for value in output[key]):
        return "has a limit at 'output' that is not a number"
    return ""


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST


def _is_limit(value: object) -> bool:
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and abs(value) <= 1e300
