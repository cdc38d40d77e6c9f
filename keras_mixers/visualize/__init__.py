"""Pictures of a model's predictions, of what it has learned and of what it looks at.

Each picture has a function that returns its numbers, as numpy arrays, and one that draws them. To
draw needs matplotlib.
"""

from .attention import attention_rollout as attention_rollout
from .attention import attention_rollout_figure as attention_rollout_figure
from .attention import attention_weights as attention_weights
from .canvas import FRAME as FRAME
from .canvas import RIGHT as RIGHT
from .canvas import WRONG as WRONG
from .canvas import frame as frame
from .canvas import image_axes as image_axes
from .canvas import new_figure as new_figure
from .depthwise import depthwise_figure as depthwise_figure
from .depthwise import depthwise_kernels as depthwise_kernels
from .feature_maps import feature_maps as feature_maps
from .feature_maps import feature_maps_figure as feature_maps_figure
from .feature_maps import useless_channels as useless_channels
from .filters import first_filters as first_filters
from .filters import patch_filters as patch_filters
from .grad_cam import grad_cam as grad_cam
from .grad_cam import grad_cam_figure as grad_cam_figure
from .network import NoPictureError as NoPictureError
from .predictions import prediction_sheet as prediction_sheet
from .predictions import save_overview as save_overview
from .receptive_field import ReceptiveField as ReceptiveField
from .receptive_field import draw_fields as draw_fields
from .receptive_field import noise_images as noise_images
from .receptive_field import receptive_field_figure as receptive_field_figure
from .receptive_field import receptive_fields as receptive_fields
from .receptive_field import shown_fields as shown_fields
from .token_mixing import token_matrices as token_matrices
from .token_mixing import token_mixing_figure as token_mixing_figure
from .token_mixing import token_mixing_maps as token_mixing_maps
