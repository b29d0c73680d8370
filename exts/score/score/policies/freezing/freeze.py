#!/usr/bin/env python3
# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Freeze a policy to TorchScript: a base policy that needs neither its own code nor the packages it was trained with.

This one file needs Python and torch, nothing else. Copy it to where your policy runs, beside LeRobot or your code:

    python freeze.py outputs/.../pretrained_model --output frozen
    python freeze.py my_policy.py:make --output frozen

A folder is a LeRobot checkpoint of type 'diffusion', on vectors or cameras, and frozen through LeRobot's own code.
Anything else is a function that takes nothing and returns a torch.nn.Module with

    inputs = {"joint_pos": ((7,), 4), "point_cloud": ((512, 3), 1)}    what it reads: shape of a frame, and frames
    latent = (8, 7)                                                    rows and columns of its N(0, I) noise
    encode(dict[str, Tensor]) -> (B, C)    of windows (B, frames, *shape), oldest frame first, or (B, *shape) of one
    decode((B, C), (B, rows, columns)) -> (B, H, A)    noise to H actions of A numbers each, the next action first

Normalisation and sampler are inside, and all numbers that do not change are parameters or buffers. Names, units and the
rate are said in interface.yaml in the folder that is written; policy.py check DIR --task TASK tells what is missing.
Exit code 0: written; 2: refused for a reason that is said in a line, and nothing is written.
"""

# No `from __future__ import annotations`: TorchScript reads the annotations.
import argparse
import contextlib
import hashlib
import importlib.util
import io
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, Optional

import torch
from torch import Tensor, nn

BATCHES = (1, 2, 7)
TOLERANCE = 1e-5
"""Largest difference of actions that must agree, relative to the largest: kernels round by the size of the batch."""


def refuse(message: str) -> NoReturn:
    """End with a line and exit code 2."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


class Seam(nn.Module):
    """The two methods of a policy and nothing else of it.

    Neither is marked for export: that would have them compiled in a trace too. Compiled they are because of forward.
    """

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.module: Any = policy

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """See the top of this file."""
        return self.module.encode(observations)

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See the top of this file."""
        return self.module.decode(condition, latent)

    def forward(self, observations: dict[str, Tensor], latent: Tensor) -> Tensor:
        """Both."""
        return self.decode(self.encode(observations), latent)


class LerobotPolicy(nn.Module):
    """LeRobot's diffusion policy and its two processors, cut where the noise goes in."""

    def __init__(self, folder: Path, steps: int) -> None:
        """Read a checkpoint; ``steps`` of DDIM, 0 for the checkpoint's own."""
        super().__init__()
        from lerobot.configs import PreTrainedConfig
        from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy, _make_noise_scheduler
        from lerobot.policies.factory import make_pre_post_processors

        config: Any = PreTrainedConfig.from_pretrained(str(folder))
        config.device, self.cameras = "cpu", list(config.image_features)
        config.pretrained_backbone_weights = None  # or they are downloaded, and then replaced by the checkpoint's
        policy = DiffusionPolicy.from_pretrained(str(folder), config=config, strict=True)
        if config.noise_scheduler_type != "DDIM":
            if not steps:
                refuse(
                    f"{folder} samples with {config.noise_scheduler_type}, which draws noise at every step, so"
                    " the latent does not decide the actions: --inference_steps 16 runs the same weights with DDIM."
                )
            names = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "clip_sample")
            settings = {name: getattr(config, name) for name in (*names, "clip_sample_range", "prediction_type")}
            policy.diffusion.noise_scheduler = _make_noise_scheduler("DDIM", **settings)
        policy.diffusion.num_inference_steps = steps or policy.diffusion.num_inference_steps
        for module in policy.modules():
            if getattr(module, "do_crop", False):
                size = config.resize_shape or config.image_features[self.cameras[0]].shape[1:]
                sides = []
                for axis in (1, 0):  # a trace does not follow torchvision's crop, which rounds a tensor
                    spare = size[axis] - config.crop_shape[axis]
                    sides += [-round(spare / 2.0), round(spare / 2.0) - spare]
                module.center_crop = nn.ConstantPad2d((sides[0], sides[1], sides[2], sides[3]), 0.0)
        device = {"device_processor": {"device": "cpu"}}
        self.before, self.after = make_pre_post_processors(config, str(folder), preprocessor_overrides=device)
        features = {**config.input_features, **config.output_features}
        # As buffers, statistics follow the module onto another device; a trace makes constants of other tensors.
        for index, step in enumerate((*self.before.steps, *self.after.steps)):
            for key in set(features) & set(getattr(step, "_tensor_stats", {})):
                for name, tensor in step._tensor_stats[key].items():
                    self.register_buffer(f"{key}_{index}_{name}".replace(".", "_"), tensor)
        self.policy, self.frames, self.first = policy, config.n_obs_steps, config.n_obs_steps - 1
        self.inputs = {key: (tuple(item.shape), self.frames) for key, item in config.input_features.items()}
        self.latent, self.executed = (config.horizon, config.action_feature.shape[0]), config.n_action_steps

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """See the top of this file."""
        windows = {key: window if self.frames > 1 else window.unsqueeze(1) for key, window in observations.items()}
        batch = self.before(windows)
        if self.cameras:
            batch["observation.images"] = torch.stack([batch[key] for key in self.cameras], dim=-4)
        return self.policy.diffusion._prepare_global_conditioning(batch)

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See the top of this file; rows of the past are left out."""
        chunk = self.policy.diffusion.conditional_sample(latent.shape[0], global_cond=condition, noise=latent)
        return self.after(chunk)[:, self.first :]


@contextlib.contextmanager
def refusing(what: str) -> Iterator[None]:
    """Say in a line what goes wrong in code of others."""
    try:
        yield
    except ModuleNotFoundError as error:
        advice = f"start this file with a Python that has it (not {sys.executable}), or name its folder in PYTHONPATH"
        refuse(f"{what} needs '{error.name}': {advice}.")
    except Exception as error:
        message = " ".join(str(error).split())[:300].rstrip(".")
        refuse(f"{what} fails with {type(error).__name__}: {message}.")


def compile_policy(policy: nn.Module) -> tuple[Any, str]:
    """Compile a policy, or trace it where its code is more than TorchScript knows."""
    seam = Seam(policy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python values in a trace: check() sees what they spoil
        if not isinstance(policy, LerobotPolicy):  # which calls einops and plain Python
            with contextlib.suppress(Exception):  # a compiler meets whatever there is in somebody's code
                return torch.jit.script(seam), "compiled"
        windows, noise = draw(policy, 2, 0)
        with refusing("tracing the policy"), torch.no_grad():
            examples = {"encode": (windows,), "decode": (seam.encode(windows), noise)}
            traced = torch.jit.trace_module(seam, examples, strict=False, check_trace=False)
    for module in traced.modules():
        for name in module._c._method_names():
            follow_device(module._c._get_method(name).graph)
    return traced, "traced"


def follow_device(graph: Any) -> None:
    """Replace the devices that a trace has written down by that of the method's first tensor."""
    tensors = [value for value in graph.inputs() if value.type().kind() == "TensorType"]
    for node in list(graph.nodes()):
        if node.kind() != "prim::Constant":
            tensors += [value for value in node.outputs() if value.type().kind() == "TensorType"][: not tensors]
        elif tensors and node.output().type().kind() == "DeviceObjType":
            device = graph.create("prim::device", [tensors[0]], 1).insertBefore(node).output()
            device.setType(node.output().type())
            node.output().replaceAllUsesWith(device)


def draw(policy: Any, batch: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """Random windows and noise; what may be images is in 0 to 1."""
    generator, windows = torch.Generator().manual_seed(seed), {}
    for name, (shape, frames) in policy.inputs.items():
        size = (batch, *((frames,) if frames > 1 else ()), *shape)
        windows[name] = (torch.rand if len(shape) == 3 else torch.randn)(size, generator=generator)
    return windows, torch.randn(batch, *policy.latent, generator=generator)


def run(policy: Any, windows: dict[str, Tensor], noise: Tensor) -> Tensor:
    """Return the actions (B, H, A) of windows and noise."""
    shapes = {name: tuple(window.shape) for name, window in windows.items()}
    with refusing(f"the policy, given {shapes} and noise {tuple(noise.shape)},"):
        condition = policy.encode(dict(windows))
        actions = policy.decode(condition, noise)
        code, chunk = tuple(condition.shape), tuple(actions.shape)
    if (len(code), len(chunk)) != (2, 3) or {code[0], chunk[0]} != {len(noise)}:
        refuse(f"encode returned {code} and decode {chunk} for a batch of {len(noise)}: (batch, C) and (batch, H, A).")
    if not bool(torch.isfinite(actions).all()):
        refuse("the actions of random windows are not finite.")
    return actions


def check(policy: nn.Module, frozen: Any) -> float:
    """Compare the frozen policy with the original: the largest difference, relative to the largest action."""
    windows, noise = draw(policy, max(BATCHES), 1)
    original = run(policy, windows, noise)
    torch.manual_seed(2)
    if not torch.equal(original, run(policy, windows, noise)):
        refuse(
            "the same windows and noise give other actions the second time: the policy draws noise of its own"
            " (DDPM, dropout), or keeps state. Use DDIM with eta 0, evaluation mode, and no queues."
        )
    if bool(((run(policy, windows, -noise) - original).abs().amax(dim=(1, 2)) == 0.0).any()):
        refuse("the noise does not change the actions, so there is nothing to steer.")
    if not run(frozen, windows, noise.clone().requires_grad_(True)).requires_grad:
        refuse("no gradient goes from actions to noise: remove no_grad and detach from decode.")
    worst = 0.0
    with torch.no_grad():
        for size in BATCHES:
            windows, noise = draw(policy, size, 10 + size)  # other numbers than those that were traced
            rows, actions = [slice(row, row + 1) for row in range(size)], run(policy, windows, noise)
            alone = [run(policy, {key: window[row] for key, window in windows.items()}, noise[row]) for row in rows]
            difference(torch.cat(alone), actions, f"rows of a batch of {size} touch each other: alone they differ")
            problem = f"frozen, it gives other actions for a batch of {size} (did a trace fix a size or a branch?)"
            worst = max(worst, difference(run(frozen, windows, noise), actions, problem))
    return worst


def difference(found: Tensor, wanted: Tensor, problem: str) -> float:
    """Return the largest difference of actions, relative to the largest; above :data:`TOLERANCE` it is a problem."""
    worst = float((found - wanted).abs().max() / wanted.abs().max())
    if not worst <= TOLERANCE:
        refuse(f"{problem}, by {worst:.1e} of the largest.")
    return worst


def describe(policy: Any) -> dict[str, Any]:
    """Return what policy.yaml says, in JSON: torch alone brings no YAML."""
    horizon, count = run(policy, *draw(policy, 1, 0)).shape[1:]
    units, first = {"units": "unknown"}, getattr(policy, "first", 0)
    observations = {name: {"shape": size, "history": frames, **units} for name, (size, frames) in policy.inputs.items()}
    bounds = {"low": ["-inf"] * count, "high": ["inf"] * count, "relative_to": None}
    gives = {"names": [f"action.{index}" for index in range(count)], **units, **bounds}
    spec = {"observations": observations, "actions": gives, "control_rate_hz": 1.0, "horizon": horizon}
    chunk = {"rows": horizon + first, "first": first, "executed": getattr(policy, "executed", horizon)}
    law = {"shape": policy.latent, "law": "normal"}
    return {"format": "score-base-policy/2", "kind": "torchscript", "spec": spec, "chunk": chunk, "latent": law}


def write(folder: Path, settings: dict[str, Any], archive: bytes) -> None:
    """Write the base policy, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        made = Path(work) / folder.name
        made.mkdir()
        (made / "policy.pt").write_bytes(archive)
        settings = {**settings, "weights_sha256": hashlib.sha256(archive).hexdigest()}
        (made / "policy.yaml").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        made.rename(folder)


def read_function(text: str) -> nn.Module:
    """Call FILE.py:FUNCTION."""
    path, function = Path(text.rpartition(":")[0]), text.rpartition(":")[2]
    specification = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if specification is None or specification.loader is None:
        refuse(f"'{text}' is neither a LeRobot folder (pretrained_model) nor FILE.py:FUNCTION.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module  # where torch looks for the source
    with refusing(text):
        specification.loader.exec_module(module)
        policy: Any = getattr(module, function)()
        known = isinstance(policy, nn.Module)
        missing = [name for name in ("encode", "decode", "inputs", "latent") if not hasattr(policy, name)]
        if missing or not known:
            raise TypeError(f"it returned {type(policy).__name__}, and not a torch.nn.Module with {', '.join(missing)}")
        policy.inputs = {name: (tuple(size), int(frames)) for name, (size, frames) in policy.inputs.items()}
        policy.latent = tuple(map(int, policy.latent))
    return policy


def read_lerobot(folder: Path, steps: int) -> LerobotPolicy:
    """Read a LeRobot checkpoint through LeRobot."""
    with refusing(f"{folder}, as a LeRobot checkpoint (pretrained_model),"):
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["type"]
        if kind != "diffusion":
            raise ValueError(
                f"it is of type '{kind}', and 'diffusion' is known; give FILE.py:FUNCTION with encode and decode of a"
                " policy that takes its noise as an argument"
            )
        return LerobotPolicy(folder, steps)


def main(words: Optional[Sequence[str]] = None) -> int:  # noqa: UP045 - also for Python 3.9
    """Make, compile, compare and write."""
    description, formatter = f"{__doc__}\nThis file: {__file__}", argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("freeze", None, description, formatter_class=formatter, allow_abbrev=False)
    parser.error = lambda message: refuse(f"{message}; --help lists the flags.")  # type: ignore[method-assign]
    parser.add_argument("policy", metavar="DIR|FILE.py:FUNCTION", help="LeRobot checkpoint, or what makes the policy")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the base policy to make")
    what = "LeRobot: steps of DDIM (default: the checkpoint's; needed for one of DDPM)"
    parser.add_argument("--inference_steps", type=int, default=0, metavar="N", help=what)
    args = parser.parse_args(words)
    folder = Path(args.policy).is_dir()
    if args.inference_steps < 0 or (args.inference_steps and not folder):
        parser.error("--inference_steps is a number of at least 1, and for LeRobot checkpoints")
    if args.output.exists():
        refuse(f"{args.output} already exists: name another folder.")
    policy = read_lerobot(Path(args.policy), args.inference_steps) if folder else read_function(args.policy)
    policy = policy.cpu().eval().requires_grad_(False)
    settings = describe(policy)
    frozen, how = compile_policy(policy)
    buffer = io.BytesIO()
    torch.jit.save(frozen, buffer)
    worst = f"{check(policy, torch.jit.load(io.BytesIO(buffer.getvalue()))):.1e}"
    settings["training"] = {"home": "frozen", "from": args.policy, "how": how, "largest_difference": worst}
    write(args.output, settings, buffer.getvalue())
    print(f"Wrote {args.output}: {how}; actions of batches {BATCHES} are the original's to {worst} of the largest.")
    print(f"Next, where SCORE is: ./isaaclab.sh -p scripts/policy.py check {args.output} --task TASK")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
