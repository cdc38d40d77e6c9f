"""Labelled images for training and evaluation, from a data set's address to `tf.data` batches.

>>> data = open_data("digits")
>>> batches = train_batches(data.train, batch_size=32, seed=0)
>>> images, labels = next(iter(batches))
>>> images.shape, labels.shape
(TensorShape([32, 8, 8, 1]), TensorShape([32, 10]))
"""

from training.data.evaluation_batches import evaluation_batches as evaluation_batches
from training.data.sample import sample_images as sample_images
from training.data.sources import open_data as open_data
from training.data.split import Data as Data
from training.data.split import Split as Split
from training.data.train_batches import steps_per_epoch as steps_per_epoch
from training.data.train_batches import train_batches as train_batches
from training.errors import DataError as DataError
