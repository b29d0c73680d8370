#!/usr/bin/env python3
# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Runs the policy of this folder on a robot. Needs Python and torch, nothing else.

python run_policy.py --replay golden     no robot: replays the recorded episode (or a log of --log) and compares
python run_policy.py --dry_run           on the robot, once read_robot() and stop_robot() are filled in: nothing is sent
python run_policy.py --steps 150 --log run.safetensors      on the robot, with send_to_robot() filled in too
"""

import argparse
import hashlib
import json
import math
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import torch

FAULTS, WINDOW = 3, 20  # a run ends at the third faulty control step of the last 20
SILENCE = 2.0  # periods without a control step after which the robot is stopped, whatever the loop is waiting for


def read_robot(manifest: dict) -> tuple[dict[str, torch.Tensor], float]:
    """FILL IN. The newest measurements, and the time.monotonic() at which the oldest of them was taken.

    Names, shapes, units and frames as in manifest["inputs"], float32.
    """
    raise NotImplementedError("Fill in read_robot() in run_policy.py.")


def send_to_robot(action: torch.Tensor, manifest: dict) -> None:
    """FILL IN. Send one target: numbers in the order, units and meaning of manifest["output"]."""
    raise NotImplementedError("Fill in send_to_robot() in run_policy.py.")


def stop_robot(manifest: dict) -> None:
    """FILL IN. Make the robot hold where it is.

    Called before the first step and at the end, whatever happens; maybe more than once, and from another thread.
    """
    raise NotImplementedError("Fill in stop_robot() in run_policy.py, or run: python run_policy.py --replay golden")


def load(folder: Path) -> tuple[torch.jit.ScriptModule, dict]:
    """Return the policy, compiled and reset, and its manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    if hashlib.sha256((folder / "policy.pt").read_bytes()).hexdigest() != manifest["files"]["policy.pt"]["sha256"]:
        raise SystemExit("error: policy.pt is not the file that the manifest describes: copy the capsule again.")
    torch.set_num_threads(1)  # small networks, one robot: more threads only add jitter
    policy = torch.jit.load(folder / "policy.pt", map_location="cpu")
    for _ in range(manifest["latency"]["warm_up_steps"]):  # the first calls compile; better now than while moving
        policy(policy.example_observations())
        if manifest["chunk"]["late"]:  # what Steps calls is compiled by itself
            if policy.observe(policy.example_observations()):
                policy.accept(policy.decide())
            policy.act()
    policy.reset()
    return policy, manifest


class Steps:
    """Calls the policy once per control step, and lets it decide beside the loop if decisions may come late."""

    def __init__(self, policy: torch.jit.ScriptModule, late: int, period: float, alive: threading.Event) -> None:
        """``late`` is manifest["chunk"]["late"]; ``alive`` is told while the robot stands, before its first action."""
        self.policy, self.late, self.period, self.alive = policy, late, period, alive
        self.pool = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) if late else None
        self.decision: Future | None = None
        self.began = 0
        self.standing = True  # until the first decision is there, in whatever step: an old observation is none

    def __call__(self, step: int, observations: dict[str, torch.Tensor]) -> tuple[torch.Tensor, str]:
        """Return the target of a control step, and what is wrong with it."""
        if self.pool is None:
            return self.policy(observations), ""
        if self.policy.observe(observations):
            self.decision, self.began = self.pool.submit(self.policy.decide), step
        for _ in range(self.late + 1 if self.standing else 0):
            self.alive.set()
            wait([self.decision] if self.decision else [], self.period)
            self.alive.set()
        if self.standing and (self.decision is None or not self.decision.done()):
            raise SystemExit(
                f"error: the first decision takes more than {self.late + 1} control steps, nothing was sent"
            )
        if self.decision is not None and self.decision.done():
            self.policy.accept(self.decision.result())
            self.decision, self.standing = None, False
        late = self.decision is not None and step - self.began >= self.late
        return self.policy.act(), "the decision is late, so the last chunk goes on" if late else ""


def seams(actions: torch.Tensor, decided: torch.Tensor, late: int) -> tuple[float, float]:
    """Largest change of a target (T, A) from a step to the next: from chunk to chunk, and inside of chunks."""
    changes = (actions[1:] - actions[:-1]).abs().amax(dim=1)
    between = torch.zeros(len(actions), dtype=torch.bool)
    begins = decided.nonzero().flatten()[1:] + late
    between[begins[begins < len(actions)]] = True
    largest = [float(part.max()) if len(part) else 0.0 for part in (changes[between[1:]], changes[~between[1:]])]
    return largest[0], largest[1]


class Log:
    """What went in and came out of the policy, for --replay and for verify.py."""

    def __init__(self, late: int = 0) -> None:
        """Nothing yet."""
        self.late = late
        self.steps: list[tuple[dict[str, torch.Tensor], torch.Tensor, bool, bool]] = []

    def add(self, observations: dict[str, torch.Tensor], action: torch.Tensor, decided: bool, sent: bool) -> None:
        """One call of the policy; the robot's program may use its tensors again."""
        kept = {name: value.detach().float().clone() for name, value in observations.items()}
        self.steps.append((kept, action.detach().clone(), decided, sent))

    def write(self, path: Path) -> None:
        """As golden.safetensors; an input whose length changes is one after the other, with the lengths beside it."""
        if not self.steps:
            return
        tensors = {}
        for name in self.steps[0][0]:
            values = [observations[name] for observations, _, _, _ in self.steps]
            same = len({value.shape for value in values}) == 1
            tensors["inputs." + name] = torch.stack(values) if same else torch.cat(values)
            if not same:
                tensors["lengths." + name] = torch.tensor([float(len(value)) for value in values])
        tensors["outputs.action"] = torch.stack([action for _, action, _, _ in self.steps])
        tensors["decision"] = torch.tensor([decided for _, _, decided, _ in self.steps], dtype=torch.uint8)
        tensors["sent"] = torch.tensor([sent for _, _, _, sent in self.steps], dtype=torch.uint8)
        between, inside = seams(tensors["outputs.action"], tensors["decision"], self.late)
        tensors["seams"] = torch.tensor([between, inside])
        print(f"targets change by at most {between:.4g} from chunk to chunk, {inside:.4g} inside of chunks")
        write_safetensors(path, tensors)


def run(
    policy: torch.jit.ScriptModule,
    manifest: dict,
    steps: int,
    *,
    dry: bool = False,
    log: Path | None = None,
    unfamiliar: float = math.inf,
) -> None:
    """Run the control loop: measure, decide, send, wait for the next tick. However it ends, the robot is told to stop.

    A control step is faulty if its observation is older than a period, if its target is further from the measured
    position than manifest["output"]["max_offset"], if it was decided on what is more than ``unfamiliar`` times as far
    from the training as the simulator's own (none of them is sent), if it takes longer than a period, or if a decision
    takes more than manifest["chunk"]["late"] of them. A dry run does all that, but sends nothing. The log is written
    once the robot has stopped.
    """
    period, late = 1.0 / manifest["control_rate_hz"], manifest["chunk"]["late"]
    alive, silent = threading.Event(), threading.Event()
    faulty: list[int] = []
    strangest = 0.0
    kept, act = Log(late), Steps(policy, late, period, alive)

    def watch() -> None:
        while alive.wait(SILENCE * period):
            alive.clear()
        silent.set()
        stop_robot(manifest)

    stop_robot(manifest)  # before anything moves: it has to work
    alive.set()
    threading.Thread(target=watch, daemon=True).start()
    try:
        policy.reset()
        tick = time.monotonic()
        for step in range(steps):
            observations, taken = read_robot(manifest)
            age, fault = time.monotonic() - taken, ""
            if age > period:
                fault = f"the observation is {1000.0 * age:.0f} ms old"
            else:
                stood = act.standing
                action, fault = act(step, observations)
                if late and stood:
                    tick = time.monotonic()  # the robot stood while its first actions were decided
                far, unlike = is_far(action, observations, manifest["output"]), policy.unfamiliarity()
                unsent, strangest = far or unlike > unfamiliar, max(strangest, unlike)
                if log is not None:
                    kept.add(observations, action, policy.decided(), not (unsent or dry or silent.is_set()))
                if unsent:
                    strange = f"what it sees is unlike its training, {unlike:.1f} times the limit"
                    fault = "the target is far from the measured position" if far else strange
                elif not dry and not silent.is_set():
                    send_to_robot(action, manifest)
            tick += period
            spare = tick - time.monotonic()
            if spare < 0.0:
                fault = fault or f"late by {-1000.0 * spare:.1f} ms"
                tick = time.monotonic()  # do not rush through missed ticks
            if fault:
                print(f"step {step}: {fault}", file=sys.stderr)
                faulty = [other for other in [*faulty, step] if step - other < WINDOW]
            if silent.is_set() or len(faulty) >= FAULTS:
                why = f"no step for {SILENCE:g} periods" if silent.is_set() else f"{FAULTS} faults in {WINDOW} steps"
                raise SystemExit(f"error: stopped at step {step}: {why}")
            alive.set()
            time.sleep(max(spare, 0.0))
    finally:
        try:
            stop_robot(manifest)
        finally:
            if strangest > 1.0:
                print(f"what it saw was up to {strangest:.1f} times as far from its training as 99 % in the simulator")
            if log is not None:
                kept.write(log)


def is_far(action: torch.Tensor, observations: dict[str, torch.Tensor], output: dict) -> bool:
    """Whether a target is not what it is clamped to: within max_offset of the measured position, and a number."""
    if not bool(torch.isfinite(action).all()):
        return True
    if output["offset_from"] is None:
        return False
    # A position beyond a limit is led back to it, however far.
    low, high = torch.tensor(output["low"]), torch.tensor(output["high"])
    measured = torch.minimum(torch.maximum(observations[output["offset_from"]].float(), low), high)
    return bool(((action - measured).abs() > torch.tensor(output["max_offset"]) + 1e-4).any())


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name: 8 bytes length, a JSON header with type, shape and byte range of each, then the bytes."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    types, tensors = {"F32": torch.float32, "U8": torch.uint8}, {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            low, high = entry["data_offsets"]
            raw = bytearray(data[start + low : start + high])
            tensors[name] = torch.frombuffer(raw, dtype=types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Tensors of float32 or uint8 as :func:`read_safetensors` reads them; the file is whole or absent."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        kind, raw = ("U8" if tensor.dtype is torch.uint8 else "F32"), tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    part = path.with_name(path.name + ".part")
    part.write_bytes(len(text).to_bytes(8, "little") + text + data)
    part.replace(path)


def inputs_of(tensors: dict[str, torch.Tensor]) -> dict[str, list[torch.Tensor]]:
    """Return the inputs of a recorded episode or a log, by name, one a step."""
    found = {}
    for name in [name.removeprefix("inputs.") for name in tensors if name.startswith("inputs.")]:
        lengths = tensors.get("lengths." + name)
        whole = tensors["inputs." + name]
        found[name] = list(whole if lengths is None else whole.split(lengths.int().tolist()))
    return found


def replay(policy: torch.jit.ScriptModule, manifest: dict, episode: Path, repeats: int = 3) -> dict:
    """Feed a recorded episode several times: worst difference, milliseconds of every step, and those of its core."""
    golden = read_safetensors(episode)
    inputs = inputs_of(golden)
    difference, milliseconds, busy, decided = [], [], [], []
    for _ in range(repeats):
        policy.reset()
        for step, wanted in enumerate(golden["outputs.action"]):
            observations = {name: values[step] for name, values in inputs.items()}
            start, core = time.perf_counter(), time.thread_time()
            action = policy(observations)
            milliseconds.append(1000.0 * (time.perf_counter() - start))
            busy.append(1000.0 * (time.thread_time() - core))
            difference.append((action - wanted).abs().max().item())
            decided.append(policy.decided())
    steps = len(golden["outputs.action"])
    same = decided == golden["decision"].bool().tolist() * repeats
    timing = {"milliseconds": milliseconds, "core_milliseconds": busy}
    return {"steps": steps, "difference": difference, "decisions": same, **timing}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--replay", metavar="golden|FILE", help="replay the recorded episode, or a log, without a robot"
    )
    parser.add_argument("--dry_run", action="store_true", help="read the robot and decide, and send nothing")
    parser.add_argument("--log", type=Path, metavar="FILE", help="keep what went in and came out")
    parser.add_argument(
        "--unfamiliar", type=float, default=math.inf, metavar="N", help="stop beyond N times the limit (default: never)"
    )
    parser.add_argument("--steps", type=int, default=150, help="control steps of an episode on the robot")
    args = parser.parse_args()
    folder = Path(__file__).resolve().parent
    policy, manifest = load(folder)
    for number in (signal.SIGINT, signal.SIGTERM):  # exiting raises in the loop, which then stops the robot
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    if not args.replay:
        try:
            return run(policy, manifest, args.steps, dry=args.dry_run, log=args.log, unfamiliar=args.unfamiliar)
        except NotImplementedError as error:
            raise SystemExit(f"error: {error}") from None
    result = replay(policy, manifest, folder / "golden.safetensors" if args.replay == "golden" else Path(args.replay))
    good = max(result["difference"]) <= manifest["parity_tolerance"] and result["decisions"]
    print(f"{result['steps']} control steps: largest difference {max(result['difference']):.2e},")
    print(f"slowest step {max(result['milliseconds']):.2f} ms: {'same as the simulator' if good else 'NOT THE SAME'}")
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
