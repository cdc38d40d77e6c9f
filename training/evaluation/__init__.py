"""Saved models, measured on labelled images."""
