"""Reusable SavedModels, to load, to call and to fine-tune."""
