import pytest
import torch

from lrs_lightning.training.losses import imitation_loss


def test_squared_error_over_the_steps_that_count():
    outputs, labels = torch.zeros(1, 3, 2), torch.tensor([[[1.0, 1], [2, 0], [9, 9]]])
    assert imitation_loss(outputs, labels, torch.tensor([[1.0, 1, 0]])).item() == pytest.approx(1.5)


def test_cross_entropy_of_discrete_actions():
    logits, labels = torch.randn(2, 3, 4), torch.tensor([[0, 1, 2], [3, 0, 1]])
    expected = torch.nn.functional.cross_entropy(logits.view(6, 4), labels.view(6))
    torch.testing.assert_close(imitation_loss(logits, labels, torch.ones(2, 3)), expected)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_what_does_not_count_cannot_spoil_it(poison):
    labels = torch.zeros(1, 2, 2)
    outputs = torch.ones(1, 2, 2)
    outputs[0, 1] = poison
    outputs.requires_grad_()
    loss = imitation_loss(outputs, labels, torch.tensor([[1.0, 0]]))
    assert loss.item() == 1
    loss.backward()
    assert outputs.grad[0, 0].isfinite().all()


def test_nothing_counts():
    outputs = torch.randn(1, 2, 2, requires_grad=True)
    loss = imitation_loss(outputs, torch.zeros(1, 2, 2), torch.zeros(1, 2))
    loss.backward()
    assert loss.item() == 0
    assert (outputs.grad == 0).all()
