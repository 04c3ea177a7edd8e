using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Caching;

/// <summary>Where an image lies in the cache.</summary>
internal sealed record CachedImage(CacheSegment Segment, int Number)
{
    public PixelImage Read() => Segment.Read(Number);
}
