"""The three networks as functional models, and the tables of their variants."""
