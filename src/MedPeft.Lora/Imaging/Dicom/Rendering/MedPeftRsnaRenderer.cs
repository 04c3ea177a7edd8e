namespace MedPeft.Lora.Imaging.Dicom.Rendering;

/// <summary>What MED-PEFT's reader of RSNA files does: OpenCV's convertScaleAbs by 255 / maximum, and then bitwise_not for MONOCHROME1.</summary>
/// <remarks>No rescaling, no window; negative values fold to positive ones, and the brightest pixel sets the scale. Kept for comparisons only.</remarks>
internal static class MedPeftRsnaRenderer
{
    public static PixelImage Render(RawFrame frame, Photometric photometric, ICollection<string>? remarks)
    {
        var max = frame.Signed ? frame.Values.Max(value => frame.Number(value)) : Cells.Largest(frame.Values);
        if (max == 0) remarks?.Add("The largest value is 0, by which MED-PEFT divides: the image is black, as its own becomes.");

        var scale = max == 0 ? 0 : (float)(255.0 / max);
        var shades = new byte[1 << frame.Bits];
        for (var i = 0; i < shades.Length; i++)
        {
            shades[i] = (byte)Math.Min(255f, MathF.Round(MathF.Abs(frame.Number(i) * scale)));
            if (photometric == Photometric.Monochrome1) shades[i] = (byte)(255 - shades[i]);
        }

        return GrayRenderer.Map(frame, shades);
    }
}
