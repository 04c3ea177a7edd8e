using System.Globalization;

namespace MedPeft.Lora.Data;

/// <summary>What a loader, cache, trainer or predictor does about an image that cannot be read.</summary>
public sealed record OnBadImage
{
    private OnBadImage(double limit) => Limit = limit;

    /// <summary>Stop with the image's error: the default wherever images train or are kept. A predictor skips instead.</summary>
    public static OnBadImage Raise { get; } = new(0);

    /// <summary>The largest share of the data set's images that may be skipped; 0 for none.</summary>
    public double Limit { get; }

    /// <summary>Leave such images out of their batches and record them in <see cref="ImageLoader.Skipped"/>, up to a share of the data set.</summary>
    /// <param name="limit">The largest share, above 0 and at most 1. One image of a thousand by default: more points at a broken disk or download.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not above 0 and at most 1.</exception>
    public static OnBadImage SkipAndRecord(double limit = .001)
        => limit is > 0 and <= 1
            ? new OnBadImage(limit)
            : throw new ArgumentOutOfRangeException(
                nameof(limit), string.Create(CultureInfo.InvariantCulture, $"Found {limit}; a share above 0 and at most 1 fits, such as 0.001."));

    /// <summary>Prints the choice.</summary>
    public override string ToString() => Limit == 0 ? "Raise" : string.Create(CultureInfo.InvariantCulture, $"SkipAndRecord({Limit})");

    /// <summary>How many different images of a set may be skipped: the share, rounded down, but at least one.</summary>
    internal int Allowed(int count) => Limit == 0 ? 0 : Math.Max(1, (int)(Limit * count));
}
