"""What Pillow (and pydicom) need for the same work, one core, called from the benchmark "images".

Reads lines "<what> <side> <file list>" from standard input, answers each with "<seconds of processor time> <crc of all results>".
Needs Debian's python3-pil, or any Pillow; pydicom for DICOM.
"""
import sys
import time
import zlib

import numpy
import PIL
from PIL import Image

KEPT = {}


def shrink(image, side):
    return image.resize((side, side), Image.BICUBIC)


def gray(path, side):
    return shrink(Image.open(path), side)


def rgb(path, side):
    # As MED-PEFT opens its files: three equal channels.
    return shrink(Image.open(path).convert("RGB"), side).getchannel(0)


def dicom(path, side):
    import pydicom

    # MED-PEFT's own scaling, without OpenCV: 8 bits, the largest value becomes 255.
    pixels = pydicom.dcmread(path).pixel_array
    scaled = numpy.rint(pixels * numpy.float32(255 / pixels.max())).astype(numpy.uint8)
    return shrink(Image.fromarray(scaled), side)


def crop(path, side):
    # Decoded once and kept in memory; the box is three quarters of each side, off the middle.
    if path not in KEPT:
        KEPT[path] = numpy.asarray(Image.open(path))
    image = Image.fromarray(KEPT[path])
    width, height = image.size
    w, h = width * 3 // 4, height * 3 // 4
    x, y = width // 8 + 1, height // 8 + 1
    return shrink(image.crop((x, y, x + w, y + h)), side)


print(f"Pillow {PIL.__version__}, Python {sys.version.split()[0]}", flush=True)
for line in sys.stdin:
    what, side, listing = line.split()
    with open(listing) as names:
        paths = names.read().split("\n")
    work = {"gray": gray, "rgb": rgb, "dicom": dicom, "crop": crop}[what]
    if what == "crop":
        for path in paths:
            work(path, int(side))
    crc = 0
    try:
        start = time.process_time()
        results = [work(path, int(side)) for path in paths]
        seconds = time.process_time() - start
        for result in results:
            crc = zlib.crc32(result.tobytes(), crc)
        print(seconds, crc, flush=True)
    except Exception as error:  # a package that is not there: the benchmark leaves the column empty
        print(f"- {type(error).__name__}", flush=True)
