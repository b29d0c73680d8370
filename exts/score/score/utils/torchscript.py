# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Which TorchScript is let in: archives that can do nothing but compute with tensors. Needs torch.

A TorchScript archive is no pickle of Python objects: ``torch.jit.load`` reads it with an unpickler of its own that
knows tensors, plain values and the classes that the archive defines in TorchScript, so no Python code runs. What could
still do harm is TorchScript itself: it has operators that write files and draw random numbers, and ``__setstate__``
methods run while an archive is loaded. So archives with such methods are refused before they are loaded, and
afterwards each operator in each method must be on a list.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator
from typing import Any

import torch

from score.utils.archives import DAMAGED, ArchiveError, check_archive
from score.utils.errors import UserError

_PRIM = """
Constant DictConstruct GetAttr If ListConstruct ListUnpack Loop NumToTensor RaiseException TupleConstruct TupleIndex
TupleSlice TupleUnpack Uninitialized device dtype is_cpu is_cuda is_nested isinstance layout max min requires_grad
shape type unchecked_cast unchecked_unwrap_optional
"""
_ATEN = """
Bool Float FloatImplicit Int IntImplicit ScalarImplicit __and__ __contains__ __derive_index __getitem__ __is__
__isnot__ __not__ __or__ __range_length _convolution _native_multi_head_attention _set_item
_transformer_encoder_layer_fwd abs acos acosh adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d
adaptive_max_pool2d add addbmm addcdiv addcmul addmm addmv alias all amax amin aminmax and any append arange argmax
argmin argsort asin asinh atan atan2 atanh avg_pool1d avg_pool2d avg_pool3d baddbmm batch_norm bilinear bitwise_and
bitwise_not bitwise_or bitwise_xor bmm broadcast_tensors broadcast_to bucketize cat cdist ceil celu chunk clamp
clamp_max clamp_min clip clone complex concat conj constant_pad_nd contiguous conv1d conv2d conv3d conv_transpose1d
conv_transpose2d conv_transpose3d copy copy_ cos cosh cosine_similarity cross cummax cummin cumprod cumsum deg2rad det
detach diag diag_embed diagonal diff dim div divide dot dropout einsum elu embedding eq equal erf erfc exp exp2 expand
expand_as expm1 extend eye feature_dropout fill fill_ flatten flip floor floor_divide floordiv fmod format frac full
full_like gather ge gelu get glu grid_sampler group_norm gru gt hardshrink hardsigmoid hardswish hardtanh hypot im2col
imag index index_add index_copy index_fill index_put index_select inner insert instance_norm inverse
is_autocast_enabled is_contiguous is_floating_point is_grad_enabled isfinite isinf isnan item items keys kron
layer_norm le leaky_relu len lerp lift_fresh linalg_cross linalg_det linalg_eigh linalg_inv linalg_matrix_norm
linalg_norm linalg_pinv linalg_qr linalg_solve linalg_svd linalg_vector_norm linear linspace list log log10 log1p log2
log_softmax logaddexp logical_and logical_not logical_or logical_xor logit logspace logsumexp lstm lt mT masked_fill
masked_scatter masked_select matmul matrix_exp max max_pool1d max_pool2d max_pool3d maximum mean median meshgrid min
minimum mish mm moveaxis movedim mul multiply mv nan_to_num narrow ne neg negative new_full new_ones new_zeros nonzero
norm not numel one_hot ones ones_like or outer pad permute pixel_shuffle pixel_unshuffle polar pop pow prelu prod
rad2deg real reciprocal reflection_pad1d reflection_pad2d relu relu6 remainder repeat repeat_interleave
replication_pad1d replication_pad2d reshape reshape_as rms_norm roll rot90 round rsqrt rsub scaled_dot_product_attention
scatter scatter_add searchsorted select select_scatter selu sgn sigmoid sign silu sin sinc sinh size slice slice_scatter
softmax softmin softplus softshrink sort split split_with_sizes sqrt square squeeze stack std std_mean str sub subtract
sum swapaxes t take_along_dim tan tanh tensor tensor_split tensordot threshold tile to topk transpose tril triu
true_divide trunc type_as unbind unflatten unfold unsqueeze upsample_bicubic2d upsample_bilinear2d upsample_linear1d
upsample_nearest1d upsample_nearest2d values var var_mean vector_norm view view_as warn where zeros zeros_like
"""
ALLOWED = frozenset([f"prim::{name}" for name in _PRIM.split()] + [f"aten::{name}" for name in _ATEN.split()])
"""Operators that compute with tensors. One that works in place (``add_``) is allowed where the plain one is."""

_SWITCHES = {
    "aten::dropout": 2,
    "aten::feature_dropout": 2,
    "aten::scaled_dot_product_attention": 4,
    "aten::batch_norm": 5,
    "aten::gru": 6,
    "aten::lstm": 6,
}
"""Operator -> index of the argument that must be off: on, it draws random numbers or mixes the rows of a batch."""


STATEFUL = frozenset({"prim::SetAttr", "aten::clear", "aten::join"})
"""What a module needs beside :data:`ALLOWED` to keep a state of its own, and to name it in a message."""


def load_checked(
    archive: bytes, where: str, methods: Collection[str], *, stateful: bool = False, what: str = "a base policy"
) -> Any:
    """Load a TorchScript module onto the CPU, in evaluation mode, if it does nothing but compute with tensors.

    Args:
        archive: Content of the file.
        where: The file, for messages.
        methods: Methods that it must have.
        stateful: Whether it may keep a state. If not, an operator that is switched to training is refused too: it draws
            random numbers, or mixes the rows of a batch.
        what: What it is to be, for messages.

    Returns:
        The module.

    Raises:
        UserError: The archive is none, or does more; the message names the operator.
    """
    _require_quiet_archive(archive, where)
    allowed = ALLOWED | STATEFUL if stateful else ALLOWED
    try:
        module: Any = torch.jit.load(io.BytesIO(archive), map_location="cpu").eval()
        for name in methods:
            if not module._c._has_method(name):
                raise UserError(f"{where} has no method '{name}': {what} needs {' and '.join(methods)}.")
        used = {node.kind() for node in _all_nodes(module)}
        unknown = sorted(name for name in used if name not in allowed and not _is_inplace(name))
        if unknown:
            raise UserError(
                f"{where} uses {', '.join(unknown[:5])}: {what} may only use operators that compute with tensors"
                " (score.utils.torchscript.ALLOWED), none that draws random numbers, keeps state or touches files."
            )
        if not stateful and {name.removesuffix("_") for name in used} & set(_SWITCHES):
            # Frozen, what a module's state decides has become a constant.
            frozen: Any = torch.jit.freeze(module, preserved_attrs=list(methods), optimize_numerics=False)
            _require_switched_off(frozen, where)
    except DAMAGED as error:
        raise UserError(f"{where} cannot be loaded as TorchScript: {one_line(error)}.") from error
    return module


def one_line(error: Exception) -> str:
    """Return the beginning of an error's message in one line."""
    return " ".join(str(error).split())[:200].rstrip(".")


def _require_quiet_archive(archive: bytes, where: str) -> None:
    try:
        names = check_archive(io.BytesIO(archive))
        if len({name.split("/")[0] for name in names}) > 1:
            raise ArchiveError("has parts of two archives")
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            parts = [file.read(name) for name in names if name.endswith((".py", ".pkl"))]
    except ArchiveError as error:
        raise UserError(f"{where} {error}: it is not loaded. Copy it again.") from error
    for word in (b"__setstate__", b"torch.classes"):
        if any(word in part for part in parts):
            raise UserError(f"{where} holds '{word.decode()}', which runs while it is loaded: it is not loaded.")


def _all_nodes(module: Any) -> Iterator[Any]:
    """All nodes of all methods of a module and its submodules, and of the functions that they call."""
    for part in module.modules():
        for name in part._c._method_names():
            yield from _nodes(part._c._get_method(name).inlined_graph)


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _is_inplace(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__") and name.removesuffix("_") in ALLOWED


def _require_switched_off(frozen: Any, where: str) -> None:
    for node in _all_nodes(frozen):
        name = node.kind().removesuffix("_")
        if name in _SWITCHES:
            switch = node.inputsAt(_SWITCHES[name]).node()
            if switch.kind() != "prim::Constant" or switch.output().toIValue() not in (False, 0.0):
                raise UserError(
                    f"{where} uses {name} as in training, where it draws random numbers or mixes the rows of a batch:"
                    " save the module in evaluation mode."
                )
