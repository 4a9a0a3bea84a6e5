"""Networks that are ready to be trained: one page each."""

from mpsnn.models.activity import activity
from mpsnn.models.classifier import Classifier
from mpsnn.models.digits import digits
from mpsnn.models.from_torch import from_torch
from mpsnn.models.inception import InceptionLogits, inception_v3, inception_v3_with_auxiliary
from mpsnn.models.resnet import resnet18, resnet50
from mpsnn.models.tiny_yolo import TINY_YOLO_ANCHORS, tiny_yolo

__all__ = [
    "TINY_YOLO_ANCHORS",
    "Classifier",
    "InceptionLogits",
    "activity",
    "digits",
    "from_torch",
    "inception_v3",
    "inception_v3_with_auxiliary",
    "resnet18",
    "resnet50",
    "tiny_yolo",
]
