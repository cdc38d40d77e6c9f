"""`python -m keras_mixers_cli`, the same as `keras-mixers`."""

from keras_mixers_cli.app import main

if __name__ == "__main__":
    main()
