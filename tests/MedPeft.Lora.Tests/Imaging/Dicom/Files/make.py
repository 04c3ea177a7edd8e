"""Makes synthetic sources and has DCMTK and GDCM encode them. usage: make.py OUT WIDTH HEIGHT"""
import subprocess, sys, os
import numpy as np, pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

out, W, H = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(7)

def picture(bits, noise):
    """A ramp, a flat disc, a flat frame and noise: every mode of every codec is reached."""
    y, x = np.mgrid[0:H, 0:W]
    top = (1 << bits) - 1
    v = (x * 3 + y * 5) / (3 * W + 5 * H) * top * .8
    v = v + rng.normal(0, noise * top, v.shape)
    v[(x - W * .6) ** 2 + (y - H * .5) ** 2 < (min(W, H) * .25) ** 2] = top * .9
    v[: H // 6] = 0
    v[H // 4: H // 3, W // 3:] = rng.integers(0, top + 1, (H // 3 - H // 4, W - W // 3))
    return np.clip(np.rint(v), 0, top).astype(np.uint16)

def save(name, a, bits, allocated, signed=False, photometric='MONOCHROME2', planar=None, high=None):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = '1.2.840.10008.5.1.4.1.1.7'
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = '2.25.1'
    ds.StudyInstanceUID = ds.SeriesInstanceUID = '2.25.2'
    ds.Modality = 'OT'
    frames = a.shape[0] if a.ndim == 3 and photometric.startswith('MONO') else 1
    ds.SamplesPerPixel = 3 if not photometric.startswith('MONO') else 1
    ds.PhotometricInterpretation = photometric
    if ds.SamplesPerPixel == 3: ds.PlanarConfiguration = planar or 0
    if frames > 1: ds.NumberOfFrames = frames
    ds.Rows, ds.Columns = H, W
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, bits, bits - 1 if high is None else high
    ds.PixelRepresentation = int(signed)
    raw = a.astype('<u2' if allocated == 16 else 'u1').tobytes()
    ds.PixelData = raw + b'\0' * (len(raw) % 2)
    ds['PixelData'].VR = 'OW'
    ds.is_little_endian, ds.is_implicit_VR = True, False
    ds.save_as(f'{out}/{name}.dcm', write_like_original=False)

def run(*args):
    p = subprocess.run(args, capture_output=True, text=True)
    if p.returncode: print('FAILED', ' '.join(args), (p.stdout + p.stderr).strip()[:300])
    return p.returncode == 0

g8, g12, g16 = picture(8, .01), picture(12, .002), picture(16, .004)
save('g8', g8, 8, 8); save('g12', g12, 12, 16); save('g16', g16, 16, 16)
save('s16', (g16.astype(int) - 32768).astype(np.int16).view(np.uint16), 16, 16, signed=True)
rgb = np.stack([picture(8, .01), picture(8, .02), picture(8, .005)], -1)
save('rgb', rgb, 8, 8, photometric='RGB')
save('frames', np.stack([g8, g8[::-1], g8[:, ::-1]]), 8, 8)

for s in ['g8', 'g12', 'g16', 's16', 'rgb']:
    for sv in range(1, 8):
        if sv == 1 or s == 'g16':
            run('dcmcjpeg', '+el', '+sv', str(sv), f'{out}/{s}.dcm', f'{out}/{s}.dcmtk-lossless-sv{sv}.dcm')
    run('gdcmconv', '-J', f'{out}/{s}.dcm', f'{out}/{s}.gdcm-lossless.dcm')
    run('gdcmconv', '-L', f'{out}/{s}.dcm', f'{out}/{s}.gdcm-jpegls.dcm')
    run('gdcmconv', '-R', f'{out}/{s}.dcm', f'{out}/{s}.gdcm-rle.dcm')
    run('dcmcrle', f'{out}/{s}.dcm', f'{out}/{s}.dcmtk-rle.dcm')
    if s != 'rgb': run('dcmcjpls', f'{out}/{s}.dcm', f'{out}/{s}.dcmtk-jpegls.dcm')
    for near in [3] if s != 's16' else []:  # DCMTK has no near-lossless coding of signed pixels
        n = f'{out}/{s}.dcmtk-near{near}'
        if run('dcmcjpls', '+en', '+md', str(near), f'{out}/{s}.dcm', n + '.dcm'):
            run('dcmdjpls', n + '.dcm', n + '.expected.dcm')
for mode in 'lsn':
    run('dcmcjpls', '+i' + mode, f'{out}/rgb.dcm', f'{out}/rgb.dcmtk-jpegls-i{mode}.dcm')
    n = f'{out}/rgb.dcmtk-near2-i{mode}'
    if run('dcmcjpls', '+en', '+md', '2', '+i' + mode, f'{out}/rgb.dcm', n + '.dcm'): run('dcmdjpls', n + '.dcm', n + '.expected.dcm')
run('dcmcjpls', '+pc', '+t1', '5', '+t2', '12', '+t3', '40', '+rs', '31', f'{out}/g8.dcm', f'{out}/g8.dcmtk-jpegls-preset.dcm')
run('dcmcjpls', '+pc', f'{out}/g12.dcm', f'{out}/g12.dcmtk-jpegls-cooked.dcm')
def lossy(name, source, *args):
    n = f'{out}/{source}.dcmtk-{name}'
    if run('dcmcjpeg', *args, f'{out}/{source}.dcm', n + '.dcm'): run('dcmdjpeg', n + '.dcm', n + '.expected.dcm')
lossy('baseline', 'g8', '+eb', '+q', '85')
lossy('extended8', 'g8', '+ee', '+q', '85')
lossy('extended12', 'g12', '+ee', '+bt', '+q', '90')
lossy('baseline-422', 'rgb', '+eb', '+q', '90')
lossy('baseline-444', 'rgb', '+eb', '+s4', '+q', '90')
lossy('baseline-rgb', 'rgb', '+eb', '+cr', '+q', '90')
lossy('pt2', 'g12', '+el', '+sv', '4', '+pt', '2', '+pl')
run('gdcmconv', '-K', f'{out}/g8.dcm', f'{out}/g8.gdcm-j2k.dcm')
run('gdcmconv', '-d', f'{out}/g12.dcm', f'{out}/g12.gdcm-deflated.dcm')
run('dcmconv', '+td', f'{out}/g12.dcm', f'{out}/g12.dcmtk-deflated.dcm')
run('dcmconv', '+tb', f'{out}/g12.dcm', f'{out}/g12.dcmtk-bigendian.dcm')
run('dcmconv', '+tb', f'{out}/g8.dcm', f'{out}/g8.dcmtk-bigendian.dcm')
run('dcmconv', '+ti', f'{out}/g12.dcm', f'{out}/g12.dcmtk-implicit.dcm')
run('dcmconv', '+ti', '-F', f'{out}/g12.dcm', f'{out}/g12.dcmtk-nometa-implicit.dcm')
run('dcmconv', '+te', '-F', f'{out}/g12.dcm', f'{out}/g12.dcmtk-nometa-explicit.dcm')
run('gdcmconv', '--planar-configuration', '1', f'{out}/rgb.dcm', f'{out}/rgb.gdcm-planar.dcm')
run('gdcmconv', '-P', 'YBR_FULL', f'{out}/rgb.dcm', f'{out}/rgb.gdcm-ybr.dcm')
run('dcmcrle', f'{out}/frames.dcm', f'{out}/frames.dcmtk-rle.dcm')
run('dcmcjpeg', '+e1', '-ot', f'{out}/frames.dcm', f'{out}/frames.dcmtk-lossless-notable.dcm')
run('dcmcjpls', '+fs', '1', f'{out}/frames.dcm', f'{out}/frames.dcmtk-jpegls-split.dcm')
run('dcmcjpls', '+fs', '1', '-ot', f'{out}/frames.dcm', f'{out}/frames.dcmtk-jpegls-split-notable.dcm')
