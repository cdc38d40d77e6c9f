"""Folders that TensorFlow Hub and Kaggle Models can publish, with a model card."""
