namespace MedPeft.Lora.Imaging;

/// <summary>How a DICOM file becomes an 8-bit image.</summary>
public sealed record DicomOptions
{
    /// <summary>The options used where none are given.</summary>
    public static DicomOptions Default { get; } = new();

    /// <summary>As MED-PEFT reads RSNA files, for comparisons with its numbers; see <see cref="DicomWindowing.MedPeftRsna"/>.</summary>
    public static DicomOptions MedPeftRsna { get; } = new() { Windowing = DicomWindowing.MedPeftRsna };

    /// <summary>Which frame to read, from 0.</summary>
    /// <value>The default is null: the only frame, and an error where there are several.</value>
    public int? Frame { get; init => field = value is null or >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(Frame), value, "Frames count from 0."); }

    /// <summary>How gray values become 8 bits.</summary>
    /// <value>The default is <see cref="DicomWindowing.File"/>.</value>
    public DicomWindowing Windowing { get; init; } = DicomWindowing.File;

    /// <summary>The percentile of the image's values that becomes black where no window is used.</summary>
    /// <value>The default is 0.5.</value>
    public double LowPercentile { get; init => field = Percentile(value, nameof(LowPercentile)); } = 0.5;

    /// <summary>The percentile of the image's values that becomes white where no window is used.</summary>
    /// <value>The default is 99.5.</value>
    public double HighPercentile { get; init => field = Percentile(value, nameof(HighPercentile)); } = 99.5;

    /// <summary>Whether a colour image becomes gray (ITU-R 601 luma, as Pillow computes it).</summary>
    /// <value>The default is false: a colour image has three channels.</value>
    public bool Gray { get; init; }

    /// <summary>All that decides the pixels, as text: two options of one text give the same pixels.</summary>
    internal string Key => FormattableString.Invariant($"frame {Frame}; {Windowing}; {LowPercentile:R} to {HighPercentile:R}; gray {Gray}");

    /// <summary>Refuses percentiles in the wrong order.</summary>
    internal void Validate()
    {
        if (LowPercentile >= HighPercentile) throw new ArgumentException(FormattableString.Invariant($"LowPercentile is {LowPercentile} and HighPercentile {HighPercentile}; the first must be smaller."));
    }

    private static double Percentile(double value, string name) =>
        value is >= 0 and <= 100 ? value : throw new ArgumentOutOfRangeException(name, value, "A percentile lies between 0 and 100.");
}
