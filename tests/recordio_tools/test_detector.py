"""The detector: which face is taken, and in which pixels its landmarks are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recordio_tools import align
from recordio_tools.align_parts import detector as module
from recordio_tools.align_parts.detector import FaceDetector, choose_face
from unequal.faces.decoding import decode_rgb
from unequal.faces.landmarks import read_landmarks
from unequal.support.errors import InputError

MODEL = "face_detection_yunet_2023mar.onnx"


class RedSpots:
    """In place of YuNet: a face is a red spot; its landmarks are the corners and the middle.

    As YuNet it finds only faces of some sizes, here 8 to 200 pixels.
    """

    seen: list[tuple[int, int]] = []

    @classmethod
    def create(cls, *_):
        return cls()

    def setInputSize(self, size):
        self.size = size

    def detect(self, image):
        assert image.shape[1::-1] == tuple(self.size)
        self.seen.append(image.shape[:2])
        blue, _, red = cv2.split(image)
        _, _, spots, _ = cv2.connectedComponentsWithStats(((red > 128) & (blue < 99)).view("u1"))
        boxes = [spot[:4] for spot in spots[1:] if min(spot[2:4]) >= 8 and max(spot[2:4]) < 200]
        return 1, np.array([self.row(*box) for box in boxes], np.float32) if boxes else None

    @staticmethod
    def row(x, y, width, height):
        corners = [
            x,
            y,
            x + width,
            y,
            x + width / 2,
            y + height / 2,
            x,
            y + height,
            x + width,
            y + height,
        ]
        return [x, y, width, height, *corners, 0.9]


@pytest.fixture
def red_spots(monkeypatch, tmp_path) -> FaceDetector:
    monkeypatch.setattr(cv2, "FaceDetectorYN", RedSpots)
    monkeypatch.setattr(RedSpots, "seen", [])
    model = tmp_path / "model.onnx"
    model.write_bytes(b"-")
    return FaceDetector(model)


def spots(height: int, width: int, *boxes: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    for x, y, across, down in boxes:
        image[y : y + down, x : x + across] = (255, 0, 0)
    return image


@pytest.mark.parametrize(
    "shape, box",
    [
        ((200, 200), (60, 80, 40, 50)),
        ((3000, 2000), (800, 1000, 500, 600)),
        ((2000, 3000), (1500, 1000, 30, 40)),
        ((900, 900), (50, 60, 700, 800)),
        ((30, 40), (10, 5, 12, 15)),
        ((20, 3000), (1400, 2, 60, 16)),
    ],
    ids=["usual", "large", "small face in a large one", "close-up", "tiny", "panorama"],
)
def test_landmarks_are_in_pixels_of_a_photo_of_any_size(red_spots, shape, box):
    found = red_spots.landmarks(spots(*shape, box))
    if shape[0] == 20:  # its face is a few pixels high when the width fits
        assert found is None
        return
    expected = np.array(RedSpots.row(*box)[4:14]).reshape(5, 2)
    np.testing.assert_allclose(found, expected, atol=1.5 * max(1.0, max(shape) / 640))
    assert found.dtype == np.float32


def test_the_network_never_sees_a_huge_image_nor_one_below_64_pixels(red_spots):
    red_spots.landmarks(np.zeros((5000, 10), np.uint8)[..., None].repeat(3, 2))
    red_spots.landmarks(np.zeros((7, 7, 3), np.uint8))
    sides = np.array(RedSpots.seen)
    assert sides.min() >= 64 and sides.max() <= 1280


def test_a_photo_without_a_face_has_no_landmarks(red_spots):
    assert red_spots.landmarks(spots(300, 300)) is None


def rows(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array([[*box, *range(10), 0.9] for box in boxes], np.float32)


def test_a_central_face_wins_over_a_larger_one_at_the_edge():
    # areas 3600 and 4900; centres 0 and (75, 0) pixels from the middle: 3600 > 4900 - 2 * 5625
    faces = rows((70, 70, 60, 60), (140, 65, 70, 70))
    assert choose_face(faces, (200, 200))[0] == 70


def test_a_much_larger_face_wins_over_a_central_one():
    # areas 900 and 10000; the second is 50 pixels off: 900 < 10000 - 2 * 2500
    faces = rows((85, 85, 30, 30), (100, 50, 100, 100))
    assert choose_face(faces, (200, 200))[0] == 100


def test_boxes_outside_of_the_photo_or_without_finite_numbers_are_no_faces():
    faces = rows((1e9, 0, 1e10, 50), (-90, 0, 60, 60), (np.inf, 0, 1, 1), (np.nan, 0, 1, 1))
    assert choose_face(faces, (200, 200)) is None
    assert choose_face(rows((10, 20, 30, 40)), (400, 400), 0.5)[:4].tolist() == [20, 40, 60, 80]


def test_a_file_that_is_no_model_is_named(tmp_path, capfd):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"no network at all")
    with pytest.raises(InputError, match="model.onnx: is no YuNet model"):
        FaceDetector(model)
    with pytest.raises(InputError, match="none.onnx: No such file"):
        FaceDetector(tmp_path / "none.onnx")
    capfd.readouterr()


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan")])
def test_a_score_out_of_bounds_is_refused(tmp_path, score):
    with pytest.raises(InputError, match="`min_score`"):
        FaceDetector(tmp_path / "model.onnx", score)


def test_an_opencv_without_the_detector_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.delattr(cv2, "FaceDetectorYN")
    module.open_detector.cache_clear()
    model, output = str(tmp_path / "model.onnx"), str(tmp_path / "faces")
    (tmp_path / "photos").mkdir()
    flags = ["--input", str(tmp_path / "photos"), "--output", output, "--detector", model]
    assert align.main(flags) == 2
    assert capsys.readouterr().err == (
        f"--detector {model}: OpenCV {cv2.__version__} has no FaceDetectorYN; install "
        "opencv-python 4.8 or newer, or give --landmarks\n"
    )


def test_the_same_model_is_opened_once(red_spots, tmp_path):
    module.open_detector.cache_clear()
    path = str(tmp_path / "model.onnx")
    assert module.open_detector(path, 0.5) is module.open_detector(path, 0.5)
    module.open_detector.cache_clear()


def test_real_faces_are_found_at_every_scale_where_they_are(shared):
    real = shared / "real"
    known = read_landmarks(real / "photos_landmarks.txt")
    detector = FaceDetector(real / MODEL)
    paths = sorted((real / "photos").glob("*/*.jpg"))[::20]
    for path in paths:
        image = decode_rgb(path.read_bytes())
        points = known.get(f"{path.parent.name}/{path.name}")
        np.testing.assert_allclose(detector.landmarks(image), points, atol=0.01)
        eyes = np.linalg.norm(points[1] - points[0])
        for scale in (0.2, 5.0):
            scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            off = np.linalg.norm(detector.landmarks(scaled) / scale - points, axis=1).mean()
            assert off < 0.25 * eyes
    assert len(paths) > 5


def test_no_face_is_found_in_images_of_nothing(shared):
    detector = FaceDetector(shared / "real" / MODEL)
    for shape in ((1, 1), (6, 320), (320, 1), (33, 1), (300, 200)):
        assert detector.landmarks(np.full((*shape, 3), 90, np.uint8)) is None
