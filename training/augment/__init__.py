"""Augmentation of training images: `make_policy(Augmentation(...), ...)`, for any tf.data."""

from training.augment.policy import Policy as Policy
from training.augment.policy import make_policy as make_policy
from training.augment.settings import Augmentation as Augmentation
