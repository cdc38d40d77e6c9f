"""Augmentation of training images in any `tf.data` pipeline; see `make_policy`."""

from training.augment.policy import Policy as Policy
from training.augment.policy import make_policy as make_policy
from training.augment.settings import Augmentation as Augmentation
