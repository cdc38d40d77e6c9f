"""Data and training of the models."""

import os
import sys

# TensorFlow reads it while it is imported. keras_mixers/onednn.py does the same, and warns if it is
# too late; it is not imported here, because it brings TensorFlow along.
if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
