namespace MedPeft.Lora.Imaging.Dicom.Rendering;

/// <summary>From stored values to what the modality measured: PS3.3 §C.11.1. A table if the file holds one, else slope and intercept.</summary>
internal static class ModalityTransform
{
    /// <summary>The measured value of every bit pattern, [2^bits].</summary>
    public static double[] Apply(RawFrame frame, DataSet set)
    {
        var values = new double[1 << frame.Bits];
        if (set.ModalityLut is { } item && (item.Descriptor is not null || item.Data is not null))
        {
            var table = LookupTable.Read(set, item, frame.Signed, out var problem)
                ?? throw new DicomFormatException($"has a modality lookup table (0028,3000) that {problem}, so its values have no meaning. The file is damaged.");
            for (var i = 0; i < values.Length; i++) values[i] = table.Map(frame.Number(i));
            return values;
        }

        var slope = set.Number(DicomTag.RescaleSlope) ?? 1;
        var intercept = set.Number(DicomTag.RescaleIntercept) ?? 0;
        if (!double.IsFinite(slope) || !double.IsFinite(intercept) || slope == 0 || Math.Abs(slope) > 1e30 || Math.Abs(intercept) > 1e30)
            throw new DicomFormatException("has a RescaleSlope (0028,1053) or RescaleIntercept (0028,1052) that is no number or zero, so its values have no meaning. The file is damaged.");
        for (var i = 0; i < values.Length; i++) values[i] = (slope * frame.Number(i)) + intercept;
        return values;
    }
}
