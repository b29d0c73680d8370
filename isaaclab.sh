#!/usr/bin/env bash
# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
#
# Runs a script with the Python of an Isaac Lab environment, and makes that environment where there is none.
# Everything that this launcher says goes to stderr, so that stdout is the script's own.

set -euo pipefail

readonly UV_VERSION=0.13.9
readonly PYTHON_VERSION=3.12
readonly EXTRAS=isaaclab,ovphysx,viz,dev

here="${BASH_SOURCE[0]%/*}"
[[ $here != "${BASH_SOURCE[0]}" ]] || here=.
ROOT="$(cd "$here" && pwd -P)"
readonly ROOT
readonly VENV="$ROOT/.venv"
readonly STATE="$ROOT/.launcher"       # lock, log, and a uv of our own where the machine has none
readonly LOG="$STATE/install.log"
readonly STAMP="$VENV/.score-stamp"    # what the environment was made from; written only when all of it is there
readonly UNFINISHED="$VENV/.score-unfinished"

usage() {
    cat <<USAGE
usage: ./isaaclab.sh -p SCRIPT [ARGUMENT ...]   run a script with the environment's Python
       ./isaaclab.sh -p -m MODULE [ARGUMENT ...]  run a module, for example: -p -m pytest
       ./isaaclab.sh -i                           make or update the environment, and run nothing
       ./isaaclab.sh -h                           print this

The environment is, in this order:
  1. the active virtual or conda environment, if it holds Isaac Lab;
  2. the Isaac Lab at ISAACLAB_PATH, if that is set;
  3. .venv beside this file. It is made on the first launch: uv, Python $PYTHON_VERSION, and the packages pinned by
     pyproject.toml and constraints.txt (about 8 GB), and brought up to date whenever a pin changes.
Sets OMP_NUM_THREADS=1 and GIT_PYTHON_REFRESH=quiet for the script, unless they are set. Where PYTHONDONTWRITEBYTECODE
keeps bytecode from beside the sources, it goes to .launcher/bytecode: each start would compile 3,000 modules otherwise.
USAGE
}

say() { printf 'isaaclab.sh: %s\n' "$*" >&2; }

fail() {
    clear_progress
    say "error: $*"
    exit 1
}

show_progress() {
    [[ ! -t 2 ]] || printf '\r\033[K%.78s' "$1" >&2
}

clear_progress() {
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
}

# --- environments that others made ---------------------------------------------------------------------------------

# What a Python offers: "both" modules, "isaaclab" or "none"; "pip" or "uv" to install with; its own path.
readonly PROBE='import sys; from importlib.util import find_spec as f
print("none" if not f("isaaclab") else "both" if f("score") else "isaaclab", "pip" if f("pip") else "uv", sys.executable)'

# Sets MODULES, INSTALLER and EXECUTABLE to what PROBE says when run by the command in the arguments.
probe() {
    local answer
    # Only the last line counts: Isaac Lab's own launcher greets first.
    answer="$("$@" -c "$PROBE" 2>/dev/null </dev/null | tail -n 1)" || answer=
    [[ $answer == "both "* || $answer == "isaaclab "* ]] || answer="none"
    read -r MODULES INSTALLER EXECUTABLE <<<"$answer"
}

# Sets RUN to the command of the environment that was probed, or ends with the way to add this project to it.
use_foreign() {
    local name="$1" install
    shift
    if [[ $MODULES != both ]]; then
        printf -v install '%q -m pip install' "$EXECUTABLE"
        [[ $INSTALLER == pip ]] || printf -v install 'uv pip install --python %q' "$EXECUTABLE"
        # Without the extra isaaclab, which would look for a build of Isaac Lab where a checkout may be in use.
        fail "Isaac Lab of $name does not have this project: run" \
            "'$install -e $(printf '%q' "$ROOT")', which keeps its packages, or leave that environment to have one" \
            "made here, and start again."
    fi
    say "using Isaac Lab of $name"
    RUN=("$@")
}

# Sets RUN if a virtual or conda environment with Isaac Lab is active.
find_active() {
    local prefix
    for prefix in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
        [[ -n $prefix && -x $prefix/bin/python && ! $prefix -ef $VENV ]] || continue
        probe "$prefix/bin/python"
        [[ $MODULES != none ]] || continue
        use_foreign "the active environment $prefix" "$prefix/bin/python"
        return
    done
}

# Sets RUN if ISAACLAB_PATH names another Isaac Lab.
find_checkout() {
    local path="${ISAACLAB_PATH:-}"
    local -a command
    [[ -n $path && ! $path -ef $ROOT ]] || return 0
    if [[ -f $path/isaaclab.sh ]]; then
        command=("$path/isaaclab.sh" -p)
    elif [[ -f $path/_isaac_sim/python.sh ]]; then
        command=("$path/_isaac_sim/python.sh")
    elif [[ -x $path/.venv/bin/python ]]; then
        command=("$path/.venv/bin/python")
    else
        fail "ISAACLAB_PATH is $path, where neither isaaclab.sh nor _isaac_sim/python.sh nor .venv is:" \
            "correct it, or unset it to have an environment made here."
    fi
    probe "${command[@]}"
    [[ $MODULES != none ]] || fail "ISAACLAB_PATH is $path, and '${command[*]}' cannot find the module isaaclab:" \
        "finish that installation, or unset ISAACLAB_PATH to have an environment made here."
    use_foreign "ISAACLAB_PATH=$path" "${command[@]}"
}

# --- our own environment ---------------------------------------------------------------------------------------------

# What the environment is made from. The place counts, as an environment that was moved does not work.
fingerprint() {
    local sum
    sum="$({ printf '%s %s pip\n' "$ROOT" "$EXTRAS" && cat "$ROOT"/{pyproject.toml,setup.py,constraints.txt}; } | sha256sum)"
    printf '%s' "${sum%% *}"
}

is_current() {
    [[ -x $VENV/bin/python && -f $STAMP && ! -e $UNFINISHED && $(<"$STAMP") == "$1" ]]
}

# Runs a command with its output in the log and, on a terminal, its last line on the screen. Leaves the output in OUTPUT.
logged() {
    local line status
    OUTPUT=
    {
        printf '$ %s\n' "$*" >>"$LOG"
    } 2>/dev/null || true
    # lastpipe keeps the loop in this shell: OUTPUT must survive even where a full disk takes no log.
    shopt -s lastpipe
    "$@" 2>&1 </dev/null | while IFS= read -r line || [[ -n $line ]]; do
        OUTPUT+="$line"$'\n'
        { printf '%s\n' "$line" >>"$LOG"; } 2>/dev/null || true
        show_progress "$line"
    done && status=0 || status=$?
    clear_progress
    return "$status"
}

# Ends with the cause that OUTPUT tells, in one line.
fail_to() {
    local last
    case "$OUTPUT" in
        *"No space left"* | *"os error 28"* | *"Disk quota exceeded"* | *"os error 122"*)
            fail "cannot $1: the disk is full (the environment takes about 8 GB, and uv's cache as much again" \
                "when it is on another disk): free some space and start again. Log: $LOG" ;;
        *"Read-only file system"* | *"os error 30"* | *"Permission denied"* | *"os error 13"*)
            fail "cannot $1: no permission to write: check who owns $ROOT and uv's cache. Log: $LOG" ;;
        *"error sending request"* | *"dns error"* | *"Failed to fetch"* | *"ailed to download"* | *"ConnectionError"* | \
            *"NewConnectionError"* | *"Temporary failure in name resolution"* | *"onnection refused"* | *"timed out"* | \
            *"(from versions: none)"*)
            fail "cannot $1: the package index cannot be reached: check the network (or the settings of a mirror," \
                "UV_DEFAULT_INDEX) and start again. Log: $LOG" ;;
    esac
    last="$(grep -iE 'error|cause|because|failed' <<<"$OUTPUT" | head -n 1)" || true
    fail "cannot $1: ${last:-the command ended without a message}. Log: $LOG"
}

works() { "$@" >/dev/null 2>&1 </dev/null; }

# Sets UV to a uv that runs. A name on the PATH is not enough: pyenv's shim fails where .python-version selects a Python
# without uv.
find_uv() {
    local candidate
    for candidate in "$(command -v uv || true)" "$HOME"/.local/bin/uv "$HOME"/.cargo/bin/uv \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/uv "$STATE"/uv/bin/uv; do
        [[ -n $candidate ]] && works "$candidate" --version || continue
        UV="$candidate"
        return
    done
    fetch_uv
}

# Sets UV after pip has put it into the project's hidden folder: nothing of the user's Python is touched.
fetch_uv() {
    local candidate python=
    for candidate in python3 python "python$PYTHON_VERSION" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
        works "$candidate" -c 'import sys, pip; sys.exit(sys.version_info < (3, 8))' || continue
        python="$candidate"
        break
    done
    [[ -n $python ]] || fail "neither uv nor a Python >= 3.8 with pip was found: install one of them and start again."
    say "fetching uv $UV_VERSION into ${STATE#"$ROOT"/}"
    rm -rf -- "$STATE/uv.part"
    # A user's pip.conf may ask for --user, which does not go with --target.
    PIP_USER=0 logged "$python" -m pip install --disable-pip-version-check --no-deps --target "$STATE/uv.part" \
        "uv==$UV_VERSION" || fail_to "fetch uv $UV_VERSION with pip"
    rm -rf -- "$STATE/uv"
    mv -- "$STATE/uv.part" "$STATE/uv"
    UV="$STATE/uv/bin/uv"
    works "$UV" --version || fail "the uv that pip fetched does not run on this machine: install uv by another way."
}

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null; }

# Sets PYTHON to an installed Python of the right version.
find_python() {
    local candidate found
    found="$("$UV" python find --no-project --system "$PYTHON_VERSION" 2>/dev/null)" || found=
    for candidate in "$found" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$PYTHON_VERSION"*/bin/python; do
        [[ -n $candidate && $(version_of "$candidate") == "$PYTHON_VERSION" ]] || continue
        PYTHON="$candidate"
        return
    done
    fail "Python $PYTHON_VERSION is not installed, and no other version will do: install it, for example with" \
        "'$(printf '%q' "$UV") python install $PYTHON_VERSION', and start again."
}

# Makes .venv, or keeps one that works and only needs its packages brought up to date.
prepare_venv() {
    local version
    if [[ -e $UNFINISHED ]]; then
        say "the last installation was interrupted: making the environment anew"
        rm -rf -- "$VENV"
    elif version="$(version_of "$VENV/bin/python")"; then
        [[ $version == "$PYTHON_VERSION" ]] ||
            fail "$VENV holds Python $version, and $PYTHON_VERSION is needed: delete that folder and start again."
        return
    fi
    find_python
    rm -rf -- "$VENV"
    logged "$UV" venv --quiet --no-project --python "$PYTHON" "$VENV" || fail_to "make $VENV"
}

# With pip, by which a user adds packages: -p -m pip install wandb
install_packages() {
    local status=0
    { : >"$UNFINISHED"; } 2>/dev/null || OUTPUT="No space left" fail_to "write to $VENV"
    logged "$UV" pip install --python "$VENV/bin/python" --constraints constraints.txt --editable ".[$EXTRAS]" pip ||
        status=$?
    [[ $status -ne 0 ]] || return 0
    # uv fetches everything before it touches a package, so that most failures leave the environment as it was. A
    # signal (status above 128) or an error in the middle of the packages leaves it in pieces.
    if [[ $status -lt 128 && ! $OUTPUT =~ (Uninstalled\ |Failed\ to\ (un)?install) ]]; then
        rm -f -- "$UNFINISHED"
    fi
    fail_to "install the packages"
}

on_interrupt() {
    clear_progress
    say "interrupted: the environment is not complete; start again, and it is finished (nothing needs cleaning up)."
    exit 130
}

install_environment() {
    local wanted="$1" lock start="$PWD"
    # The Python of the machine or none: fetching one is for the user to decide.
    local -x UV_PYTHON_DOWNLOADS=never
    [[ $OSTYPE == linux* ]] || fail "the environment can only be made on Linux; this is $OSTYPE."
    mkdir -p "$STATE" 2>/dev/null && [[ -w $STATE ]] ||
        fail "cannot write to $ROOT: copy the project to a folder of yours, or change its permissions."
    trap on_interrupt INT TERM
    exec {lock}>"$STATE/lock"
    if command -v flock >/dev/null && ! flock --nonblock "$lock"; then
        say "waiting for another launch that is making the environment"
        flock "$lock"
    fi
    if ! is_current "$wanted"; then
        # pyenv's shims look at the .python-version of the current folder.
        cd "$ROOT"
        { : >"$LOG"; } 2>/dev/null || OUTPUT="No space left" fail_to "write the log"
        if [[ -f $STAMP && ! -e $UNFINISHED ]]; then
            say "a pin has changed: updating .venv"
        else
            say "making the environment .venv, once: about 8 GB, some minutes on a usual line. Log: ${LOG#"$ROOT"/}"
        fi
        find_uv
        prepare_venv
        install_packages
        { printf '%s\n' "$wanted" >"$STAMP"; } 2>/dev/null || OUTPUT="No space left" fail_to "write to $VENV"
        rm -f -- "$UNFINISHED"
        cd "$start"
        say "the environment is ready"
    fi
    exec {lock}>&- # the script may run for days
    trap - INT TERM
}

# Sets RUN to the Python of .venv, made or updated first where needed.
find_own() {
    local wanted
    wanted="$(fingerprint)"
    is_current "$wanted" || install_environment "$wanted"
    RUN=("$VENV/bin/python")
}

# --- the command line --------------------------------------------------------------------------------------------

main() {
    local mode="${1:-}"
    case "$mode" in
        -h | --help) usage; return ;;
        -p | --python | -i | --install) shift ;;
        "") usage >&2; fail "say what to do: -p, -i or -h." ;;
        *) usage >&2; fail "unknown option '$mode': use -p, -i or -h." ;;
    esac
    RUN=()
    find_active
    [[ ${#RUN[@]} -gt 0 ]] || find_checkout
    [[ ${#RUN[@]} -gt 0 ]] || find_own
    [[ $mode == -p || $mode == --python ]] || return 0
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"   # small networks are 100 times slower with more threads
    export GIT_PYTHON_REFRESH="${GIT_PYTHON_REFRESH:-quiet}" # rsl_rl asks for git only to note the commit
    if [[ -n ${PYTHONDONTWRITEBYTECODE:-} ]]; then # containers have it
        unset PYTHONDONTWRITEBYTECODE
        export PYTHONPYCACHEPREFIX="${PYTHONPYCACHEPREFIX:-$STATE/bytecode}"
    fi
    exec "${RUN[@]}" "$@"
}

main "$@"
