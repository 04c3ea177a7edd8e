using MedPeft.Lora.Imaging.Dicom.Codecs;

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>From the bytes of a frame to its stored values, whatever the transfer syntax.</summary>
internal static class FrameDecoder
{
    /// <summary>Decodes one frame.</summary>
    /// <param name="pixels">The value of the pixel data element.</param>
    /// <param name="layout">The checked image pixel module.</param>
    /// <param name="syntax">How the pixels are packed.</param>
    /// <param name="frame">Which frame, from 0 and below <see cref="PixelLayout.Frames"/>.</param>
    /// <param name="words">Native pixels were written as 16-bit words.</param>
    /// <param name="isRgb">Colours were turned to red, green and blue on the way.</param>
    public static RawFrame Decode(ReadOnlyMemory<byte> pixels, PixelLayout layout, TransferSyntax syntax, int frame, bool words, out bool isRgb)
    {
        isRgb = layout.Photometric == Photometric.Rgb;
        if (syntax.Codec == PixelCodec.Native)
            return Mask(NativePixels.Read(pixels.Span, layout, frame, syntax.BigEndian, words), layout, layout.BitsAllocated);

        var isJpeg = syntax.Codec != PixelCodec.Rle;
        var data = Fragments.Frame(pixels, frame, layout.Frames, isJpeg);
        int precision;
        ushort[] cells;
        switch (syntax.Codec)
        {
            case PixelCodec.Rle:
                (cells, precision) = (RleDecoder.Decode(data.Span, layout), layout.BitsAllocated);
                break;
            case PixelCodec.JpegLossless:
                cells = JpegLosslessDecoder.Decode(data, layout.Columns, layout.Rows, layout.Samples, out precision);
                break;
            case PixelCodec.JpegLs:
                cells = JpegLsDecoder.Decode(data, layout.Columns, layout.Rows, layout.Samples, out precision);
                break;
            case PixelCodec.JpegBaseline or PixelCodec.JpegExtended:
                cells = JpegDctDecoder.Decode(data, layout, out precision);
                isRgb = layout.Samples == 3;
                break;
            default:
                throw Refused(syntax);
        }

        if (precision > layout.BitsAllocated)
            throw new DicomFormatException($"holds a picture of {precision} bits, but claims BitsAllocated {layout.BitsAllocated}. The file is damaged.");
        return Mask(cells, layout, precision);
    }

    public static DicomFormatException Refused(TransferSyntax syntax) =>
        new($"holds {syntax.Name} pixels (transfer syntax {syntax.Uid}), which are not decoded here. Convert it: gdcmconv --raw in.dcm out.dcm");

    /// <summary>Cuts the stored bits out of their cells: overlay bits above and padding below go.</summary>
    /// <remarks>A codec's own precision wins where it is no wider than BitsStored: it then holds the stored bits alone, already shifted.</remarks>
    private static RawFrame Mask(ushort[] cells, PixelLayout layout, int precision)
    {
        var bits = Math.Min(precision, layout.BitsStored);
        var shift = precision > layout.BitsStored ? Math.Min(layout.HighBit + 1, precision) - layout.BitsStored : 0;
        var mask = (ushort)((1 << bits) - 1);
        if (shift != 0 || bits < 16)
        {
            Cells.Mask(cells, shift, mask);
        }

        return new RawFrame(layout.Columns, layout.Rows, layout.Samples, bits, layout.Signed, cells);
    }
}
