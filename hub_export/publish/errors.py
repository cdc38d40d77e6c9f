"""Errors of uploads."""

from contextlib import AbstractContextManager

from keras_mixers.weights.hubs.address import HubAddress
from keras_mixers.weights.hubs.client_errors import one_line_of


class PublishError(OSError):
    """A hub refuses a model, or can't be reached."""


def publish_errors(address: HubAddress) -> AbstractContextManager[None]:
    """Turn what a client raises in the block into a PublishError of one line."""
    return one_line_of(address, "be published", PublishError)
