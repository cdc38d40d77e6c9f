"""The public names of keras_mixers."""

from typing import TYPE_CHECKING

from keras_mixers.catalogue import list_models as list_models
from keras_mixers.catalogue import model_info as model_info
from keras_mixers.catalogue.preprocessing import Preprocessing as Preprocessing
from keras_mixers.catalogue.source import Source as Source
from keras_mixers.catalogue.variant import Variant as Variant
from keras_mixers.labels import decode_predictions as decode_predictions
from keras_mixers.layers import MLP as MLP
from keras_mixers.layers import Affine as Affine
from keras_mixers.layers import ClassToken as ClassToken
from keras_mixers.layers import ConvMixerBlock as ConvMixerBlock
from keras_mixers.layers import DistilledHead as DistilledHead
from keras_mixers.layers import DropPath as DropPath
from keras_mixers.layers import GMLPBlock as GMLPBlock
from keras_mixers.layers import LayerNorm as LayerNorm
from keras_mixers.layers import LayerScale as LayerScale
from keras_mixers.layers import LearnedPosition as LearnedPosition
from keras_mixers.layers import MixerBlock as MixerBlock
from keras_mixers.layers import PatchEmbed as PatchEmbed
from keras_mixers.layers import ResMLPBlock as ResMLPBlock
from keras_mixers.layers import SinusoidalPosition as SinusoidalPosition
from keras_mixers.layers import SoftSplit as SoftSplit
from keras_mixers.layers import SpatialGatingUnit as SpatialGatingUnit
from keras_mixers.layers import TokenPerformer as TokenPerformer
from keras_mixers.layers import TokenTransformer as TokenTransformer
from keras_mixers.layers import TransformerBlock as TransformerBlock
from keras_mixers.models.conv_mixer import ConvMixer as ConvMixer
from keras_mixers.models.feature_model import feature_model as feature_model
from keras_mixers.models.gmlp import gMLP as gMLP
from keras_mixers.models.heads import reset_head as reset_head
from keras_mixers.models.mlp_mixer import MLPMixer as MLPMixer
from keras_mixers.models.registry import create_model as create_model
from keras_mixers.models.res_mlp import ResMLP as ResMLP
from keras_mixers.models.t2t_vit import T2TViT as T2TViT
from keras_mixers.models.vit import ViT as ViT
from keras_mixers.weights.by_name import download_weights as download_weights
from keras_mixers.weights.errors import CheckpointError as CheckpointError
from keras_mixers.weights.errors import DownloadError as DownloadError
from keras_mixers.weights.load import load_checkpoint as load_checkpoint
from keras_mixers.weights.save import save_checkpoint as save_checkpoint

if TYPE_CHECKING:
    from keras_mixers.inference import evaluation_images as evaluation_images
    from keras_mixers.inference import load as load


def __getattr__(name: str) -> object:
    if name not in ("evaluation_images", "load"):
        raise AttributeError(f"module 'keras_mixers' has no attribute {name!r}")
    # Images need Pillow, which building and loading models doesn't.
    from keras_mixers import inference

    return getattr(inference, name)
