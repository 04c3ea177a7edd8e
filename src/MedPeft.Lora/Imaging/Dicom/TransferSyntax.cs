namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>How the pixels are packed.</summary>
internal enum PixelCodec
{
    Native,
    Rle,
    JpegBaseline,
    JpegExtended,
    JpegLossless,
    JpegLs,
    Refused,
}

/// <summary>How a file's data set is written: PS3.5 annex A and PS3.6 annex A.</summary>
internal sealed record TransferSyntax(string Uid, string Name, PixelCodec Codec, bool Implicit = false, bool BigEndian = false, bool Deflated = false)
{
    private const string Root = "1.2.840.10008.1.2";

    private static readonly Dictionary<string, TransferSyntax> Known = new TransferSyntax[]
    {
        new(Root, "implicit little endian", PixelCodec.Native, Implicit: true),
        new(Root + ".1", "explicit little endian", PixelCodec.Native),
        new(Root + ".1.99", "deflated explicit little endian", PixelCodec.Native, Deflated: true),
        new(Root + ".2", "explicit big endian", PixelCodec.Native, BigEndian: true),
        new(Root + ".4.50", "JPEG baseline", PixelCodec.JpegBaseline),
        new(Root + ".4.51", "JPEG extended", PixelCodec.JpegExtended),
        new(Root + ".4.57", "JPEG lossless", PixelCodec.JpegLossless),
        new(Root + ".4.70", "JPEG lossless, first-order prediction", PixelCodec.JpegLossless),
        new(Root + ".4.80", "JPEG-LS lossless", PixelCodec.JpegLs),
        new(Root + ".4.81", "JPEG-LS near-lossless", PixelCodec.JpegLs),
        new(Root + ".4.90", "JPEG 2000 lossless", PixelCodec.Refused),
        new(Root + ".4.91", "JPEG 2000", PixelCodec.Refused),
        new(Root + ".4.92", "JPEG 2000 part 2 lossless", PixelCodec.Refused),
        new(Root + ".4.93", "JPEG 2000 part 2", PixelCodec.Refused),
        new(Root + ".4.201", "HTJ2K lossless", PixelCodec.Refused),
        new(Root + ".4.202", "HTJ2K lossless RPCL", PixelCodec.Refused),
        new(Root + ".4.203", "HTJ2K", PixelCodec.Refused),
        new(Root + ".4.100", "MPEG-2", PixelCodec.Refused),
        new(Root + ".4.102", "MPEG-4", PixelCodec.Refused),
        new(Root + ".5", "RLE", PixelCodec.Rle),
    }.ToDictionary(syntax => syntax.Uid, StringComparer.Ordinal);

    public static TransferSyntax ImplicitLittleEndian { get; } = Known[Root];

    public static TransferSyntax ExplicitLittleEndian { get; } = Known[Root + ".1"];

    /// <summary>Whether pixel data must come in fragments.</summary>
    public bool Encapsulated => Codec != PixelCodec.Native;

    public static TransferSyntax Find(string uid) =>
        Known.TryGetValue(uid, out var syntax) ? syntax
        : throw new DicomFormatException($"has the transfer syntax '{uid}', which is not read here. Convert it: gdcmconv --raw in.dcm out.dcm");

    public override string ToString() => $"{Name} ({Uid})";
}
