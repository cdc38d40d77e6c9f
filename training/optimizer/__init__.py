"""AdamW, LAMB and SGD as the papers' code computes them, and the rules for weight decay.

Keras's optimizers differ. Its Adam adds epsilon before the bias correction of the second moment, so
that an epsilon of 1e-3 acts like 3e-2 in the first step. Its LAMB rescales all variables, and
leaves weight decay out of what it rescales. Its SGD multiplies the gradient by the learning rate
before the momentum, and has a single learning rate for all variables.
"""

from training.optimizer.adamw import AdamW
from training.optimizer.build import build_optimizer
from training.optimizer.lamb import LAMB
from training.optimizer.sgd import SGD
from training.optimizer.weight_decay import is_decayed

__all__ = ["LAMB", "SGD", "AdamW", "build_optimizer", "is_decayed"]
