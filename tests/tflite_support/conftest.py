"""Keeps these tests out of the everyday ones, whose environment lacks tflite-support."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("tflite_support") else ["test_metadata.py"]
