"""The three networks as functional models, and models that are derived from them."""
