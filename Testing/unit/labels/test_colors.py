"""Colors as text, and colors chosen for trees."""

import colorsys

from semseg_core.labels.colors import from_hex, shades, to_hex, tree_colors


def test_hexadecimal_text_and_back():
    assert to_hex((1.0, 0.0, 0.2)) == "#ff0033"
    assert from_hex(" ff0033") == from_hex("#FF0033") == (1.0, 0.0, 0.2)
    assert from_hex("#ff003") is None
    assert from_hex("red") is None


def test_siblings_are_nearer_in_hue_than_strangers(weighted_tree):
    colors = tree_colors(weighted_tree)
    hue = {label.name: colorsys.rgb_to_hsv(*colors[label.id])[0] for label in weighted_tree.leaves}
    assert abs(hue["x2"] - hue["x3"]) < abs(hue["x2"] - hue["y2"])
    assert len(set(colors.values())) == len(weighted_tree)


def test_shades_keep_the_hue_and_get_lighter():
    blue = (0.1, 0.2, 0.9)
    tones = [colorsys.rgb_to_hls(*tone) for tone in shades(blue, 5)]
    assert all(abs(hue - colorsys.rgb_to_hls(*blue)[0]) < 0.02 for hue, _, _ in tones)
    assert [lightness for _, lightness, _ in tones] == sorted(lightness for _, lightness, _ in tones)
    assert shades(blue, 1) == [blue]
    assert shades(blue, 0) == []
