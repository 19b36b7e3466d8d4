"""IBSI's data sets as settings: digital phantom, configurations A to E of the CT phantom."""

from dataclasses import dataclass

OUTLIER_SIGMA = 3


@dataclass(frozen=True)
class Configuration:
    """How IBSI asks for a phantom's features (Zwanenburg et al., Radiology 2020, table 1).

    discretisation: in PyRadiomics' names. reference: file of IBSI's values; folder: the phantom's.
    spacing_mm: voxel to resample to, (x, y, z), 0 keeps an axis; None: no resampling.
    interpolator: of the intensities, SimpleITK's name. range_hu: closed range of re-segmentation.
    outliers: whether voxels beyond mean +- 3 standard deviations of the mask are left out.
    by_slice: texture in slices and not in 3D.
    """

    name: str
    discretisation: dict
    reference: str
    folder: str = "ct_phantom"
    spacing_mm: tuple[float, float, float] | None = None
    interpolator: str = "sitkLinear"
    range_hu: tuple[float, float] | None = None
    outliers: bool = False
    by_slice: bool = False

    def feature_settings(self) -> dict:
        """Return PyRadiomics' settings of what follows resampling and re-segmentation."""
        by_slice = {"force2D": True, "force2Ddimension": 0} if self.by_slice else {}
        return {**self.discretisation, **by_slice}

    def settings(self) -> dict:
        """Return PyRadiomics' own settings that come nearest to the configuration.

        It has one re-segmentation: where a range and outliers are asked for, the range is set.
        """
        settings = self.feature_settings()
        if self.spacing_mm:
            settings["resampledPixelSpacing"] = list(self.spacing_mm)
            settings["interpolator"] = self.interpolator
        if self.range_hu:
            settings["resegmentRange"] = list(self.range_hu)
        elif self.outliers:
            settings["resegmentRange"] = [-OUTLIER_SIGMA, OUTLIER_SIGMA]
            settings["resegmentMode"] = "sigma"
        return settings


DIGITAL_PHANTOM = Configuration(
    "digital phantom", {"binWidth": 1}, "ibsi_1_dig_phantom.csv", folder="digital_phantom"
)
CONFIGURATIONS = (
    Configuration(
        "A",
        {"binWidth": 25},
        "ibsi_1_chest_config_a.csv",
        range_hu=(-500, 400),
        by_slice=True,
    ),
    Configuration(
        "B",
        {"binCount": 32},
        "ibsi_1_chest_config_b.csv",
        spacing_mm=(2, 2, 0),
        range_hu=(-500, 400),
        by_slice=True,
    ),
    Configuration(
        "C",
        {"binWidth": 25},
        "ibsi_1_chest_config_c.csv",
        spacing_mm=(2, 2, 2),
        range_hu=(-1000, 400),
    ),
    Configuration(
        "D",
        {"binCount": 32},
        "ibsi_1_chest_config_d.csv",
        spacing_mm=(2, 2, 2),
        outliers=True,
    ),
    Configuration(
        "E",
        {"binCount": 32},
        "ibsi_1_chest_config_e.csv",
        spacing_mm=(2, 2, 2),
        interpolator="sitkBSpline",
        range_hu=(-1000, 400),
        outliers=True,
    ),
)
