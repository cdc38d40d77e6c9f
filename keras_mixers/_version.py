"""The version, in a file of its own so that building a wheel need not import Keras."""

__version__ = "0.1.0"
