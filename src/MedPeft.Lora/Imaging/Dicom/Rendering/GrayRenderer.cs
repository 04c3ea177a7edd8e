namespace MedPeft.Lora.Imaging.Dicom.Rendering;

/// <summary>From stored values to 8-bit gray: modality, values of interest, inversion (PS3.3 §C.11, PS3.4 §N.2), by one table over all bit patterns.</summary>
internal static class GrayRenderer
{
    public static PixelImage Render(RawFrame frame, DataSet set, Photometric photometric, DicomOptions options, ICollection<string>? remarks)
    {
        if (set.HasFunctionalGroups) remarks?.Add("The file has functional groups (5200,9229); windows and rescaling inside them are not read.");
        var values = ModalityTransform.Apply(frame, set);
        var shades = new byte[values.Length];
        Shade(frame, set, options, values, shades, remarks);
        if (photometric == Photometric.Monochrome1 || set.Code(DicomTag.PresentationLutShape) == "INVERSE")
        {
            for (var i = 0; i < shades.Length; i++) shades[i] = (byte)(255 - shades[i]);
        }

        return Map(frame, shades);
    }

    /// <summary>Looks every value up.</summary>
    public static PixelImage Map(RawFrame frame, byte[] shades)
    {
        var pixels = PixelBuffers.Take(frame.Values.Length);
        Cells.Map(frame.Values, shades, pixels);
        return new PixelImage(frame.Width, frame.Height, 1, pixels);
    }

    private static void Shade(RawFrame frame, DataSet set, DicomOptions options, double[] values, byte[] shades, ICollection<string>? remarks)
    {
        if (options.Windowing == DicomWindowing.File)
        {
            if (ReadVoiLut(frame, set, values, remarks) is { } table)
            {
                var top = (1 << table.Bits) - 1;
                for (var i = 0; i < shades.Length; i++) shades[i] = ToByte((double)table.Map(values[i]) / top);
                return;
            }

            if (Window.Read(set, remarks) is { } window)
            {
                for (var i = 0; i < shades.Length; i++) shades[i] = ToByte(window.Map(values[i]));
                return;
            }
        }

        var (low, high) = Percentiles.Find(frame, values, set, options.LowPercentile, options.HighPercentile);
        if (low == high) (low, high) = Percentiles.Find(frame, values, set, 0, 100);
        remarks?.Add(FormattableString.Invariant($"The values {low:G6} to {high:G6} are shown (percentiles {options.LowPercentile:G6} to {options.HighPercentile:G6})."));
        for (var i = 0; i < shades.Length; i++) shades[i] = high > low ? ToByte((values[i] - low) / (high - low)) : (byte)0;
    }

    private static LookupTable? ReadVoiLut(RawFrame frame, DataSet set, double[] values, ICollection<string>? remarks)
    {
        if (set.VoiLut is not { } item || (item.Descriptor is null && item.Data is null)) return null;
        var table = LookupTable.Read(set, item, frame.Signed || values.Min() < 0, out var problem);
        if (table is null) remarks?.Add($"The VOI lookup table (0028,3010) is ignored: it {problem}.");
        return table;
    }

    private static byte ToByte(double shade) => (byte)Math.Round(Math.Clamp(shade, 0, 1) * 255);
}
