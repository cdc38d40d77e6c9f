"""`python -m keras_mixers`, the same as `keras-mixers`."""

from keras_mixers.cli import main

if __name__ == "__main__":
    main()
