"""`python -m tests.training.two_cpus ...` is `keras-mixers ...` where TensorFlow sees two CPUs."""

from benchmarks.two_replicas import logical_cpus
from keras_mixers.cli import main

if __name__ == "__main__":
    logical_cpus(2)
    main()
