"""`python -m tests.helpers.two_cpus ...` is `keras-mixers ...` where TensorFlow sees two CPUs."""

from benchmarks.distributed.replicas import logical_cpus
from keras_mixers_cli.app import main

if __name__ == "__main__":
    logical_cpus(2)
    main()
