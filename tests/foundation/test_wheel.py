# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A built wheel: it has the files of the packages, asks for ranges, and its commands run without the checkout."""

from __future__ import annotations

import configparser
import email
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = {"exts/score/score": "score", "tasks/score_tasks": "score_tasks", "assets/score_assets": "score_assets"}
SCRIPTS = sorted(path.stem for path in (REPOSITORY / "scripts").glob("[a-z]*.py") if path.stem != "author_assets")
"""All but the one that writes into the checkout."""

PROGRAM = """
import contextlib, io, json, sys
import score_assets, score_scripts
found = {"assets": str(score_assets.base_policy_dir("insert")), "scripts": score_scripts.__file__, "help": {}}
for name in sys.argv[1:]:
    sys.argv = [f"/somewhere/bin/score-{name}", "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        score_scripts.run()
    found["help"][name] = said.getvalue().split("\\n")[0]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip would install; the build leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    spec = importlib.util.find_spec("setuptools")
    if spec is None or spec.origin is None:
        pytest.skip("setuptools is not installed")
    # Setuptools alone, as in a build of its own environment: it needs a newer packaging than Isaac Lab has.
    for item in Path(spec.origin).parents[1].glob("*setuptools*"):
        (folder / "tools").mkdir(exist_ok=True)
        (folder / "tools" / item.name).symlink_to(item)
    hack = Path(spec.origin).parents[1] / "_distutils_hack"
    (folder / "tools" / hack.name).symlink_to(hack)
    command: list[str | Path]
    command = [sys.executable, "-S", "setup.py", "-q", "egg_info", "--egg-base", folder, "build", "--build-base"]
    command += [folder / "build", "bdist_wheel", "--bdist-dir", folder / "dist", "-d", folder]
    environment = {**os.environ, "PYTHONPATH": str(folder / "tools")}
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_all_files_of_the_packages_are_there(site: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *FOLDERS], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    files = [name for name in listed.stdout.splitlines() if not name.endswith(".png")]  # pictures of passports
    assert len(files) > 200
    missing = [
        name
        for name in files
        for root, package in FOLDERS.items()
        if name.startswith(f"{root}/") and not (site / package / name.removeprefix(f"{root}/")).is_file()
    ]
    assert missing == []


def test_it_moves_no_package_that_is_pinned_elsewhere(site: Path) -> None:
    (metadata,) = site.glob("*.dist-info/METADATA")
    needed = [
        Requirement(text) for text in email.message_from_string(metadata.read_text()).get_all("Requires-Dist", [])
    ]
    assert len(needed) > 30
    assert [str(item) for item in needed if "==" in str(item.specifier)] == []


def test_every_script_is_a_command_that_runs_without_the_checkout(site: Path, tmp_path: Path) -> None:
    (file,) = site.glob("*.dist-info/entry_points.txt")
    points = configparser.ConfigParser()
    points.read(file)
    assert dict(points["console_scripts"]) == {f"score-{name}": "score_scripts:run" for name in SCRIPTS}
    assert dict(points["isaaclab.tasks"]) == {"score_tasks": "score_tasks"}
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *SCRIPTS],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert Path(found["assets"]) == site / "score_assets" / "base_policies" / "insert"
    assert Path(found["scripts"]) == site / "score_scripts" / "__init__.py"
    assert found["help"] == {name: found["help"][name] for name in SCRIPTS}
    assert all(found["help"][name].startswith(f"usage: score-{name} ") for name in SCRIPTS)
