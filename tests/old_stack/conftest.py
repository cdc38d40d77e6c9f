"""Keeps the tests of the old stack out of the everyday ones, whose environment lacks it."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("tensorflow_addons") else ["test_fine_tuning.py"]
