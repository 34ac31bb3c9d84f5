"""Arguments that do not fit get one sentence that names them."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels import cfc_scan, gru_scan, lstm_scan, rnn_scan

x = torch.zeros(5, 2, 12)
w = torch.zeros(3, 4, 4)

CASES = [
    ((torch.zeros(2, 12), w), {}, r"x_proj has shape \(2, 12\), expected \(T, B, G\*H\)"),
    ((torch.zeros(0, 2, 12), w), {}, "T = 0, there is nothing to scan"),
    ((torch.zeros(5, 0, 12), w), {}, "B = 0, there is nothing to scan"),
    ((torch.zeros(0, 5, 2, 12), w[None]), {}, "P = 0, there is nothing to scan"),
    ((x, torch.zeros(5, 4, 4)), {}, r"weight has shape .*G = 3"),
    ((x, torch.zeros(2, 3, 4, 4)), {}, r"weight has shape \(2, 3, 4, 4\), expected \(G, H, H\)"),
    ((x, torch.zeros(3, 4, 5)), {}, r"weight has shape \(3, 4, 5\), expected \(3, 4, 4\)"),
    ((x, (torch.zeros(3, 4, 2), torch.zeros(3, 3, 4))), {}, r"W2 has shape .*\(3, 2, 4\)"),
    ((x, torch.zeros(3, 5, 5)), {}, r"x_proj has shape .*G\*H = 3 \* 5 = 15"),
    ((x, w, torch.zeros(1, 4)), {}, r"h0 has shape \(1, 4\), expected \(2, 4\)"),
    ((x, w), {"mask": torch.zeros(4, 4)}, r"mask has shape \(4, 4\), expected \(3, 4, 4\)"),
    ((x, w), {"timespans": torch.ones(2, 5)}, r"timespans has shape \(2, 5\), expected \(5, 2\)"),
    ((x, w), {"resets": torch.ones(5, 2, 1)}, r"resets has shape \(5, 2, 1\), expected \(5, 2\)"),
    ((x, w), {"precision": "fp8"}, "precision is 'fp8', expected one of ieee, tf32"),
    ((x, w), {"mode": "fast"}, "mode is 'fast', expected one of paper, default, no_gate, pure"),
    ((x, w), {"backend": "gpu"}, "backend is 'gpu', expected one of auto"),
]


@pytest.mark.parametrize(("arguments", "options", "message"), CASES)
def test_a_wrong_value_is_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        cfc_scan(*arguments, **options)


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64])
def test_a_wrong_dtype_is_named(dtype):
    with pytest.raises(TypeError, match=rf"x_proj is {dtype}, expected float32, float64"):
        cfc_scan(x.to(dtype), w.to(dtype))


def test_dtypes_must_agree():
    with pytest.raises(TypeError, match=r"weight is torch.float64 but x_proj is torch.float32"):
        cfc_scan(x, w.double())
    with pytest.raises(TypeError, match=r"weight is torch.float16 but x_proj is torch.bfloat16"):
        cfc_scan(x.bfloat16(), w.half())


def test_devices_must_agree():
    with pytest.raises(TypeError, match="weight is on meta but x_proj is on cpu"):
        cfc_scan(x, w.to("meta"))


def test_a_required_input_is_named():
    with pytest.raises(ValueError, match="variant 'pure' of cfc needs w_tau and amplitude"):
        cfc_scan(torch.zeros(5, 2, 4), torch.zeros(1, 4, 4), mode="pure")


def test_a_mode_has_its_own_number_of_matrices():
    with pytest.raises(ValueError, match=r"weight has shape \(3, 4, 4\), .* with G = 4"):
        cfc_scan(x, w, mode="default")
    assert torch.equal(cfc_scan(x, w)[0], cfc_scan(x, w, mode="paper")[0])


def test_other_cells_name_their_own_arguments():
    with pytest.raises(ValueError, match=r"c0 has shape \(1, 3\), expected \(2, 3\)"):
        lstm_scan(x, torch.zeros(4, 3, 3), (torch.zeros(2, 3), torch.zeros(1, 3)))
    with pytest.raises(ValueError, match=r"c0 is None, expected \(2, 3\): give every state"):
        lstm_scan(x, torch.zeros(4, 3, 3), (torch.zeros(2, 3), None))
    with pytest.raises(ValueError, match=r"bias_n has shape \(3,\), expected \(4,\)"):
        gru_scan(x, w, bias_n=torch.zeros(3))
    with pytest.raises(ValueError, match="nonlinearity is 'gelu', expected one of tanh, relu"):
        rnn_scan(torch.zeros(5, 2, 4), torch.zeros(1, 4, 4), nonlinearity="gelu")
