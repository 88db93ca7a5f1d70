"""Figures on a dark ground: a drawn figure gets other colours, so that no function that draws knows of two versions.

Grey becomes the opposite grey. A colour stays, or is mixed with white until it stands out from the ground. The
contrast is that of the Web Content Accessibility Guidelines 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
"""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import ListedColormap, to_rgba, to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

GROUND = np.array(to_rgba("#14181d")[:3])  # also the ground of the report, in its style sheet
INK = np.array(to_rgba("#e3e7ea")[:3])
GREY = 0.08  # largest difference of red, green and blue that counts as grey
CONTRAST = 3.0  # of lines and points, which the guidelines ask for


def luminance(colour):
    """Return the relative luminance of a colour (red, green, blue from 0 to 1)."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """Return the contrast ratio of two colours (red, green, blue from 0 to 1), between 1 and 21."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def on_dark(colour):
    """Return a colour (red, green, blue, opacity) for the dark ground."""
    rgb, opacity = np.array(colour[:3]), colour[3]
    if np.ptp(rgb) < GREY:
        rgb = INK + (GROUND - INK) * rgb.mean()
    else:
        white = 0.0
        while contrast(mixed := rgb + white * (1 - rgb), GROUND) < CONTRAST:
            white += 0.05
        rgb = mixed
    return (*map(float, rgb), float(opacity))


def _all_on_dark(colours):
    """Return an array of colours for the dark ground, from what matplotlib takes as colours."""
    return [on_dark(colour) for colour in to_rgba_array(colours)]


def _colour_map(cmap):
    """Return a colour map for the dark ground."""
    return ListedColormap(_all_on_dark(cmap(np.arange(cmap.N))), name=f"{cmap.name}, dark")


def recolour(figure):
    """Change the colours of a figure for the dark ground.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure that has been drawn.
    """
    figure.draw_without_rendering()  # ticks are made when they are drawn
    artists = {id(artist): artist for artist in figure.findobj(Artist)}
    # Colour maps first: a colour bar draws itself again when the map of its points changes.
    for artist in artists.values():
        if isinstance(artist, Collection) and artist.get_array() is not None:
            artist.set_cmap(_colour_map(artist.get_cmap()))
    for artist in artists.values():
        if isinstance(artist, Text):
            artist.set_color(on_dark(to_rgba(artist.get_color())))
        elif isinstance(artist, Line2D):
            _line(artist)
        elif isinstance(artist, Patch):
            face, edge = artist.get_facecolor(), artist.get_edgecolor()
            artist.set_facecolor(on_dark(face))
            artist.set_edgecolor(on_dark(edge))
        elif isinstance(artist, Collection) and artist.get_array() is None:
            face, edge = artist.get_facecolor(), artist.get_edgecolor()
            artist.set_facecolor(_all_on_dark(face))
            artist.set_edgecolor(_all_on_dark(edge))
    for axes in figure.axes:  # of ticks that are made anew
        axes.tick_params(which="both", color=tuple(INK), labelcolor=tuple(INK))


def _line(line):
    """Change the colours of a line and its markers."""
    parts = (line.get_color(), line.get_markerfacecolor(), line.get_markeredgecolor())
    for change, part in zip((line.set_color, line.set_markerfacecolor, line.set_markeredgecolor), parts, strict=True):
        change("none" if str(part) == "none" else on_dark(to_rgba(part)))
