# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The launcher isaaclab.sh, with a fake uv and fake Pythons."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from .conftest import BROKEN_UV, PYTHON_WITH_PIP, UV, Machine, write_executable

INSTALL = (
    "pip install --python {venv}/bin/python --constraints constraints.txt --editable .[isaaclab,ovphysx,viz,dev] pip"
)


def install_call(machine: Machine) -> str:
    return INSTALL.format(venv=machine.project / ".venv")


# --- the environment is made, once ---


def test_first_launch_makes_the_environment_and_runs_the_script(ready: Machine) -> None:
    result = ready.launch("-p", "scripts/train.py", "--task", "A task", "*")
    assert result.code == 0, result.err
    # The script runs where the user stands, and sees the arguments as they were typed.
    assert result.out == (
        f"ran scripts/train.py --task A task * in {ready.root} with OMP_NUM_THREADS=1 GIT_PYTHON_REFRESH=quiet\n"
    )
    assert "making the environment .venv, once" in result.err
    assert ready.calls() == [
        "python find --no-project --system 3.12",
        f"venv --quiet --no-project --python {ready.env['INSTALLED_PYTHON']} {ready.project}/.venv",
        install_call(ready),
    ]
    assert ready.stamp.exists()


def test_second_launch_only_runs_the_script(ready: Machine) -> None:
    ready.launch("-i")
    before = ready.calls()
    result = ready.launch("-p", "-m", "pytest")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("ran -m pytest in ")
    assert ready.calls() == before


def test_warm_launch_is_fast(ready: Machine) -> None:
    ready.launch("-i")
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        ready.launch("-p", "x.py")
        seconds.append(time.perf_counter() - began)
    # The launcher takes 10 to 30 ms of it; the bound leaves room for the fake Python and for a busy machine.
    assert min(seconds) < 0.2


def test_install_runs_nothing(ready: Machine) -> None:
    result = ready.launch("--install")
    assert (result.code, result.out) == (0, "")
    assert "the environment is ready" in result.err


def test_environment_variables_of_the_user_are_kept(ready: Machine) -> None:
    result = ready.launch("-p", "x.py", OMP_NUM_THREADS="4", GIT_PYTHON_REFRESH="warn")
    assert "OMP_NUM_THREADS=4 GIT_PYTHON_REFRESH=warn" in result.out


def test_bytecode_is_kept_where_it_may_not_lie_beside_the_sources(ready: Machine) -> None:
    result = ready.launch("-p", "x.py", PYTHONDONTWRITEBYTECODE="1")
    assert result.out.splitlines()[1:] == [f"bytecode in {ready.project}/.launcher/bytecode, not forbidden"]
    own = ready.launch("-p", "x.py", PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX="/mine")
    assert own.out.splitlines()[1:] == ["bytecode in /mine, not forbidden"]
    assert len(ready.launch("-p", "x.py").out.splitlines()) == 1


def test_exit_code_is_that_of_the_script(ready: Machine) -> None:
    assert ready.launch("-p", "x.py", SCRIPT_EXITS_WITH="7").code == 7


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "constraints.txt"])
def test_changed_pin_updates_the_environment(ready: Machine, name: str) -> None:
    ready.launch("-i")
    with (ready.project / name).open("a") as file:
        file.write("# changed\n")
    before = len(ready.calls())
    result = ready.launch("-p", "x.py")
    assert "a pin has changed: updating .venv" in result.err
    assert ready.calls()[before:] == [install_call(ready)]
    assert ready.launch("-p", "x.py").err == ""


def test_moved_project_brings_its_environment_up_to_date(ready: Machine) -> None:
    ready.launch("-i")
    moved = ready.project.rename(ready.root / "moved")
    ready.project.symlink_to(moved)
    before = len(ready.calls())
    assert ready.launch("-p", "x.py").code == 0
    # The editable installation still points at the old place.
    assert ready.calls()[before:] == [INSTALL.format(venv=moved / ".venv")]


def test_two_launches_at_once_install_once(ready: Machine) -> None:
    slow = "sleep 0.5"
    first, second = (ready.start("-p", "x.py", UV_INSTALLS=slow) for _ in range(2))
    errors = [process.communicate(timeout=60)[1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert sum("waiting for another launch" in error for error in errors) == 1
    assert ready.calls().count(install_call(ready)) == 1


# --- what a machine may lack ---


def test_no_python_312_says_how_to_get_it(machine: Machine) -> None:
    uv = machine.add_uv()
    result = machine.launch("-p", "x.py")
    assert result.code == 1
    assert "Python 3.12 is not installed, and no other version will do" in result.error
    assert f"'{uv} python install 3.12'" in result.error
    assert not machine.stamp.exists()
    assert "venv" not in " ".join(machine.calls())


def test_uv_may_not_fetch_a_python(ready: Machine) -> None:
    ready.add_uv(UV.replace('echo "$*"', 'echo "$UV_PYTHON_DOWNLOADS $*"'))
    result = ready.launch("-p", "x.py")
    assert result.code == 0
    assert [call for call in ready.calls() if not call.startswith("never ")] == []


def test_other_python_found_by_uv_is_refused(machine: Machine) -> None:
    machine.add_uv()
    machine.add_python("3.11")
    assert "Python 3.12 is not installed" in machine.launch("-p", "x.py").error


def test_python_of_pyenv_is_found_where_uv_does_not_look(machine: Machine) -> None:
    machine.add_uv()
    machine.add_python()
    pyenv = Path(machine.env["PYENV_ROOT"]) / "versions" / "3.12.1" / "bin" / "python"
    pyenv.parent.mkdir(parents=True)
    pyenv.symlink_to(machine.env["INSTALLED_PYTHON"])
    blind = UV.replace('[[ -n ${INSTALLED_PYTHON:-} ]] && echo "$INSTALLED_PYTHON"', "exit 2")
    machine.add_uv(blind)
    assert machine.launch("-p", "x.py").code == 0
    assert any(f"--python {pyenv} " in call for call in machine.calls())


def test_broken_shim_of_uv_is_passed_over(machine: Machine) -> None:
    machine.add_python()
    machine.add_uv(BROKEN_UV)
    machine.add_uv(folder=Path(machine.env["PYENV_ROOT"]) / "versions" / "3.11.7" / "bin")
    assert machine.launch("-p", "x.py").code == 0
    assert install_call(machine) in machine.calls()


def test_missing_uv_is_fetched_with_pip(machine: Machine) -> None:
    machine.add_python()
    write_executable(machine.bin / "python3", PYTHON_WITH_PIP)
    provided = machine.add_uv(folder=machine.root / "wheel")
    result = machine.launch("-p", "x.py", PIP_PROVIDES=str(provided))
    assert result.code == 0, result.err
    assert re.search(r"fetching uv [\d.]+ into .launcher", result.err)
    assert re.fullmatch(
        r"pip -m pip install --disable-pip-version-check --no-deps --target \S+/.launcher/uv.part uv==\d+\.\d+\.\d+",
        machine.calls()[0],
    )
    assert (machine.project / ".launcher" / "uv" / "bin" / "uv").exists()
    # It is kept: a later update fetches nothing.
    (machine.project / "setup.py").write_text("# changed")
    before = len(machine.calls())
    assert machine.launch("-p", "x.py").code == 0
    assert machine.calls()[before:] == [install_call(machine)]


@pytest.mark.parametrize(
    "said", ["NewConnectionError: Temporary failure", "No version that satisfies uv==1 (from versions: none)"]
)
def test_missing_uv_without_network(machine: Machine, said: str) -> None:
    write_executable(machine.bin / "python3", PYTHON_WITH_PIP)
    result = machine.launch("-p", "x.py", PIP_SAYS=said)
    assert result.code == 1
    assert "cannot fetch uv" in result.error
    assert "the package index cannot be reached: check the network" in result.error


def test_neither_uv_nor_pip(machine: Machine) -> None:
    result = machine.launch("-p", "x.py")
    assert result.code == 1
    assert "neither uv nor a Python >= 3.8 with pip was found" in result.error


def test_environment_of_another_python_is_not_deleted(ready: Machine) -> None:
    write_executable(ready.project / ".venv" / "bin" / "python", "#!/usr/bin/env bash\necho 3.11\n")
    result = ready.launch("-p", "x.py")
    assert result.code == 1
    assert "holds Python 3.11, and 3.12 is needed: delete that folder and start again" in result.error
    assert (ready.project / ".venv" / "bin" / "python").exists()


def test_environment_whose_python_is_gone_is_made_anew(ready: Machine) -> None:
    ready.launch("-i")
    (ready.project / ".venv" / "bin" / "python").unlink()
    (ready.project / ".venv" / "bin" / "python").symlink_to("/nowhere/python")
    result = ready.launch("-p", "x.py")
    assert result.code == 0, result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_project(ready: Machine) -> None:
    ready.project.chmod(0o500)
    try:
        result = ready.launch("-p", "x.py")
    finally:
        ready.project.chmod(0o700)
    assert "cannot write to" in result.error


# --- an installation that fails ---


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("error: Failed to fetch: x\n  cause: dns error", "the package index cannot be reached: check the network"),
        ("error: failed to copy\n  cause: No space left on device (os error 28)", "the disk is full"),
        ("error: failed to create file: Permission denied (os error 13)", "no permission to write"),
        ("  x No solution found\n  error: torch==9 is not to be had", "error: torch==9 is not to be had"),
        ("", "the command ended without a message"),
    ],
)
def test_failed_installation_ends_in_one_line(ready: Machine, said: str, expected: str) -> None:
    result = ready.launch("-p", "x.py", UV_INSTALLS=f"printf '%s\\n' {shlex.quote(said)} >&2; exit 1")
    assert (result.code, result.out) == (1, "")
    assert "cannot install the packages: " in result.error
    assert expected in result.error
    assert f"Log: {ready.log}" in result.error
    assert said in ready.log.read_text()
    assert not ready.stamp.exists()


def test_failed_installation_is_repeated(ready: Machine) -> None:
    ready.launch("-p", "x.py", UV_INSTALLS="exit 1")
    result = ready.launch("-p", "x.py")
    assert result.code == 0, result.err
    assert ready.calls().count(install_call(ready)) == 2


def test_update_without_network_leaves_the_old_environment_as_it_was(ready: Machine) -> None:
    ready.launch("-i")
    pins = (ready.project / "constraints.txt").read_text()
    (ready.project / "constraints.txt").write_text(pins + "# changed\n")
    assert ready.launch("-p", "x.py", UV_INSTALLS="echo 'dns error'; exit 2").code == 1
    (ready.project / "constraints.txt").write_text(pins)
    assert ready.launch("-p", "x.py").err == ""


@pytest.mark.parametrize("end", ["echo 'error: Failed to install: numpy'; exit 2", "kill -KILL $$"])
def test_environment_left_in_pieces_is_made_anew(ready: Machine, end: str) -> None:
    pieces = ready.project / ".venv" / "pieces"
    assert ready.launch("-p", "x.py", UV_INSTALLS=f"touch {pieces}; {end}").code == 1
    assert pieces.exists()
    result = ready.launch("-p", "x.py")
    assert result.code == 0, result.err
    assert "the last installation was interrupted: making the environment anew" in result.err
    assert not pieces.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_installation(ready: Machine, number: signal.Signals) -> None:
    begun = ready.root / "begun"
    process = ready.start("-p", "x.py", UV_INSTALLS=f": >{begun}; exec sleep 30")
    deadline = time.monotonic() + 30
    while not begun.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1].startswith("isaaclab.sh: interrupted: the environment is not complete; start again")
    assert not ready.stamp.exists()
    result = ready.launch("-p", "x.py")
    assert result.code == 0, result.err
    assert "making the environment anew" in result.err


# --- environments that others made ---


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_active_environment_with_isaac_lab_is_used(machine: Machine, variable: str) -> None:
    prefix = machine.root / "active"
    machine.add_modules(prefix, "isaaclab", "score")
    result = machine.launch(
        "-p", "-c", "import os; print('ran', os.environ['OMP_NUM_THREADS'])", **{variable: str(prefix)}
    )
    assert (result.code, result.out) == (0, "ran 1\n")
    assert result.err == f"isaaclab.sh: using Isaac Lab of the active environment {prefix}\n"
    assert machine.calls() == []
    assert not (machine.project / ".venv").exists()


def test_active_environment_without_this_project_gets_the_command(machine: Machine) -> None:
    prefix = machine.root / "active"
    machine.add_modules(prefix, "isaaclab", "pip")
    result = machine.launch("-p", "x.py", VIRTUAL_ENV=str(prefix))
    assert result.code == 1
    assert "does not have this project" in result.error
    # The fake execs the real Python, whose path it reports.
    assert f"'{sys.executable} -m pip install -e {machine.project}', which keeps its packages" in result.error


def test_active_environment_without_pip_gets_the_command_of_uv(machine: Machine) -> None:
    prefix = machine.root / "active"
    machine.add_modules(prefix, "isaaclab")
    error = machine.launch("-p", "x.py", VIRTUAL_ENV=str(prefix)).error
    assert f"'uv pip install --python {sys.executable} -e {machine.project}', which keeps" in error


def test_active_environment_without_isaac_lab_is_passed_over(ready: Machine) -> None:
    prefix = ready.root / "active"
    ready.add_modules(prefix, "numpy")
    result = ready.launch("-p", "x.py", CONDA_PREFIX=str(prefix))
    assert result.code == 0
    assert install_call(ready) in ready.calls()


def test_own_environment_is_kept_current_when_active(ready: Machine) -> None:
    ready.launch("-i")
    result = ready.launch("-p", "x.py", VIRTUAL_ENV=str(ready.project / ".venv"))
    assert (result.code, result.err) == (0, "")


def test_isaaclab_path_with_a_launcher_is_used(machine: Machine) -> None:
    checkout = machine.root / "Isaac Lab"
    machine.add_modules(checkout / "env", "isaaclab", "score")
    write_executable(
        checkout / "isaaclab.sh",
        "#!/usr/bin/env bash\n[[ $1 == -p ]] || exit 9\nshift\necho '[INFO] hello'\n"
        f'exec "{checkout}/env/bin/python" "$@"\n',
    )
    result = machine.launch("-p", "-c", "print('ran')", ISAACLAB_PATH=str(checkout))
    assert (result.code, result.out) == (0, "[INFO] hello\nran\n")
    assert result.err == f"isaaclab.sh: using Isaac Lab of ISAACLAB_PATH={checkout}\n"


@pytest.mark.parametrize("python", [".venv/bin/python", "_isaac_sim/python.sh"])
def test_isaaclab_path_with_a_python_is_used(machine: Machine, python: str) -> None:
    checkout = machine.root / "IsaacLab"
    machine.add_modules(checkout / "env", "isaaclab", "score")
    write_executable(checkout / python, f'#!/usr/bin/env bash\nexec "{checkout}/env/bin/python" "$@"\n')
    result = machine.launch("-p", "-c", "print('ran')", ISAACLAB_PATH=str(checkout))
    assert (result.code, result.out) == (0, "ran\n")


def test_isaaclab_path_without_isaac_lab(machine: Machine) -> None:
    error = machine.launch("-p", "x.py", ISAACLAB_PATH=str(machine.root / "gone")).error
    assert "neither isaaclab.sh nor _isaac_sim/python.sh nor .venv is: correct it, or unset it" in error


def test_isaaclab_path_that_is_not_installed(machine: Machine) -> None:
    checkout = machine.root / "IsaacLab"
    write_executable(checkout / "isaaclab.sh", "#!/usr/bin/env bash\nexit 1\n")
    error = machine.launch("-p", "x.py", ISAACLAB_PATH=str(checkout)).error
    assert "cannot find the module isaaclab: finish that installation, or unset ISAACLAB_PATH" in error


def test_isaaclab_path_that_is_this_project_does_not_call_itself(ready: Machine) -> None:
    result = ready.launch("-p", "x.py", ISAACLAB_PATH=str(ready.project))
    assert result.code == 0
    assert result.out.startswith("ran x.py")


# --- the command line ---


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(machine: Machine, option: str) -> None:
    result = machine.launch(option)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("usage: ./isaaclab.sh -p SCRIPT")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], "say what to do: -p, -i or -h"), (["--train"], "unknown option '--train': use -p, -i or -h")],
)
def test_wrong_option(machine: Machine, arguments: list[str], expected: str) -> None:
    result = machine.launch(*arguments)
    assert result.code == 1
    lines = result.err.splitlines()
    assert lines[0].startswith("usage: ")
    assert expected in lines[-1]
