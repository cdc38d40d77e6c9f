"""The public names."""

from keras_mixers.layers import MLP as MLP
from keras_mixers.layers import ClassToken as ClassToken
from keras_mixers.layers import ConvMixerBlock as ConvMixerBlock
from keras_mixers.layers import DropPath as DropPath
from keras_mixers.layers import LayerNorm as LayerNorm
from keras_mixers.layers import MixerBlock as MixerBlock
from keras_mixers.layers import PatchEmbed as PatchEmbed
from keras_mixers.layers import SinusoidalPosition as SinusoidalPosition
from keras_mixers.layers import SoftSplit as SoftSplit
from keras_mixers.layers import TokenPerformer as TokenPerformer
from keras_mixers.layers import TokenTransformer as TokenTransformer
from keras_mixers.layers import TransformerBlock as TransformerBlock
from keras_mixers.models.catalogue import list_models as list_models
from keras_mixers.models.catalogue import model_info as model_info
from keras_mixers.models.conv_mixer import ConvMixer as ConvMixer
from keras_mixers.models.features import feature_model as feature_model
from keras_mixers.models.mlp_mixer import MLPMixer as MLPMixer
from keras_mixers.models.registry import create_model as create_model
from keras_mixers.models.t2t_vit import T2TViT as T2TViT
from keras_mixers.models.variant import Preprocessing as Preprocessing
from keras_mixers.models.variant import Variant as Variant
from keras_mixers.weights.checkpoint import CheckpointError as CheckpointError
from keras_mixers.weights.load import load_checkpoint as load_checkpoint
