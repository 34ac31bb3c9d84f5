"""What a launch knows of a tensor is what the tensor says of itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lrs_kernels.triton.blocks import Block, empty
from lrs_kernels.triton.looks import Layout, look_at

MEMBERS = torch.zeros(3, 4, 5, 6)
TENSORS: dict[str, Callable[[], Tensor]] = {
    "packed": lambda: MEMBERS,
    "of one member": lambda: MEMBERS[0],
    "batch first": lambda: torch.zeros(3, 5, 4, 6).transpose(1, 2),
    "columns first": lambda: torch.zeros(3, 4, 6, 5).mT,
    "a gradient of a sum": lambda: torch.zeros(()).expand(3, 4, 5, 6),
    "one shared by members": lambda: torch.zeros(4, 5, 6).expand(3, 4, 5, 6),
    "one turned and shared": lambda: torch.zeros(4, 6, 5).mT.expand(3, 4, 5, 6),
    "every second unit": lambda: torch.zeros(3, 4, 5, 12)[..., ::2],
    "every second row": lambda: torch.zeros(3, 4, 10, 6)[:, :, ::2],
    "part of odd rows": lambda: torch.zeros(3, 4, 5, 7)[..., :6],
    "one step": lambda: torch.zeros(3, 1, 5, 6).transpose(0, 1),
    "one row": lambda: torch.zeros(3, 4, 1, 6),
    "one unit": lambda: torch.zeros(3, 4, 5, 2)[..., :1],
    "nothing": lambda: torch.zeros(3, 4, 0, 6),
    "bfloat16": lambda: MEMBERS.bfloat16(),
    "float64": lambda: MEMBERS.double(),
    **{f"{n} bytes on": lambda n=n: torch.zeros(400)[n // 4 :][:360].view(3, 4, 5, 6)
       for n in (4, 8, 12, 16)},
    "2 bytes on": lambda: torch.zeros(400).bfloat16()[1:361].view(3, 4, 5, 6),
    "8 bytes on, float64": lambda: torch.zeros(400).double()[1:361].view(3, 4, 5, 6),
}  # fmt: skip


@pytest.mark.parametrize("made", TENSORS.values(), ids=TENSORS)
def test_a_layout_says_what_the_tensor_says(made: Callable[[], Tensor]) -> None:
    tensor = made()
    (look,) = look_at([tensor])
    layout = Layout(*look)
    assert (layout.shape, layout.dtype) == (tensor.shape, tensor.dtype)
    assert layout.contiguous == tensor.is_contiguous()
    assert layout.inner_contiguous == (tensor.stride(-1) == 1 or tensor.is_contiguous())
    if not tensor.is_contiguous():
        assert layout.stride == tensor.stride()
    else:
        packed = torch.empty(tensor.shape)
        assert layout.stride == packed.stride()
        (block,) = empty([Block.of(tensor.dtype, *tensor.shape)], tensor.device)
        assert (block.shape, block.stride(), block.dtype) == (
            tensor.shape, packed.stride(), tensor.dtype,
        )  # fmt: skip
    whole = tensor.is_contiguous() or (tensor.dim() == 4 and tensor[0].is_contiguous())
    assert layout.members_contiguous == whole
    if tensor.numel():  # weights are never empty
        assert layout.member_stride == (layout.stride[0] if tensor.dim() == 4 else 0)
    assert layout.sequence_strides == (0, *layout.stride)[-4:-1]
    pairs = [tensor.data_ptr() % (2 * tensor.element_size()) == 0]
    if not tensor.is_contiguous():
        pairs += [step % 2 == 0 for step in tensor.stride()[:-1]]
    assert layout.in_pairs == all(pairs)


def test_no_two_of_these_look_alike() -> None:
    tensors = [make() for name, make in TENSORS.items() if name != "16 bytes on"]
    assert len({look_at([tensor]) for tensor in tensors}) == len(tensors)
    assert look_at([TENSORS["16 bytes on"]()]) == look_at([TENSORS["packed"]()])
    assert look_at([None, MEMBERS]) != look_at([MEMBERS, None]) != look_at([MEMBERS])
