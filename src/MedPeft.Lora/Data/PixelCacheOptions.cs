using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

/// <summary>What a <see cref="PixelCache"/> keeps. Caches of different choices share a folder without meeting.</summary>
public sealed record PixelCacheOptions
{
    /// <summary>Pixels of the shorter side of the images kept; smaller images stay as they are.</summary>
    /// <value>The default is 256: room for a crop of 224, 7.3 GB for ChestX-ray14.</value>
    public int ShortSide { get; init => field = Require.AtLeastOne(value); } = 256;

    /// <summary>How a record becomes pixels, on all threads at once; null decodes the record's file. Give <see cref="Version"/> with it.</summary>
    /// <value>The default is null.</value>
    public Func<ImageRecord, PixelImage>? Decode { get; init; }

    /// <summary>Names what <see cref="Decode"/> does, so that a change of it is never served old pixels.</summary>
    /// <value>The default is empty.</value>
    public string Version { get; init; } = "";

    /// <summary>What to do about an image that cannot be read while the cache is filled.</summary>
    /// <value>The default is <see cref="OnBadImage.Raise"/>.</value>
    public OnBadImage OnBadImage { get; init; } = OnBadImage.Raise;

    /// <summary>Threads that decode; 0 takes one for each core.</summary>
    /// <value>The default is 0.</value>
    public int Threads { get; init => field = Require.NotNegative(value); }

    /// <summary>Bytes of pixels in a file of the cache. A crash loses what is not yet a whole file.</summary>
    /// <value>The default is 268,435,456 (256 MiB).</value>
    public long FileBytes { get; init => field = Require.AtLeastOne(value); } = 256L << 20;

    /// <summary>All that decides the pixels, as text.</summary>
    internal string Key => FormattableString.Invariant($"MedPeft.Lora pixels 1; short side {ShortSide}; bicubic; {Version}");
}
