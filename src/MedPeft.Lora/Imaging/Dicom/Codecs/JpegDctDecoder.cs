using SkiaSharp;

namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>Lossy JPEG: 8 bits through Skia (libjpeg-turbo), 12 bits through <see cref="Jpeg12Decoder"/>.</summary>
internal static class JpegDctDecoder
{
    /// <summary>An Adobe marker that says: the three components are red, green and blue already.</summary>
    private static ReadOnlySpan<byte> AdobeRgb => [0xFF, 0xEE, 0, 14, (byte)'A', (byte)'d', (byte)'o', (byte)'b', (byte)'e', 0, 100, 0, 0, 0, 0, 0];

    /// <summary>Decodes a picture to [rows, columns, samples]; three samples come as red, green and blue.</summary>
    public static ushort[] Decode(ReadOnlyMemory<byte> data, PixelLayout layout, out int precision)
    {
        var stream = new JpegStream(data);
        var scan = stream.NextScan() ?? throw JpegStream.Error("has no scan");
        stream.CheckFrame(layout.Columns, layout.Rows, layout.Samples);
        precision = stream.Precision;
        if (stream.FrameMarker is not (0xC0 or 0xC1))
            throw new DicomFormatException($"holds a JPEG picture of the kind FF{stream.FrameMarker:X2}, but its transfer syntax says baseline or extended (FFC0, FFC1). Convert it: gdcmconv --raw in.dcm out.dcm");

        // A block of 64 samples takes two bits at least; subsampled colour has half as many blocks as pixels of gray.
        if ((long)layout.Columns * layout.Rows > 256L * data.Length) throw JpegStream.Error($"has {data.Length} bytes for {layout.Columns}x{layout.Rows} pixels");
        if (precision == 12) return Jpeg12Decoder.Decode(stream, scan);
        if (precision != 8) throw JpegStream.Error($"claims {precision} bits; lossy pictures have 8 or 12");

        // Each scan costs Skia the whole picture again, so a stream of thousands of scans of nothing is refused first.
        var scans = 1;
        for (var next = stream.NextScan(scan.DataStart); next is not null; next = stream.NextScan(next.DataStart))
        {
            if (++scans > layout.Samples) throw JpegStream.Error($"has more than {layout.Samples} scan(s)");
        }

        var isRgb = layout is { Samples: 3, Photometric: Photometric.Rgb } && !stream.HasColourMarker;
        return DecodeWithSkia(isRgb ? [.. data.Span[..2], .. AdobeRgb, .. data.Span[2..]] : data.ToArray(), layout);
    }

    private static ushort[] DecodeWithSkia(byte[] data, PixelLayout layout)
    {
        var gray = layout.Samples == 1;
        using var bytes = SKData.CreateCopy(data);
        using var codec = SKCodec.Create(bytes) ?? throw JpegStream.Error("its decoder does not accept");
        if (codec.Info.Width != layout.Columns || codec.Info.Height != layout.Rows) throw JpegStream.Error($"decodes to {codec.Info.Width}x{codec.Info.Height} pixels");
        var info = new SKImageInfo(layout.Columns, layout.Rows, gray ? SKColorType.Gray8 : SKColorType.Rgba8888, gray ? SKAlphaType.Opaque : SKAlphaType.Unpremul, colorspace: null);
        var decoded = GC.AllocateUninitializedArray<byte>(info.BytesSize);
        SKCodecResult result;
        unsafe
        {
            fixed (byte* target = decoded) result = codec.GetPixels(info, (nint)target);
        }

        if (result != SKCodecResult.Success) throw JpegStream.Error($"does not decode to its end ({result})");
        var cells = GC.AllocateUninitializedArray<ushort>(layout.SamplesPerFrame);
        if (gray)
        {
            Cells.Widen(decoded.AsSpan(0, cells.Length), cells);
            return cells;
        }

        for (int source = 0, target = 0; target < cells.Length; source += 4, target += 3)
            (cells[target], cells[target + 1], cells[target + 2]) = (decoded[source], decoded[source + 1], decoded[source + 2]);
        return cells;
    }
}
