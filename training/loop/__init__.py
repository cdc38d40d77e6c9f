"""The training loop: network, batches, training steps and callbacks."""
