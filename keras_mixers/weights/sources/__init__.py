"""Where the released weights are: one module a family, one row a file."""

from keras_mixers.weights.sources.source import Source as Source
from keras_mixers.weights.sources.table import SOURCES as SOURCES
from keras_mixers.weights.sources.table import find_source as find_source
from keras_mixers.weights.sources.table import sources_of as sources_of
