# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A copy of the launcher in a machine of fakes: nothing but the tools and the uv or Python that a test puts there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

TOOLS = (
    "bash",
    "cat",
    "env",
    "flock",
    "grep",
    "head",
    "mkdir",
    "mv",
    "rm",
    "sha256sum",
    "sleep",
    "tail",
    "touch",
    "cp",
    "chmod",
)
"""What the launcher and the fakes may take for granted on a Linux machine."""

PYTHON = """#!/usr/bin/env bash
# A Python of version VERSION: tells its version, else what it was asked to run.
if [[ $1 == -c && $2 == *"%d.%d"* ]]; then echo VERSION; exit; fi
if [[ $1 == -c ]]; then exit 1; fi
echo "ran $* in $PWD with OMP_NUM_THREADS=$OMP_NUM_THREADS GIT_PYTHON_REFRESH=$GIT_PYTHON_REFRESH"
if [[ -n ${PYTHONPYCACHEPREFIX:-} ]]; then
    echo "bytecode in $PYTHONPYCACHEPREFIX, ${PYTHONDONTWRITEBYTECODE:-not} forbidden"
fi
exit "${SCRIPT_EXITS_WITH:-0}"
"""

UV = """#!/usr/bin/env bash
echo "$*" >>"$UV_CALLS"
case "$1" in
    --version) echo "uv 0.0.0" ;;
    python) [[ -n ${INSTALLED_PYTHON:-} ]] && echo "$INSTALLED_PYTHON" ;;
    venv) target="${*: -1}"; mkdir -p "$target/bin" && cp "$INSTALLED_PYTHON" "$target/bin/python" ;;
    pip) eval "${UV_INSTALLS:-true}" ;;
esac
"""

BROKEN_UV = "#!/usr/bin/env bash\necho 'pyenv: uv: command not found' >&2\nexit 127\n"

PYTHON_WITH_PIP = """#!/usr/bin/env bash
if [[ $1 == -c && $2 == *'import sys, pip'* ]]; then exit 0; fi
if [[ $1 == -m && $2 == pip ]]; then
    echo "pip $*" >>"$UV_CALLS"
    while [[ $1 != --target ]]; do shift; done
    if [[ -z ${PIP_PROVIDES:-} ]]; then echo "ERROR: $PIP_SAYS" >&2; exit 1; fi
    mkdir -p "$2/bin" && cp "$PIP_PROVIDES" "$2/bin/uv"
fi
"""


def write_executable(path: Path, text: str) -> Path:
    """Write a script and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass
class Machine:
    """A machine as bare as a test wants it, with the project copied to ``root / "project"``."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        """Where the project lies."""
        return self.root / "project"

    @property
    def bin(self) -> Path:
        """The only folder on the PATH."""
        return self.root / "bin"

    @property
    def stamp(self) -> Path:
        """Made by the launcher when the environment is whole."""
        return self.project / ".venv" / ".score-stamp"

    @property
    def log(self) -> Path:
        """What the launcher's tools said."""
        return self.project / ".launcher" / "install.log"

    def calls(self) -> list[str]:
        """What uv and pip were asked to do, without the questions for uv's version."""
        file = self.root / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if line != "--version"]

    def add_python(self, version: str = "3.12") -> None:
        """Install a Python that uv finds."""
        python = write_executable(self.root / f"python{version}", PYTHON.replace("VERSION", version))
        self.env["INSTALLED_PYTHON"] = str(python)

    def add_uv(self, text: str = UV, folder: Path | None = None) -> Path:
        """Install a uv, on the PATH unless told otherwise."""
        return write_executable((folder or self.bin) / "uv", text)

    def add_modules(self, prefix: Path, *modules: str) -> None:
        """Make an environment with a real Python that has only these modules."""
        for module in modules:
            folder = prefix / "modules"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{module}.py").touch()
        # -S leaves out the site-packages of the test's own environment, where Isaac Lab is.
        command = f'PYTHONPATH="{prefix}/modules" exec "{sys.executable}" -S "$@"'
        write_executable(prefix / "bin" / "python", f"#!/usr/bin/env bash\n{command}\n")

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start the launcher in a session of its own, so that a test can send it Ctrl-C."""
        return subprocess.Popen(
            ["bash", str(self.project / "isaaclab.sh"), *arguments],
            cwd=self.root,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def launch(self, *arguments: str, **env: str) -> Result:
        """Run the launcher to its end."""
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)


@dataclass
class Result:
    """How a launch ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one error line, which must be the last."""
        lines = self.err.splitlines()
        errors = [line for line in lines if line.startswith("isaaclab.sh: error: ")]
        assert errors == lines[-1:], self.err
        return errors[0]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without uv and without Python."""
    machine = Machine(tmp_path)
    machine.project.mkdir()
    for name in ("isaaclab.sh", "pyproject.toml", "setup.py", "constraints.txt"):
        shutil.copy(REPOSITORY / name, machine.project)
    machine.bin.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"these tests need {tool}"
        (machine.bin / tool).symlink_to(found)
    machine.env = {
        "PATH": str(machine.bin),
        "HOME": str(tmp_path / "home"),
        "PYENV_ROOT": str(tmp_path / "pyenv"),
        "UV_CALLS": str(tmp_path / "calls"),
        "LC_ALL": os.environ.get("LC_ALL", "C"),
    }
    return machine


@pytest.fixture
def ready(machine: Machine) -> Machine:
    """A machine with uv and Python 3.12, and no environment yet."""
    machine.add_uv()
    machine.add_python()
    return machine
