"""`python -m tests.training.two_cpus ...` is `keras-mixers ...` where TensorFlow sees two CPUs."""

from keras_mixers.cli import main
from tests.training.replicas import two_cpus

if __name__ == "__main__":
    two_cpus()
    main()
