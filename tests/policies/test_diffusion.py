# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from score.policies import BasePolicy, Chunk, DdimCfg, DiffusionNetworkCfg, DiffusionPolicy, PolicySpec
from score.policies.bundle import load_bundle, save_bundle
from score.policies.features import WindowFeatures
from score.policies.normalisation import Statistic
from score.policies.spec import ActionSpec, ObservationSpec
from score.policies.window_policy import statistic_shapes
from score.steering.config import SteeringCfg
from score.steering.latent import BASIS_KINDS
from score.steering.methods import make_plan
from score.utils.errors import UserError

from .conftest import insert_spec, make_diffusion, make_observations

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture(scope="module")
def padded() -> DiffusionPolicy:
    """A U-Net that denoises two rows of the past and three columns beyond its actions."""
    return make_diffusion("unet", cloud=False, past=2, padding=3)


def test_past_rows_and_padded_columns_are_cut_off_and_still_matter(padded: DiffusionPolicy) -> None:
    assert (padded.latent_shape, padded.chunk, padded.spec.horizon) == ((10, 10), Chunk(10, 2, 8), 8)
    condition = padded.encode(make_observations(3, cloud=False))
    latent = torch.randn(3, 10, 10)
    actions = padded.decode(condition, latent)
    assert actions.shape == (3, 8, 7)
    whole = padded.sampler(condition, latent)
    newest = padded.reference(condition).unsqueeze(1)
    expected = newest + padded.action_normaliser.inverse(whole[:, 2:, :7]) @ padded.action_axes.mT
    torch.testing.assert_close(actions, expected)
    for part in (latent[:, :2], latent[:, :, 7:]):
        part += 1.0
        assert (padded.decode(condition, latent) - actions).abs().max() > 1e-4


def test_a_batch_of_ten_is_ten_single_ones(padded: DiffusionPolicy) -> None:
    for policy, shape, cloud in ((padded, (10, 10), False), (make_diffusion(), (8, 7), True)):
        observations, latent = make_observations(10, cloud=cloud), torch.randn(10, *shape)
        together = policy(observations, latent)
        single = [policy({k: w[i : i + 1] for k, w in observations.items()}, latent[i : i + 1]) for i in range(10)]
        torch.testing.assert_close(torch.cat(single), together, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("basis", BASIS_KINDS)
def test_every_basis_steers_a_latent_that_is_no_chunk(basis: str, padded: DiffusionPolicy) -> None:
    plan = make_plan(padded, {**vars(SteeringCfg()), "basis": basis, "knots": 3}).eval()
    rows = {"full": 10, "repeat": 1}.get(basis, 3)
    assert (plan.code_dim, tuple(plan.noise_shape)) == (rows * 10, (10, 10))
    condition = padded.encode(make_observations(4, cloud=False))
    code, noise = torch.randn(4, plan.code_dim), torch.randn(4, 10, 10)
    chunk = plan(condition, code, noise)
    assert chunk.shape == (4, 8, 7)
    torch.testing.assert_close(torch.jit.script(plan)(condition, code, noise), chunk, atol=1e-5, rtol=1e-5)


def test_features_frame_by_frame_by_hand() -> None:
    # Two frames (1, 2) and (3, 4) of q, 5 and 6 of g: frame by frame 1 2 5 | 3 4 6.
    action = ActionSpec(("a",), "rad", (-1.0,), (1.0,), None)
    observations = {"q": ObservationSpec((2,), 2, "rad"), "g": ObservationSpec((1,), 2, "m")}
    spec = PolicySpec(observations, action, 10.0, 2)
    features = WindowFeatures(spec, (), frame_by_frame=True)
    windows = {"q": torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), "g": torch.tensor([[[5.0], [6.0]]])}
    assert features(windows).tolist() == [[1.0, 2.0, 5.0, 3.0, 4.0, 6.0]]
    assert features.labels(spec) == ["q[-1] 0", "q[-1] 1", "g[-1] 0", "q[0] 0", "q[0] 1", "g[0] 0"]
    with pytest.raises(UserError, match=r"frame_by_frame needs .* one history for all vectors, not \[2, 1\]"):
        WindowFeatures(
            PolicySpec({**observations, "g": ObservationSpec((1,), 1, "m")}, action, 10.0, 2), (), frame_by_frame=True
        )
    with pytest.raises(UserError, match=r"frame_by_frame needs actions that are relative to nothing"):
        WindowFeatures(insert_spec(cloud=False), (), frame_by_frame=True)


def _build(rows: int, latent: tuple[int, int] | None = None, **network: object) -> DiffusionPolicy:
    spec, cfg = insert_spec(cloud=False), DiffusionNetworkCfg(**network)  # type: ignore[arg-type]
    shapes = statistic_shapes(spec, cfg)
    statistics = {name: Statistic(torch.zeros(shape), torch.ones(shape)) for name, shape in shapes.items()}
    return DiffusionPolicy(spec, cfg, DdimCfg(), statistics, None, latent, Chunk(rows, rows - 8, 8))


@pytest.mark.parametrize(
    ("rows", "latent", "network", "message"),
    [
        (9, None, {"form": "unet"}, r"The chunk has 9 rows, and a U-Net with .* needs a multiple of 2"),
        (8, (9, 7), {}, r"latent.shape \[9, 7\] does not fit the policy: the chunk has 8 rows"),
        (8, (8, 6), {}, r"latent.shape \[8, 6\] does not fit the policy: .* an action 7 numbers"),
        (8, None, {"form": "unte"}, r"network.form 'unte' is unknown. Did you mean 'unet'"),
        (8, None, {"down_dims": (12, 24)}, r"network.down_dims \[12, 24\]: .* a multiple of n_groups \(8\)"),
        (8, None, {"down_dims": (4,), "n_groups": 4}, r"network.down_dims \[4\]: .* the first also of 8"),
        (8, None, {"down_dims": ()}, r"network.down_dims \[\]: give at least one"),
        (8, None, {"kernel_size": 4}, r"network.kernel_size is 4 .* give an odd and an even number"),
        (8, None, {"film_scale": 1}, r"network.film_scale is '1': give true or false"),
        (8, None, {"frame_by_frame": "no"}, r"network.frame_by_frame is 'no': give true or false"),
    ],
)
def test_shapes_that_do_not_fit(rows: int, latent: tuple[int, int] | None, network: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _build(rows, latent, **network)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, padded: DiffusionPolicy) -> Path:
    folder = tmp_path_factory.mktemp("diffusion") / "bundle"
    save_bundle(padded, folder)
    return folder


def test_a_bundle_writes_every_setting_of_the_schedule_out(bundle: Path, padded: BasePolicy) -> None:
    data = yaml.safe_load((bundle / "policy.yaml").read_text())
    assert (data["kind"], data["chunk"]) == ("diffusion", {"rows": 10, "first": 2, "executed": 8})
    assert data["latent"] == {"shape": [10, 10], "law": "normal"}
    assert set(data["sampler"]) == {
        "num_train_timesteps", "beta_schedule", "beta_start", "beta_end", "num_inference_steps", "timestep_spacing",
        "steps_offset", "prediction_type", "clip_sample", "clip_sample_range", "set_alpha_to_one", "thresholding",
        "rescale_betas_zero_snr", "eta",
    }  # fmt: skip
    loaded, observations, latent = load_bundle(bundle), make_observations(3, cloud=False), torch.randn(3, 10, 10)
    assert torch.equal(loaded(observations, latent), padded(observations, latent))


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("sampler", {"steps_offset": None}, r"sampler lacks the key 'steps_offset': every setting is written out"),
        ("sampler", {"eta": 0.5}, r"sampler.eta 0.5 draws fresh noise .* Use DDIM with eta 0"),
        ("sampler", {"method": "ddpm"}, r"sampler 'ddpm' draws fresh noise .* DDIM \(eta 0\)"),
        ("sampler", {"spacing": "leading"}, r"sampler has an unknown key 'spacing'. Did you mean 'timestep_spacing'"),
        ("network", {"form": "mlp"}, r"does not hold the tensors"),
        ("network", {"down_dims": [8192, 16384]}, r"network describes \d+ parameters, and .* has \d+ bytes"),
        ("network", {"down_dims": [8] * 300}, r"Length of network.down_dims holds 300"),
        ("latent", {"shape": [10, 6]}, r"latent.shape \[10, 6\] does not fit the policy"),
        ("chunk", {"rows": 9, "first": 1}, r"latent.shape \[10, 10\] does not fit the policy: the chunk has 9 rows"),
    ],
)
def test_bundles_that_are_refused(bundle: Path, tmp_path: Path, key: str, change: dict, message: str) -> None:
    data = yaml.safe_load((bundle / "policy.yaml").read_text())
    data[key] = {name: value for name, value in {**data[key], **change}.items() if value is not None}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(data))
    (tmp_path / "policy.safetensors").write_bytes((bundle / "policy.safetensors").read_bytes())
    with pytest.raises(UserError, match=message):
        load_bundle(tmp_path)


def test_loss_draws_the_level_from_time_and_its_target_is_the_noise() -> None:
    policy = make_diffusion(cloud=False)
    seen: list[torch.Tensor] = []

    def forward(point: torch.Tensor, level: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        seen.append(level)
        return torch.zeros_like(point)

    policy.sampler.denoiser.forward = forward
    condition = policy.encode(make_observations(3, cloud=False))
    noise = torch.randn(3, 8, 7)
    # Time runs from noise to data: 0 is the last of 100 levels, .505 the level 49, .999 the first.
    loss = policy.loss(condition, torch.zeros(3, 8, 7), noise, torch.tensor([0.0, 0.505, 0.999]))
    assert seen[0].tolist() == [99.0, 49.0, 0.0]
    assert loss.item() == pytest.approx(noise.square().mean().item())
