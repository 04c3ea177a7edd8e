using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

/// <summary>One image and what the data set says about it.</summary>
public sealed record ImageRecord
{
    /// <summary>The image file, below the root that was opened.</summary>
    public required string Path { get; init; }

    /// <summary>One number for each of the data set's labels: 1 present, 0 absent, NaN missing or uncertain. Not a copy: do not change it.</summary>
    public required float[] Labels { get; init; }

    /// <summary>The patient; null if unknown. Names count within a <see cref="Source"/>: two sources may give one person two names.</summary>
    public string? Patient { get; init; }

    /// <summary>The examination, unique over all patients of a <see cref="Source"/>; null if unknown.</summary>
    public string? Study { get; init; }

    /// <summary>The collection that names patient and study, so that merged sets do not mix up its patient 1 with another's.</summary>
    /// <value>The default is empty: a collection of its own.</value>
    public string Source { get; init; } = "";

    /// <summary>The direction of the rays.</summary>
    /// <value>The default is unknown.</value>
    public ViewPosition View { get; init; }

    /// <summary>The patient's age in years; null where the data set gives none or an impossible one (outside 0 to 120).</summary>
    public double? Age { get; init; }

    /// <summary>The patient's sex.</summary>
    /// <value>The default is unknown.</value>
    public Sex Sex { get; init; }

    /// <summary>Where findings lie; empty for most images, which says nothing about their absence.</summary>
    public IReadOnlyList<FindingBox> Boxes { get; init; } = [];

    /// <summary>How the pixels become 8 bits where the file is a DICOM file; it has no effect on others.</summary>
    /// <value>The default is null: <see cref="DicomOptions.Default"/>.</value>
    public DicomOptions? Dicom { get; init; }

    /// <summary>Decodes the image, as loader, cache and leak check do where they are given no other way.</summary>
    /// <returns>Its pixels: one channel for gray files, else three.</returns>
    /// <exception cref="ImageException">The file is missing, damaged, too large or of another kind.</exception>
    public PixelImage Decode() => ImageDecoder.Decode(Path, dicom: Dicom);

    /// <summary>The patient over all sources; null if unknown.</summary>
    internal string? PatientKey => Patient is null ? null : Source.Length == 0 ? Patient : $"{Source}/{Patient}";

    /// <summary>Prints the labels' number and the view, never the path or the patient.</summary>
    public override string ToString() => $"image with {Labels.Count(l => l > 0)} of {Labels.Length} findings, view {View}";
}
