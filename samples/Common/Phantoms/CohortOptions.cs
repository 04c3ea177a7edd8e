namespace MedPeft.Samples.Phantoms;

/// <summary>Who comes to be X-rayed.</summary>
public sealed record CohortOptions
{
    /// <summary>Number of images.</summary>
    public int Images { get; init; } = 1000;

    /// <summary>Side of the pictures in pixels; the default is 128.</summary>
    public int Size { get; init; } = 128;

    /// <summary>Decides everything.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Every finding is this many times as frequent as in ChestX-ray14; the default is 1, the real table.</summary>
    public double PrevalenceScale { get; init; } = 1;

    /// <summary>No finding is rarer than this: a hernia in 0.2 % of a small set is no hernia at all. The default is 0, the real table.</summary>
    public double MinimumPrevalence { get; init; }
}
