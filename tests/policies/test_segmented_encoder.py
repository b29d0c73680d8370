# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The encoder of segmented clouds."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from score.imitation.augmentation import AugmentationCfg, augment_cloud
from score.policies.encoders import SEGMENT_SCALES, SegmentedPointNet, segment_ends
from score.policies.flow_matching import FlowMatchingPolicy
from score.policies.settings import FlowNetworkCfg
from score.policies.spec import CloudSegment
from score.utils.errors import UserError

from .conftest import make_observations

SEGMENTS = (6, 10, 16)


def _encoder() -> SegmentedPointNet:
    torch.manual_seed(0)
    return SegmentedPointNet(SEGMENTS, (8, 16), (16,), 40).eval()


def test_centroid_differences_enter_at_every_scale() -> None:
    # segments at x = 0, 0.1 and 0.4: differences 0.1 and 0.3, their tanh(d / scale) at scales 1, 0.2, 0.05
    cloud = torch.zeros(1, 32, 3)
    cloud[:, 6:16, 0] = 0.1
    cloud[:, 16:, 0] = 0.4
    tail = _encoder()(cloud)[0, -18:].reshape(2, 3, 3)
    for row, difference in enumerate((0.1, 0.3)):
        for column, scale in enumerate(SEGMENT_SCALES):
            assert tail[row, column, 0].item() == pytest.approx(
                torch.tanh(torch.tensor(difference / scale)).item(), abs=1e-6
            )
            assert tail[row, column, 1:].abs().max().item() == 0.0


def test_a_shift_of_the_whole_cloud_changes_nothing() -> None:
    # a wrong camera calibration moves all segments alike
    cloud = torch.randn(3, 32, 3)
    encoder = _encoder()
    assert torch.allclose(encoder(cloud), encoder(cloud + torch.tensor([0.3, -0.2, 0.1])), atol=1e-5)


def test_a_segment_is_seen_at_unit_size() -> None:
    encoder = _encoder()
    cloud = torch.randn(3, 32, 3)
    half = cloud.clone()
    # The last segment at half its size about its centroid: the same shape, so the same pooled features.
    centroid = cloud[:, 16:].mean(dim=1, keepdim=True)
    half[:, 16:] = centroid + 0.5 * (cloud[:, 16:] - centroid)
    assert torch.allclose(encoder(cloud), encoder(half), atol=1e-5)
    half[:, 16:] *= torch.tensor([1.0, 1.0, 1.5])
    assert not torch.allclose(encoder(cloud)[:, :-18], encoder(half)[:, :-18], atol=1e-3)


def test_extents_are_the_sizes_that_the_encoder_leaves_out() -> None:
    """Corners of a box of 2 x 4 x 6, turned and shifted: deviations 1, 2 and 3. A line along x: 0, 0 and 1."""
    corners = torch.cartesian_prod(*(torch.tensor([-size, size]) for size in (1.0, 2.0, 3.0)))
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))
    line = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    encoder = SegmentedPointNet((8, 2), (8, 16), (16,), 40).eval()
    cloud = torch.cat([corners @ turn + 0.7, line])[None].repeat(2, 1, 1)
    cloud[1, :8] *= 0.5  # the very same features (above)
    expected = torch.tensor([[1.0, 2.0, 3.0, 0.0, 0.0, 1.0], [0.5, 1.0, 1.5, 0.0, 0.0, 1.0]])
    torch.testing.assert_close(encoder.extents(cloud), expected, atol=1e-3, rtol=0.0)
    torch.testing.assert_close(torch.jit.script(encoder).extents(cloud), expected, atol=1e-3, rtol=0.0)
    # Twice the points of each segment, each of them twice: the same sizes.
    twice = torch.cat([cloud[:, :8], cloud[:, :8], cloud[:, 8:], cloud[:, 8:]], dim=1)
    torch.testing.assert_close(encoder.extents(twice), expected, atol=1e-3, rtol=0.0)


def test_order_inside_a_segment_is_of_no_matter_and_across_segments_is() -> None:
    cloud = torch.randn(2, 32, 3)
    encoder = _encoder()
    inside = cloud.clone()
    inside[:, 16:] = cloud[:, 16:].flip(1)
    assert torch.allclose(encoder(cloud), encoder(inside), atol=1e-5)
    assert not torch.allclose(encoder(cloud), encoder(cloud.flip(1)), atol=1e-2)


def test_scripted_encoder_agrees() -> None:
    encoder = _encoder()
    cloud = torch.randn(4, 32, 3)
    assert torch.allclose(torch.jit.script(encoder)(cloud), encoder(cloud), atol=1e-6)


def test_a_random_subset_keeps_the_segments() -> None:
    # points of a segment carry its number; half of 6, 10 and 16 points are 3, 5 and 8
    cloud = torch.cat([torch.full((2, count, 3), float(index)) for index, count in enumerate(SEGMENTS)], dim=1)
    cfg = AugmentationCfg(points=16, point_noise=0.0, extrinsic_shift=0.0, extrinsic_rotation=0.0)
    segments = tuple(CloudSegment(f"s{index}", count, "cam") for index, count in enumerate(SEGMENTS))
    subset = augment_cloud(cloud, cfg, torch.Generator().manual_seed(0), segments)
    assert subset[0, :, 0].tolist() == [0.0] * 3 + [1.0] * 5 + [2.0] * 8


@given(st.lists(st.integers(1, 300), min_size=2, max_size=5), st.data())
def test_encoder_and_augmentation_cut_alike_at_any_number_of_points(sizes: list[int], data: st.DataObject) -> None:
    total = sum(sizes)
    points = data.draw(st.integers(1, total))
    # each segment's share, cut where the shares before it end: (96, 160, 256) and 100 points give 18, 32 and 50
    expected = [sum(sizes[: i + 1]) * points // total - sum(sizes[:i]) * points // total for i in range(len(sizes))]
    segments = tuple(CloudSegment(f"s{index}", size, "cam") for index, size in enumerate(sizes))
    cloud = torch.cat([torch.full((1, size, 3), float(index)) for index, size in enumerate(sizes)], dim=1)
    cfg = AugmentationCfg(points=points, point_noise=0.0, extrinsic_shift=0.0, extrinsic_rotation=0.0)
    if min(expected) == 0:
        with pytest.raises(ValueError, match="leaves a segment"):
            segment_ends(sizes, points)
        return
    subset = augment_cloud(cloud, cfg, torch.Generator().manual_seed(0), segments)
    ends = segment_ends(sizes, points)
    assert ends[-1] == points == subset.shape[1]
    for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        assert end - start == expected[index]
        assert subset[0, start:end].unique().tolist() == [float(index)]


def test_augmentation_moves_what_cameras_see_against_what_the_joints_tell() -> None:
    segments = (CloudSegment("hand", 4, "joints"), CloudSegment("cup", 6, "front"))
    cloud = torch.randn(3, 10, 3, generator=torch.Generator().manual_seed(1))
    cfg = AugmentationCfg(points=None, point_noise=0.0, extrinsic_shift=0.01, extrinsic_rotation=0.0)
    moved = augment_cloud(cloud, cfg, torch.Generator().manual_seed(0), segments) - cloud
    assert torch.equal(moved[:, :4], torch.zeros(3, 4, 3))
    shift = moved[:, 4:].mean(dim=1, keepdim=True)
    torch.testing.assert_close(moved[:, 4:], shift.expand(-1, 6, -1))
    assert shift.abs().max() <= 0.01 + 1e-6
    assert shift.abs().min() > 0.0


def test_one_segment_is_refused() -> None:
    with pytest.raises(UserError, match="names one segment: give two or more, or none"):
        FlowNetworkCfg(segments=(512,))


def test_emphasis_weights_small_motions_more(policy: FlowMatchingPolicy) -> None:
    # rms motions of 0.01 and 0.03 with c = 0.01: weights 1/2 and 1/10, divided by their mean 3/10: 5/3 and 1/3
    condition = policy.encode(make_observations(1)).repeat(2, 1)
    horizon, size = policy.latent_shape
    motions = torch.tensor([0.01, 0.03]).view(2, 1, 1).expand(2, horizon, size)
    actions = policy.reference(condition).unsqueeze(1) + motions
    noise, time = torch.randn(2, horizon, size), torch.tensor([0.3, 0.8])
    alone = torch.stack(
        [policy.loss(condition[i : i + 1], actions[i : i + 1], noise[i : i + 1], time[i : i + 1]) for i in range(2)]
    )
    together = policy.loss(condition, actions, noise, time, emphasis=0.01)
    assert together.item() == pytest.approx(((5 * alone[0] + alone[1]) / 6).item(), rel=1e-4)
