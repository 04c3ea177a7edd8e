using System.Buffers.Binary;

namespace MedPeft.Lora.Imaging;

/// <summary>What the first bytes of a PNG or JPEG file say: enough to refuse it before a decoder allocates anything.</summary>
internal readonly record struct ImageHeader(bool IsPng, int Width, int Height, bool IsGray, int Bits, bool Interlaced)
{
    // A progressive file needs about ten scans. Thousands of empty ones keep a decoder busy for minutes.
    private const int MaxScans = 128;

    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Reads the header of a PNG or JPEG file.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="name">Its name for errors.</param>
    /// <exception cref="ImageException">It is neither, or ends inside the header.</exception>
    public static ImageHeader Read(ReadOnlySpan<byte> data, string name)
    {
        if (data.IsEmpty) throw new ImageException(name, "is empty (0 bytes). Fetch it again.");
        if (data.StartsWith(PngSignature)) return ReadPng(data, name);
        if (data is [0xFF, 0xD8, 0xFF, ..]) return ReadJpeg(data, name);
        if (data.Length < 8 && (PngSignature.StartsWith(data) || data is [0xFF] or [0xFF, 0xD8])) throw Truncated(name, data.Length);
        throw new ImageException(name, FileKind.Describe(data));
    }

    /// <summary>The error of a file that ends too early.</summary>
    public static ImageException Truncated(string name, long bytes)
        => new(name, $"is truncated: it ends after {bytes} bytes, before its last pixel. Fetch it again.");

    private static ImageHeader ReadPng(ReadOnlySpan<byte> data, string name)
    {
        if (data.Length < 33) throw Truncated(name, data.Length);
        if (!data.Slice(12, 4).SequenceEqual("IHDR"u8)) throw new ImageException(name, "is damaged: a PNG file starts with an IHDR chunk. Fetch it again.");
        var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(data[16..]), BinaryPrimitives.ReadUInt32BigEndian(data[20..]));
        // Colour types 0 and 4 are gray without and with alpha; a palette counts as colour even where all its entries are gray.
        return new ImageHeader(true, (int)Math.Min(width, int.MaxValue), (int)Math.Min(height, int.MaxValue), data[25] is 0 or 4, data[24], data[28] != 0);
    }

    private static ImageHeader ReadJpeg(ReadOnlySpan<byte> data, string name)
    {
        var at = 2;
        while (true)
        {
            var skip = at < data.Length ? data[at..].IndexOf((byte)0xFF) : -1;
            if (skip < 0) throw Truncated(name, data.Length);
            at += skip;
            while (at < data.Length && data[at] == 0xFF) at++;
            if (at + 7 >= data.Length) throw Truncated(name, data.Length);
            var marker = data[at++];
            if (marker is 0x00 or 0x01 or (>= 0xD0 and <= 0xD8)) continue;
            if (marker is 0xD9 or 0xDA) throw new ImageException(name, "is damaged: its pixels start before its size is given. Fetch it again.");
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                CheckScans(data[at..], name);
                var frame = data[(at + 2)..];
                var (height, width) = (BinaryPrimitives.ReadUInt16BigEndian(frame[1..]), BinaryPrimitives.ReadUInt16BigEndian(frame[3..]));
                return new ImageHeader(false, width, height, frame.Length > 5 && frame[5] == 1, frame[0], false);
            }

            at += BinaryPrimitives.ReadUInt16BigEndian(data[at..]);
        }
    }

    private static void CheckScans(ReadOnlySpan<byte> data, string name)
    {
        // Coded pixels never hold FF DA, so every one of these is a scan (or sits in a comment, which no file has 128 times).
        var scans = data.Count([(byte)0xFF, (byte)0xDA]);
        if (scans > MaxScans) throw new ImageException(name, $"holds {scans} scans; a JPEG file has at most {MaxScans} here. It is damaged or made to keep a decoder busy.");
    }
}
