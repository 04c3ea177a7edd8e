namespace MedPeft.Lora.Imaging.Dicom.Rendering;

/// <summary>What a window does with its edges: PS3.3 §C.11.2.1.2 and §C.11.2.1.3.</summary>
internal enum WindowFunction
{
    Linear,
    LinearExact,
    Sigmoid,
}

/// <summary>A window: the range of values that is shown, from black to white.</summary>
internal sealed record Window(double Center, double Width, WindowFunction Function)
{
    /// <summary>Reads the first window of a file. Null without a remark: there is none. Null with one: it cannot be used.</summary>
    public static Window? Read(DataSet set, ICollection<string>? remarks)
    {
        var center = set.Number(DicomTag.WindowCenter);
        var width = set.Number(DicomTag.WindowWidth);
        if (center is null && width is null) return null;

        var name = set.Code(DicomTag.VoiLutFunction);
        var function = name switch
        {
            "LINEAR_EXACT" => WindowFunction.LinearExact,
            "SIGMOID" => WindowFunction.Sigmoid,
            _ => WindowFunction.Linear,
        };
        if (set.Has(DicomTag.VoiLutFunction) && name is not ("LINEAR" or "LINEAR_EXACT" or "SIGMOID"))
            remarks?.Add("The VOI LUT function (0028,1056) is unknown; LINEAR is used.");

        var least = function == WindowFunction.Linear ? 1 : double.Epsilon;
        if (center is { } c && width is { } w && double.IsFinite(c) && w >= least) return new Window(c, w, function);
        remarks?.Add($"The window (0028,1050) and (0028,1051) is ignored: {(center is null || width is null ? "half of it is missing" : double.IsFinite(center.Value) && double.IsFinite(width.Value) ? "its width is too small" : "it is no number")}.");
        return null;
    }

    /// <summary>The shade of a value, 0 (black) to 1 (white).</summary>
    public double Map(double value)
    {
        switch (Function)
        {
            case WindowFunction.Sigmoid:
                return 1 / (1 + Math.Exp(-4 * (value - Center) / Width));
            case WindowFunction.LinearExact:
                return Math.Clamp(((value - Center) / Width) + 0.5, 0, 1);
            default:
                var half = (Width - 1) / 2;
                if (value <= Center - 0.5 - half) return 0;
                if (value > Center - 0.5 + half) return 1;
                return ((value - (Center - 0.5)) / (Width - 1)) + 0.5;
        }
    }
}
