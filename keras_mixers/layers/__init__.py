"""The layers of the networks; each works in any Keras model."""

from .activations import gelu as gelu
from .activations import gelu_tanh as gelu_tanh
from .affine import Affine as Affine
from .class_token import ClassToken as ClassToken
from .conv_mixer_block import ConvMixerBlock as ConvMixerBlock
from .distilled_head import DistilledHead as DistilledHead
from .drop_path import DropPath as DropPath
from .gmlp_block import GMLPBlock as GMLPBlock
from .layer_norm import LayerNorm as LayerNorm
from .layer_scale import LayerScale as LayerScale
from .learned_position import LearnedPosition as LearnedPosition
from .mixer_block import MixerBlock as MixerBlock
from .mlp import MLP as MLP
from .patch_embed import PatchEmbed as PatchEmbed
from .res_mlp_block import ResMLPBlock as ResMLPBlock
from .sinusoidal_position import SinusoidalPosition as SinusoidalPosition
from .soft_split import SoftSplit as SoftSplit
from .spatial_gating_unit import SpatialGatingUnit as SpatialGatingUnit
from .token_performer import TokenPerformer as TokenPerformer
from .token_transformer import TokenTransformer as TokenTransformer
from .transformer_block import TransformerBlock as TransformerBlock
