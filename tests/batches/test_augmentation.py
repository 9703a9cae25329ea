"""Augmentation: each step as the 2019 code computed it, and how often a recipe takes it."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.batches import augmentation as augment
from unequal.batches.augmentation import augment_colour, augment_plain
from unequal.batches.colour_map import ColourMap
from unequal.support.random_streams import Purpose, generator


@pytest.fixture(scope="module")
def steps(golden):
    """The images that the 2019 steps gave."""
    return {k[4:]: v for k, v in np.load(golden / "h_misc" / "misc.npz").items() if "aug/" in k}


def after(image, step, *alpha):
    """The image after one colour step."""
    colours = ColourMap(image)
    getattr(colours, step)(*alpha)
    return colours.image()


def numbered(size=6):
    """An uint8 image whose pixels all differ."""
    return np.arange(size * size * 3, dtype=np.uint8).reshape(size, size, 3)


@pytest.mark.parametrize("step", ["brightness", "contrast", "saturation"])
@pytest.mark.parametrize("change", ["0.13", "-0.07", "0.2", "-0.2"])
def test_jitters_are_those_of_the_2019_code(steps, step, change):
    result = after(steps["src"], step, 1.0 + float(change))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, steps[f"{step}_{change}"], rtol=0, atol=1e-4)


def test_gray_is_that_of_the_2019_code(steps):
    np.testing.assert_allclose(after(steps["src"], "gray"), steps["gray"], rtol=0, atol=1e-4)


def test_mirror_is_that_of_the_2019_code(steps):
    np.testing.assert_array_equal(augment.mirror(steps["src"]), steps["mirror"])


@pytest.mark.parametrize("step", ["brightness", "contrast", "saturation"])
def test_a_jitter_of_an_uint8_image_is_float32(step):
    image = numbered()
    result = after(image, step, 1.17)
    assert result.dtype == np.float32
    wanted = after(image.astype(np.float32), step, 1.17)
    np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-4)


def test_cutoff_is_a_grey_square_within_the_image():
    image = numbered(10)
    covered = augment.cutoff(image, row=1, column=8, size=5)
    square = np.zeros((10, 10), bool)
    square[0:3, 6:10] = True
    assert covered.dtype == np.float32
    assert (covered[square] == 127.5).all()
    np.testing.assert_array_equal(covered[~square], image[~square])


def test_the_plain_recipe_mirrors_half_of_the_images_and_stays_uint8():
    image, count = numbered(), 2000
    mirrored = 0
    for position in range(count):
        result = augment_plain(image, generator(1, Purpose.IMAGE, 0, position))
        assert result.dtype == np.uint8
        same = np.array_equal(result, image)
        assert same or np.array_equal(result, image[:, ::-1])
        mirrored += not same
    assert abs(mirrored - count / 2) < 5 * np.sqrt(count / 4)


def test_the_plain_recipe_without_mirror_changes_nothing():
    image = numbered()
    for position in range(20):
        rng = generator(1, Purpose.IMAGE, 0, position)
        np.testing.assert_array_equal(augment_plain(image, rng, False), image)


def test_cutoff_centres_lie_anywhere_in_the_image():
    image = np.zeros((8, 8, 3), np.uint8)
    hit = np.zeros((8, 8), int)
    for position in range(600):
        rng = generator(2, Purpose.IMAGE, 0, position)
        hit += augment_plain(image, rng, False, 2)[:, :, 0] == 127.5
    assert (hit > 0).all()


def test_the_colour_recipe_takes_each_step_as_often_as_the_2019_code(monkeypatch):
    taken = {name: 0 for name in ("gray", "brightness", "contrast", "saturation", "mirror")}
    factors, orders = [], set()

    def count_mirror(image):
        taken["mirror"] += 1
        return image

    def spy(name):
        def step(self, *alpha):
            taken[name] += 1
            factors.extend(alpha)
            order.append(name)

        return step

    for name in ("gray", "brightness", "contrast", "saturation"):
        monkeypatch.setattr(ColourMap, name, spy(name))
    monkeypatch.setattr(augment, "mirror", count_mirror)
    count = 4000
    for position in range(count):
        order = []
        augment_colour(numbered(), generator(3, Purpose.IMAGE, 0, position))
        orders.add(tuple(name for name in order if name not in ("gray", "mirror")))
    for name, chance in (("gray", 0.2), ("contrast", 0.2), ("mirror", 0.5)):
        assert abs(taken[name] - chance * count) < 5 * np.sqrt(count * chance * (1 - chance))
    assert taken["brightness"] == taken["contrast"] == taken["saturation"]
    assert len(orders) == 7, "nothing, or the three jitters in each of six orders"
    assert 0.8 <= min(factors) < 0.81 and 1.19 < max(factors) <= 1.2


def test_the_same_place_in_a_run_gives_the_same_image_and_another_place_does_not():
    image = np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)

    def results(seed, purpose, round_number):
        return [
            augment_colour(image, generator(seed, purpose, round_number, position)).tolist()
            for position in range(40)
        ]

    first = results(1, Purpose.IMAGE, 1)
    assert first == results(1, Purpose.IMAGE, 1)
    for other in ((2, Purpose.IMAGE, 1), (1, Purpose.TAIL_IMAGE, 1), (1, Purpose.IMAGE, 2)):
        assert first != results(*other)
