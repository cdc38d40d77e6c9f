"""Where each weight of a model stands in a released checkpoint, a table for each family."""

from keras_mixers.weights.layouts.conv_mixer import CONV_MIXER_LAYOUTS
from keras_mixers.weights.layouts.gmlp import GMLP_LAYOUTS
from keras_mixers.weights.layouts.layout import Layout as Layout
from keras_mixers.weights.layouts.layout import Rule as Rule
from keras_mixers.weights.layouts.mlp_mixer import MIXER_LAYOUTS
from keras_mixers.weights.layouts.res_mlp import RES_MLP_LAYOUTS
from keras_mixers.weights.layouts.t2t_vit import T2T_VIT_LAYOUTS
from keras_mixers.weights.layouts.vit import VIT_LAYOUTS

LAYOUTS_OF_FAMILY = {
    "ConvMixer": CONV_MIXER_LAYOUTS,
    "MLPMixer": MIXER_LAYOUTS,
    "T2TViT": T2T_VIT_LAYOUTS,
    "ViT": VIT_LAYOUTS,
    "ResMLP": RES_MLP_LAYOUTS,
    "gMLP": GMLP_LAYOUTS,
}
LAYOUTS = tuple(layout for layouts in LAYOUTS_OF_FAMILY.values() for layout in layouts)
