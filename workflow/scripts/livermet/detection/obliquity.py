"""How far the slices of a CT are tilted to the body's axial plane; what is told of axes says so.

A canonical CT keeps the direction in which it was reconstructed: of an oblique one 'axial' slices
are its own. Long and short axis are measured in them.
"""

import math

import SimpleITK as sitk

# Below it a length in the slice is that of its axial shadow within 0.4 % (the cosine).
OBLIQUE_DEGREES = 5.0


def tilt_degrees(ct: sitk.Image) -> float:
    """Return the angle between the normal of an image's slices and the body's axis (degrees)."""
    # Row by row: the third column is the slices' normal, its last value the share along the body.
    along_body = abs(ct.GetDirection()[8])
    return math.degrees(math.acos(min(1.0, along_body)))


def plane_told(tilt: float) -> str:
    """Name the slices that axes lie in: axial, or tilted by so many degrees."""
    if tilt <= OBLIQUE_DEGREES:
        return "axial slice"
    return f"slice of the scan, tilted by {tilt:.0f} degrees to the axial plane"
