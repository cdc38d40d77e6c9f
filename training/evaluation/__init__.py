"""Evaluation of saved models on labelled images."""
