# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import dataclasses
import io
import math

import pytest
import torch

from score.policies import ActionSpec, FlowMatchingPolicy, FlowNetworkCfg, IntegratorCfg, ObservationSpec, PolicySpec
from score.policies.encoders import PointNet
from score.policies.features import WindowFeatures
from score.policies.integrators import Integrator
from score.policies.normalisation import Statistic
from score.policies.velocity_network import VelocityNetwork
from score.policies.window_policy import statistic_shapes
from score.utils.errors import UserError

from .conftest import insert_spec, make_observations, make_policy


def test_shapes(policy: FlowMatchingPolicy) -> None:
    condition = policy.encode(make_observations(3))
    assert condition.shape == (3, 12 + 4 * 7 + 3 * 7) == (3, policy.condition_dim)
    assert policy.latent_shape == (8, 7)
    assert policy.decode(condition, torch.randn(3, 8, 7)).shape == (3, 8, 7)


def test_rows_of_a_batch_do_not_touch_each_other(policy: FlowMatchingPolicy) -> None:
    observations, latent = make_observations(9), torch.randn(9, 8, 7)
    together = policy(observations, latent)
    for row in range(9):
        alone = policy({key: window[row : row + 1] for key, window in observations.items()}, latent[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, atol=2e-6, rtol=0)


def test_deterministic_and_stateless(policy: FlowMatchingPolicy) -> None:
    observations, latent = make_observations(4), torch.randn(4, 8, 7)
    before = torch.get_rng_state()
    first = policy(observations, latent)
    policy(make_observations(2, seed=5), torch.randn(2, 8, 7))
    torch.set_rng_state(before)
    torch.testing.assert_close(policy(observations, latent), first, atol=0, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_gradient_with_respect_to_the_latent_matches_differences() -> None:
    policy = make_policy().double()
    condition = policy.encode({key: window.double() for key, window in make_observations(2).items()})
    latent = torch.randn(2, 8, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: policy.decode(condition, z)[:, ::4, ::3], (latent,), atol=1e-6)


@pytest.mark.parametrize(
    ("relative", "cloud", "method"), [(True, True, "midpoint"), (False, True, "euler"), (True, False, "midpoint")]
)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_script_parity_after_save_and_load(relative: bool, cloud: bool, method: str) -> None:
    policy = make_policy(relative, cloud, method)
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(policy), buffer)
    buffer.seek(0)
    scripted = torch.jit.load(buffer)
    observations, latent = make_observations(5, cloud=cloud), torch.randn(5, 8, 7)
    condition = policy.encode(observations)
    torch.testing.assert_close(scripted.encode(observations), condition, atol=1e-6, rtol=0)
    torch.testing.assert_close(scripted.decode(condition, latent), policy.decode(condition, latent), atol=1e-6, rtol=0)


def test_relative_actions_follow_the_newest_frame(policy: FlowMatchingPolicy) -> None:
    observations = make_observations(3)
    condition = policy.encode(observations)
    torch.testing.assert_close(policy.reference(condition), observations["joint_pos"][:, -1], atol=1e-6, rtol=0)
    # The chunk is newest frame + offset + scale * flow end point, and normalize_actions undoes just that.
    latent = torch.randn(3, 8, 7)
    actions = policy.decode(condition, latent)
    end = policy.integrator(condition, latent)
    torch.testing.assert_close(policy.normalize_actions(condition, actions), end, atol=2e-5, rtol=0)
    expected = observations["joint_pos"][:, -1:] + policy.action_normaliser.inverse(end)
    torch.testing.assert_close(actions, expected, atol=1e-6, rtol=0)


def test_feature_layout_by_hand() -> None:
    # One joint, three frames 1, 2, 4 (newest 4) and past targets 2, 5: [4 | 1-4, 2-4 | 2-4, 5-4].
    spec = PolicySpec(
        {
            "q": ObservationSpec((1,), 3, "rad", names=("a",)),
            "target": ObservationSpec((1,), 2, "rad"),
            "grip": ObservationSpec((1,), 1, "m"),
        },
        ActionSpec(("a",), "rad", (-1.0,), (1.0,), "q"),
        10.0,
        2,
    )  # fmt: skip
    features = WindowFeatures(spec, ("target",))
    windows = {
        "q": torch.tensor([[[1.0], [2.0], [4.0]]]),
        "target": torch.tensor([[[2.0], [5.0]]]),
        "grip": torch.tensor([[9.0]]),
    }
    torch.testing.assert_close(features(windows), torch.tensor([[4.0, -3.0, -2.0, -2.0, 1.0, 9.0]]))
    assert features.labels(spec) == ["q[0] a", "q[-2] a", "q[-1] a", "target[-1] 0", "target[0] 0", "grip[0] 0"]


def test_missing_and_misshapen_windows_are_named(policy: FlowMatchingPolicy) -> None:
    observations = make_observations(2)
    with pytest.raises(ValueError, match=r"Observation 'joint_pos_target' is missing"):
        policy.encode({key: window for key, window in observations.items() if key != "joint_pos_target"})
    with pytest.raises(ValueError, match=r"'joint_pos' has shape \[2, 3, 7\]; \(batch, \*\[4, 7\]\) is needed"):
        policy.encode({**observations, "joint_pos": observations["joint_pos"][:, 1:]})
    with pytest.raises(ValueError, match=r"'point_cloud' has shape"):
        policy.encode({**observations, "point_cloud": observations["point_cloud"][:, :16]})


def _build(spec: PolicySpec, network: FlowNetworkCfg | None = None) -> FlowMatchingPolicy:
    network = network or FlowNetworkCfg()
    shapes = statistic_shapes(spec, network)
    return FlowMatchingPolicy(
        spec, network, IntegratorCfg(), {k: Statistic(torch.zeros(s), torch.ones(s)) for k, s in shapes.items()}
    )


def test_specs_that_a_flow_policy_cannot_serve_are_refused() -> None:
    spec = insert_spec()
    two_clouds = dataclasses.replace(
        spec, observations={**spec.observations, "cloud2": ObservationSpec((8, 3), 1, "m")}
    )
    with pytest.raises(UserError, match=r"at most one"):
        _build(two_clouds)
    image = dataclasses.replace(spec, observations={**spec.observations, "image": ObservationSpec((8, 8, 3), 1, "")})
    with pytest.raises(UserError, match=r"'image' has shape"):
        _build(image)
    unknown = dataclasses.replace(spec, actions=dataclasses.replace(spec.actions, relative_to="joint_position"))
    with pytest.raises(UserError, match=r"'joint_position' is not a vector observation .* mean 'joint_pos'"):
        _build(unknown)
    degrees = dataclasses.replace(spec, actions=dataclasses.replace(spec.actions, units="deg"))
    with pytest.raises(UserError, match=r"\[rad\], and actions have .*\[deg\]: they must agree"):
        _build(degrees)
    with pytest.raises(UserError, match=r"relative_observations names 'joint_target'.* mean 'joint_pos_target'"):
        _build(spec, FlowNetworkCfg(relative_observations=("joint_target",)))


def test_missing_unknown_and_zero_statistics_are_errors() -> None:
    spec, network = insert_spec(), FlowNetworkCfg()
    statistics = {k: Statistic(torch.zeros(s), torch.ones(s)) for k, s in statistic_shapes(spec, network).items()}
    without = {key: statistic for key, statistic in statistics.items() if key != "cloud"}
    with pytest.raises(UserError, match=r"missing \['cloud'\]"):
        FlowMatchingPolicy(spec, network, IntegratorCfg(), without)
    with pytest.raises(UserError, match=r"unknown \['image'\]"):
        FlowMatchingPolicy(spec, network, IntegratorCfg(), {**statistics, "image": statistics["cloud"]})
    with pytest.raises(UserError, match=r"Statistic of cloud: .* zero range"):
        FlowMatchingPolicy(
            spec, network, IntegratorCfg(), {**statistics, "cloud": Statistic(torch.zeros(3), torch.zeros(3))}
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": "mean"}, "network.pool 'mean' is unknown"),
        ({"prediction": "actions"}, "network.prediction 'actions' is unknown. Did you mean 'action'"),
        ({"width": 0}, "network.width holds 0"),
        ({"depth": 2.5}, "network.depth holds 2.5"),
        ({"point_widths": ()}, "network.point_widths is empty"),
    ],
)
def test_bad_network_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        FlowNetworkCfg(**settings)


@pytest.mark.parametrize("pool", ["max", "max_mean"])
def test_pointnet_ignores_the_order_of_points_and_of_groups(pool: str) -> None:
    torch.manual_seed(0)
    encoder = PointNet((8, 16), (8,), 6, pool)
    points = torch.randn(7, 20, 3)  # 7 clouds: one whole group and a part of one
    shuffled = points[:, torch.randperm(20)]
    torch.testing.assert_close(encoder(points), encoder(shuffled), atol=1e-5, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(encoder(points), encoder(points.flip(0)).flip(0), atol=1e-5, rtol=0)


def test_mean_pool_sees_what_max_pool_misses() -> None:
    # A point inside the hull of the others moves a mean but, as good as never, a maximum of this net's features.
    torch.manual_seed(0)
    points = torch.randn(1, 50, 3)
    points[0, 0] = 0.0
    moved = points.clone()
    moved[0, 0] = 0.01
    change = {}
    for pool in ("max", "max_mean"):
        encoder = PointNet((16, 32), (), 8, pool)
        change[pool] = (encoder(points) - encoder(moved)).abs().max().item()
    assert change["max"] == 0.0
    assert change["max_mean"] > 0.0


def test_loss_is_zero_for_the_true_velocity_and_counts_sigma_zero_paths(policy: FlowMatchingPolicy) -> None:
    class Recorder(torch.nn.Module):
        def forward(self, point: torch.Tensor, time: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            self.point, self.condition = point, condition
            return torch.full_like(point, 0.5)

    policy.integrator.field = Recorder()
    condition = policy.encode(make_observations(2))
    noise = torch.zeros(2, 8, 7)
    # End point 2 everywhere and noise 0: target velocity 2 - 0 = 2, so the error of 0.5 is (2 - 0.5)^2 = 2.25.
    actions = policy.action_normaliser.inverse(torch.full((2, 8, 7), 2.0)) + policy.reference(condition).unsqueeze(1)
    loss = policy.loss(condition, actions, noise, torch.tensor([0.25, 1.0]))
    assert loss.item() == pytest.approx(2.25, abs=1e-3)
    # A noisy view reaches the network and leaves target and path alone.
    view = condition + 1.0
    assert policy.loss(condition, actions, noise, torch.tensor([0.25, 1.0]), view).item() == pytest.approx(
        2.25, abs=1e-3
    )
    assert policy.integrator.field.condition is view
    # Path: (1 - t) * 0 + t * 2 = 0.5 and 2.
    torch.testing.assert_close(policy.integrator.field.point[:, 0, 0], torch.tensor([0.5, 2.0]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("compression", [0.0, 0.05])
def test_actions_are_given_along_the_axes(compression: float) -> None:
    spec, network = insert_spec(), FlowNetworkCfg(action_compression=compression)
    axes = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0))).Q
    shapes = statistic_shapes(spec, network)
    statistics = {name: Statistic(torch.zeros(shape), torch.ones(shape)) for name, shape in shapes.items()}
    policy = FlowMatchingPolicy(spec, network, IntegratorCfg("euler", 1), statistics, axes)
    policy.integrator.field.leave.forward = lambda stream: torch.eye(56)[9].expand(2, 56)
    condition = policy.encode(make_observations(2))
    # The flow ends at 1 in row 1, axis 2, and 0 elsewhere: row 1 moves by that axis (by c sinh(1) of it), row 0 stays.
    length = compression * math.sinh(1.0) if compression else 1.0
    actions = policy.decode(condition, torch.randn(2, 8, 7))
    motion = actions - policy.reference(condition).unsqueeze(1)
    torch.testing.assert_close(motion[:, 1], length * axes[:, 2].expand(2, 7), atol=1e-5, rtol=0)
    assert motion[:, 0].abs().max() < 1e-5
    torch.testing.assert_close(policy.normalize_actions(condition, actions)[:, 1, 2], torch.ones(2), atol=1e-4, rtol=0)


def test_axes_that_are_no_axes_are_refused() -> None:
    spec, network = insert_spec(), FlowNetworkCfg()
    statistics = {k: Statistic(torch.zeros(s), torch.ones(s)) for k, s in statistic_shapes(spec, network).items()}
    with pytest.raises(UserError, match=r"action_axes has shape \(6, 6\), and \(7, 7\) is needed"):
        FlowMatchingPolicy(spec, network, IntegratorCfg(), statistics, torch.eye(6))
    with pytest.raises(UserError, match=r"action_axes is not orthonormal \(off by 3\)"):
        FlowMatchingPolicy(spec, network, IntegratorCfg(), statistics, 2.0 * torch.eye(7))


@pytest.mark.parametrize(("prediction", "expected"), [("action", 2.25), ("velocity", 12.25)])
def test_loss_compares_with_what_the_network_predicts(prediction: str, expected: float) -> None:
    policy = _build(insert_spec(), FlowNetworkCfg(prediction=prediction))
    policy.integrator.field.forward = lambda point, time, condition: torch.full_like(point, 0.5)
    condition = policy.encode(make_observations(2))
    actions = policy.action_normaliser.inverse(torch.full((2, 8, 7), 2.0)) + policy.reference(condition).unsqueeze(1)
    # End point 2, noise -2. Predicted 0.5: as an end point it is off by 1.5, 1.5^2 = 2.25; the velocity is
    # 2 - (-2) = 4, and off by 3.5, 3.5^2 = 12.25.
    loss = policy.loss(condition, actions, torch.full((2, 8, 7), -2.0), torch.tensor([0.25, 0.75]))
    assert loss.item() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("method", "steps"), [("euler", 1), ("euler", 4), ("midpoint", 1), ("midpoint", 5)])
def test_a_predicted_end_point_is_where_the_flow_ends(method: str, steps: int) -> None:
    field = VelocityNetwork(2, 3, 4, FlowNetworkCfg(width=8, depth=1))
    end = torch.randn(5, 6)
    field.leave.forward = lambda stream: end  # type: ignore  # one end point whatever the noise
    start = torch.randn(5, 2, 3)
    # By hand, at t = 0.5 the velocity is (end - start) / (1 - 0.5).
    torch.testing.assert_close(
        field.velocity(start, 0.5, field.prepare(torch.zeros(5, 4))), 2.0 * (end.view(5, 2, 3) - start)
    )
    result = Integrator(field, method, steps)(torch.zeros(5, 4), start)
    torch.testing.assert_close(result, end.view(5, 2, 3), atol=1e-5, rtol=0)


def test_learns_a_bimodal_distribution() -> None:
    """One number, two modes at -1 and +1 (30 and 70 percent): samples land on the modes, in these shares."""
    torch.manual_seed(0)
    spec = PolicySpec({"x": ObservationSpec((1,), 1, "")}, ActionSpec(("a",), "", (-2.0,), (2.0,), None), 10.0, 1)
    network = FlowNetworkCfg(width=48, depth=2, relative_observations=())
    shapes = statistic_shapes(spec, network)
    statistics = {name: Statistic(torch.zeros(shape), torch.ones(shape)) for name, shape in shapes.items()}
    policy = FlowMatchingPolicy(spec, network, IntegratorCfg("midpoint", 20), statistics)
    optimiser = torch.optim.Adam(policy.parameters(), 3e-3)
    for _ in range(500):
        condition = policy.encode({"x": torch.randn(256, 1)})
        modes = torch.where(torch.rand(256, 1, 1) < 0.7, 1.0, -1.0) + 0.05 * torch.randn(256, 1, 1)
        loss = policy.loss(condition, modes, torch.randn(256, 1, 1), torch.rand(256))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        samples = policy.decode(policy.encode({"x": torch.randn(1000, 1)}), torch.randn(1000, 1, 1)).flatten()
    near = ((samples.abs() - 1).abs() < 0.3).float().mean().item()
    assert near > 0.85
    assert (samples > 0).float().mean().item() == pytest.approx(0.7, abs=0.08)
