"""`python -m tests.helpers.two_cpus ...` is `keras-mixers ...` where TensorFlow sees two CPUs."""

from keras_mixers_cli.app import main
from tests.helpers.local_replicas import logical_cpus

if __name__ == "__main__":
    logical_cpus(2)
    main()
