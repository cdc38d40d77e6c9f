"""The layers of the three networks; each works in any Keras model."""

from .activations import gelu as gelu
from .activations import gelu_tanh as gelu_tanh
from .class_token import ClassToken as ClassToken
from .conv_mixer_block import ConvMixerBlock as ConvMixerBlock
from .drop_path import DropPath as DropPath
from .layer_norm import LayerNorm as LayerNorm
from .mixer_block import MixerBlock as MixerBlock
from .mlp import MLP as MLP
from .patch_embed import PatchEmbed as PatchEmbed
from .sinusoidal_position import SinusoidalPosition as SinusoidalPosition
from .soft_split import SoftSplit as SoftSplit
from .token_performer import TokenPerformer as TokenPerformer
from .token_transformer import TokenTransformer as TokenTransformer
from .transformer_block import TransformerBlock as TransformerBlock
