using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Caching;

/// <summary>Where an image lies in the cache.</summary>
internal sealed record CachedImage(CacheSegment Segment, int Number)
{
    /// <summary>An image of pixels.</summary>
    public PixelImage Read()
    {
        var entry = Segment.Entries[Number];
        var pixels = PixelBuffers.Take((int)entry.Bytes);
        Segment.Read(Number, pixels);
        return new PixelImage(entry.Width, entry.Height, entry.Channels, pixels);
    }

    /// <summary>Copies the values as they are.</summary>
    public void Read(Span<byte> values) => Segment.Read(Number, values);
}
