"""Finding objects in pictures: what is needed around `Graph.yolo_loss`.

Boxes are (M, 4) of xmin, ymin, xmax, ymax in pixels, in numpy. `encode` makes labels of them,
`decode` makes boxes of a network's outputs, `mean_average_precision` says how good they are.
"""

from mpsnn.detection.anchors import anchors
from mpsnn.detection.augmentation import Augmentation, crop, mirror, quarter_turns, relight
from mpsnn.detection.boxes import iou, nms
from mpsnn.detection.grid import Detections, Grid, decode, encode
from mpsnn.detection.network import Detector, detector, small_yolo
from mpsnn.detection.pictures import save_boxes
from mpsnn.detection.precision import average_precision, mean_average_precision
from mpsnn.detection.views import Views

__all__ = [
    "Augmentation",
    "Detections",
    "Detector",
    "Grid",
    "Views",
    "anchors",
    "average_precision",
    "crop",
    "decode",
    "detector",
    "encode",
    "iou",
    "mean_average_precision",
    "mirror",
    "nms",
    "quarter_turns",
    "relight",
    "save_boxes",
    "small_yolo",
]
