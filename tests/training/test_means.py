import math

import torch

from lrs_lightning.training.means import WeightedMeans


def test_a_mean_is_weighted_and_nan_is_seen():
    one = WeightedMeans()
    one.update(torch.tensor(1.0), torch.tensor(3.0))
    one.update(torch.tensor(5.0), torch.tensor(1.0))
    assert one.compute() == 2.0
    one.update(torch.tensor(math.nan), torch.tensor(1.0))
    assert one.compute().isnan()


def test_several_are_kept_apart_and_weight_0_is_not_looked_at():
    means = WeightedMeans(3)
    means.update(torch.tensor([1.0, 2.0, math.nan]), torch.tensor([1.0, 3.0, 0.0]))
    means.update(torch.tensor([3.0, 6.0, 4.0]))
    assert means.compute().tolist() == [2.0, 3.0, 4.0]
    means.reset()
    means.update(torch.tensor([1.0, math.nan, 2.0]))
    assert means.compute()[[0, 2]].tolist() == [1.0, 2.0] and means.compute()[1].isnan()
