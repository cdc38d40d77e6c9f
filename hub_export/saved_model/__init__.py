"""Reusable SavedModels, which can be loaded, called and fine-tuned."""
