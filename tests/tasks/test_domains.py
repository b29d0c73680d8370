# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The ``real`` stand-in stays out of everything that trains (DESIGN 3.4)."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REAL_MODULE = "real_env_cfg"
MAY_OPEN_REAL = {"tasks/score_tasks/insert/real_env_cfg.py", "tasks/score_tasks/insert/__init__.py"}


def _modules() -> list[Path]:
    return (
        sorted((ROOT / "exts").rglob("*.py"))
        + sorted((ROOT / "tasks").rglob("*.py"))
        + sorted((ROOT / "scripts").rglob("*.py"))
    )


def test_no_module_imports_the_real_settings() -> None:
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            assert not any(REAL_MODULE in name for name in names), f"{path} imports the real settings"


def test_only_the_registration_names_the_real_settings() -> None:
    naming = {str(path.relative_to(ROOT)) for path in _modules() if REAL_MODULE in path.read_text()}
    assert naming <= MAY_OPEN_REAL


def test_composing_the_training_task_loads_no_real_settings() -> None:
    code = (
        "import sys; from score.simulation import task_kwargs; from isaaclab_tasks.utils import resolve_task_config;"
        "task, _ = task_kwargs('SCORE-Insert-v0'); resolve_task_config(task, 'rsl_rl_cfg_entry_point', overrides=[]);"
        f"print([name for name in sys.modules if '{REAL_MODULE}' in name])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip().splitlines()[-1] == "[]"


def test_ranges_of_the_two_domains_do_not_overlap() -> None:
    from score_tasks.insert.env_cfg import InsertEnvCfg
    from score_tasks.insert.real_env_cfg import InsertRealEnvCfg

    sim, real = InsertEnvCfg(), InsertRealEnvCfg()
    pairs = [
        (
            cfg.events.peg_friction.params["static_friction_range"],
            cfg.events.peg_mass.params["mass_distribution_params"],
            cfg.events.arm_gains.params["stiffness_distribution_params"],
            cfg.events.arm_gains.params["damping_distribution_params"],
        )
        for cfg in (sim, real)
    ]
    for ours, theirs in zip(*pairs, strict=True):
        assert ours[1] < theirs[0] or theirs[1] < ours[0], f"{ours} overlaps {theirs}"
    assert type(sim.sim.physics.default) is not type(real.sim.physics.default)
    assert sim.actions.arm.delay_range == (0, 0)
    assert real.actions.arm.delay_range[0] > 0
