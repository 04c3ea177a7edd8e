namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>The colour of the samples: PS3.3 §C.7.6.3.1.2.</summary>
internal enum Photometric
{
    Monochrome1,
    Monochrome2,
    Rgb,
    YbrFull,
    YbrFull422,
}

/// <summary>How pixels lie in their bytes: the image pixel module, PS3.3 §C.7.6.3, checked.</summary>
internal sealed record PixelLayout
{
    public required int Columns { get; init; }

    public required int Rows { get; init; }

    public required int Frames { get; init; }

    public required int Samples { get; init; }

    public required int BitsAllocated { get; init; }

    public required int BitsStored { get; init; }

    public required int HighBit { get; init; }

    public required bool Signed { get; init; }

    public required bool Planar { get; init; }

    public required Photometric Photometric { get; init; }

    /// <summary>Samples of one decoded frame.</summary>
    public int SamplesPerFrame => checked(Columns * Rows * Samples);

    /// <summary>Bytes of one frame that is not compressed.</summary>
    public long NativeBytesPerFrame => Photometric == Photometric.YbrFull422 ? (long)Columns * Rows * 2 : (long)Columns * Rows * Samples * (BitsAllocated / 8);

    public static PixelLayout From(DataSet set)
    {
        var rows = Required(set, DicomTag.Rows, "Rows");
        var columns = Required(set, DicomTag.Columns, "Columns");
        var allocated = Required(set, DicomTag.BitsAllocated, "BitsAllocated");
        if (allocated is not (8 or 16)) throw new DicomFormatException($"holds pixels of {allocated} bits (BitsAllocated); 8 and 16 are read. Radiographs have no others.");

        var stored = set.U16(DicomTag.BitsStored) ?? allocated;
        var high = set.U16(DicomTag.HighBit) ?? stored - 1;
        if (stored < 1 || stored > allocated || high < stored - 1 || high >= allocated)
            throw new DicomFormatException($"claims BitsStored {stored} and HighBit {high} in BitsAllocated {allocated}, which do not fit. The file is damaged.");

        var samples = set.U16(DicomTag.SamplesPerPixel) ?? 1;
        var signed = set.U16(DicomTag.PixelRepresentation) is 1;
        var photometric = FindPhotometric(set.Code(DicomTag.PhotometricInterpretation), samples);
        if (signed && samples == 3) throw new DicomFormatException("holds colours with a sign (PixelRepresentation 1), which have no meaning. The file is damaged.");
        if (photometric >= Photometric.YbrFull && stored != 8) throw new DicomFormatException($"holds YBR colours of {stored} bits; 8 are read.");
        if (photometric == Photometric.YbrFull422 && columns % 2 != 0) throw new DicomFormatException($"holds YBR_FULL_422 pixels in {columns} columns, an odd number. The file is damaged.");
        return new PixelLayout
        {
            Columns = columns,
            Rows = rows,
            Frames = FindFrames(set),
            Samples = samples,
            BitsAllocated = allocated,
            BitsStored = stored,
            HighBit = high,
            Signed = signed,
            Planar = samples > 1 && set.U16(DicomTag.PlanarConfiguration) is 1,
            Photometric = photometric,
        };
    }

    private static int Required(DataSet set, uint tag, string name) =>
        set.U16(tag) is { } value and > 0 ? value : throw new DicomFormatException($"has no {name} {DicomTag.Name(tag)}, without which its pixels cannot be read. It may be a report or a structured object, not an image.");

    private static int FindFrames(DataSet set)
    {
        var frames = set.Number(DicomTag.NumberOfFrames) ?? 1;
        return frames is >= 1 and <= int.MaxValue && frames == Math.Floor(frames) ? (int)frames : throw new DicomFormatException("claims a NumberOfFrames (0028,0008) that is no whole number from 1. The file is damaged.");
    }

    private static Photometric FindPhotometric(string? text, int samples)
    {
        var photometric = text switch
        {
            "MONOCHROME1" => Photometric.Monochrome1,
            "MONOCHROME2" => Photometric.Monochrome2,
            "RGB" => Photometric.Rgb,
            "YBR_FULL" => Photometric.YbrFull,
            "YBR_FULL_422" => Photometric.YbrFull422,
            null => throw new DicomFormatException("has no readable PhotometricInterpretation (0028,0004), so black and white cannot be told apart."),
            "PALETTE COLOR" => throw new DicomFormatException("has PALETTE COLOR pixels, which are not read. Convert it: dcmj2pnm --write-png in.dcm out.png"),
            _ => throw new DicomFormatException($"has {text} pixels; MONOCHROME1, MONOCHROME2, RGB, YBR_FULL and YBR_FULL_422 are read. Convert it: dcmj2pnm --write-png in.dcm out.png"),
        };
        var fits = photometric <= Photometric.Monochrome2 ? 1 : 3;
        return samples == fits ? photometric : throw new DicomFormatException($"claims {samples} samples a pixel for {text}, which has {fits}. The file is damaged.");
    }
}
