namespace MedPeft.Lora.Imaging;

/// <summary>
/// Keeps the last large pixel array that a thread is done with for the next image of the same size. Fresh megabytes cost more than their pixels do: the
/// system hands them out page by page, and the collector runs for them again and again.
/// </summary>
internal static class PixelBuffers
{
    // Smaller arrays are cheap, and images of changing sizes would only be held on to.
    private const int Large = 85_000;

    [ThreadStatic]
    private static byte[]? kept;

    /// <summary>An array of exactly this length, with anything in it.</summary>
    public static byte[] Take(int length)
    {
        var array = kept;
        if (array?.Length != length) return GC.AllocateUninitializedArray<byte>(length);
        kept = null;
        return array;
    }

    /// <summary>Hands over an image's pixels. Whoever calls this made the image, gave it to nobody, and does not use it again.</summary>
    public static void GiveBack(PixelImage image)
    {
        if (image.Pixels.Length >= Large) kept = image.Pixels;
    }
}
