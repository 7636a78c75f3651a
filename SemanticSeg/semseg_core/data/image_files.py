"""Image files as arrays and grids, through SimpleITK. ITK speaks LPS: here, and nowhere else, LPS and RAS meet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semseg_core.data import nifti
from semseg_core.errors import InputError, SemSegError
from semseg_core.files import replacing, require_file, require_writable
from semseg_core.geometry import TOLERANCE_MM, Grid

if TYPE_CHECKING:
    import SimpleITK

WRITABLE = (".nii.gz", ".nii", ".nrrd", ".mha")
"""Suffixes of what can be written: formats that keep a volume and its grid in one file."""

LPS_RAS = np.diag((-1.0, -1.0, 1.0, 1.0))

PERMISSIVE = "ITK_NIFTI_SFORM_PERMISSIVE"
"""Environment variable that lets ITK read a sheared NIfTI. It then makes the axes orthogonal, so its affine is not used."""


STDERR = 2


@dataclass(frozen=True, eq=False)
class ImageFile:
    """A file as stored.

    Args:
        frames: Time points or components, (F, D, H, W), dtype of the file; F is 1 for a scalar image.
        grid: Where the voxels lie.
        metadata: The header's free keys and values.
        notes: What the user should know about how it was read.
    """

    frames: np.ndarray
    grid: Grid
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_image_file(path: str | Path, what: str) -> ImageFile:
    """Read a NIfTI, NRRD, MetaImage, TIFF, PNG… file.

    Args:
        path: The file.
        what: What it should be, for messages ("image", "label map").

    Raises:
        InputError: If it is missing, a directory, empty, truncated, damaged, DICOM, or not an image, or a NIfTI with NaN.
    """
    if Path(path).is_dir():
        raise InputError(f"{what} {path}: is a directory; name a file (load a DICOM folder in Slicer, or convert it to NIfTI)")
    path = require_file(path, what)
    with _simpleitk() as sitk:
        image_io = sitk.ImageFileReader.GetImageIOFromFileName(str(path))
        if not image_io:
            raise InputError(f"{what} {path}: not an image file, or a damaged one; NIfTI, NRRD and MetaImage can be read")
        if image_io == "GDCMImageIO":
            raise InputError(f"{what} {path}: is DICOM; load the series in Slicer and save it as NRRD, or convert it to NIfTI")
        header = nifti.read_header(path) if image_io == "NiftiImageIO" else None
        if header is not None:
            nifti.require_sound_data(path, header, what)
        try:
            file = _read(sitk, path, header)
        except RuntimeError as error:
            raise InputError(f"{what} {path}: the file is truncated or damaged; copy or export it again") from error
        except SemSegError as error:
            raise InputError(f"{what} {path}: {error}") from error
    if image_io == "TIFFImageIO" and file.grid.shape[0] > 1:
        # Nor can a truncated stack be told from a short one.
        raise InputError(f"{what} {path}: a TIFF stack does not tell its spacing; convert it to NRRD or NIfTI")
    return file


def require_image_path(path: str | Path, what: str) -> Path:
    """The path as a `Path`, if an image can be written there; called before long work, not after it.

    Raises:
        InputError: If the suffix is none of `WRITABLE`, or the folder cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith(WRITABLE):
        raise InputError(f"{what} {path}: the format is chosen by the name, which must end in {', '.join(WRITABLE)}")
    return require_writable(path, what)


def write_image_file(
    path: str | Path, array: np.ndarray, grid: Grid, what: str, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a volume, compressed, and make sure that it arrived whole.

    Args:
        path: Where to; the suffix chooses the format, one of `WRITABLE`.
        array: Voxels, (D, H, W), any integer or float dtype the format knows.
        grid: Where they lie.
        what: What it is, for messages.
        metadata: Free keys and values for the header; kept by NRRD only.

    Raises:
        InputError: If the suffix is unknown, the format cannot hold the grid, the folder cannot be written or the disk is full;
            an earlier file stays as it was.
    """
    path = require_image_path(path, what)
    with _simpleitk() as sitk, replacing(path, what) as temporary:
        image = to_sitk(array, grid)
        for key, text in (metadata or {}).items():
            image.SetMetaData(key, text)
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True)
            # On a full disk some of ITK's writers end early without a word, so the file is read once more.
            written = _convert(sitk, sitk.ReadImage(str(temporary)))
        except RuntimeError:
            written = None
        if written is None or not np.array_equal(written.frames[0], array):
            raise InputError(f"{what} {path}: could not be written completely; free some disk space (nothing was overwritten)")
        if not written.grid.same_as(grid):
            raise InputError(f"{what} {path}: this format cannot hold axes that are not at right angles; write .nrrd or .mha")


def resample_linear(frames: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    """Frames, (F, D, H, W) float32, interpolated linearly onto another grid; NaN outside the image."""
    with _simpleitk() as sitk:
        reference = to_sitk(np.zeros(target.shape, dtype=np.uint8), target)
        resampled = []
        for frame in frames:
            image = sitk.Resample(to_sitk(frame, grid), reference, sitk.Transform(), sitk.sitkLinear, float("nan"))
            resampled.append(sitk.GetArrayFromImage(image))
        return np.stack(resampled)


def to_sitk(array: np.ndarray, grid: Grid) -> SimpleITK.Image:
    """A SimpleITK image of a (D, H, W) array on a grid."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array)
    lps = LPS_RAS @ grid.ijk_to_ras
    spacing = np.array(grid.spacing_mm[::-1])
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def _read(sitk: object, path: Path, header: nifti.NiftiHeader | None) -> ImageFile:
    """The file as ITK reads it, with the sform of a NIfTI where ITK refuses that."""
    sform = None if header is None else header.sform
    try:
        file = _convert(sitk, sitk.ReadImage(str(path)))
    except RuntimeError as error:
        if sform is None or "orthonormal" not in str(error):
            raise
        with _environment(PERMISSIVE, "1"):
            file = _convert(sitk, sitk.ReadImage(str(path)))
        note = f"{path}: its axes are not at right angles, which Slicer refuses in NIfTI; write results as .seg.nrrd"
        return replace(file, grid=Grid(file.grid.shape, sform), notes=(note,))
    if sform is not None:
        distance = np.abs(Grid(file.grid.shape, sform).corners_ras() - file.grid.corners_ras()).max()
        if distance > TOLERANCE_MM:
            note = f"{path}: its sform and qform differ by up to {distance:.3g} mm; the qform counts, as in Slicer"
            return replace(file, notes=(note,))
    return file


def _convert(sitk: object, image: SimpleITK.Image) -> ImageFile:
    array = sitk.GetArrayFromImage(image)
    if "vector" in image.GetPixelIDTypeAsString():
        array = np.moveaxis(array, -1, 0)
    slices = array.shape[-3:] if image.GetDimension() > 2 else (1, *array.shape[-2:])
    metadata = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    return ImageFile(array.reshape(-1, *slices), Grid(slices, _affine(image)), metadata)


def _affine(image: SimpleITK.Image) -> np.ndarray:
    """Affine to RAS of the first three axes; a 2D image becomes one slice of 1 mm."""
    count = image.GetDimension()
    used = min(count, 3)
    lps = np.eye(4)
    lps[:used, :used] = (np.array(image.GetDirection()).reshape(count, count) * np.array(image.GetSpacing()))[:used, :used]
    lps[:used, 3] = image.GetOrigin()[:used]
    return LPS_RAS @ lps


@contextmanager
def _simpleitk() -> Iterator[object]:
    """SimpleITK with standard error closed: its formats write there past Python, and the caller reports what matters."""
    import SimpleITK as sitk

    try:
        shown = os.dup(STDERR)
    except OSError:  # a windowed program on Windows has no standard error
        yield sitk
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    try:
        yield sitk
    finally:
        os.dup2(shown, STDERR)
        os.close(shown)
        os.close(nowhere)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
