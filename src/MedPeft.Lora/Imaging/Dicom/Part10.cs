using System.IO.Compression;

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>The outer shell of a file: PS3.10 §7. Preamble, meta group, transfer syntax, deflation.</summary>
internal static class Part10
{
    private const int PreambleLength = 128;

    /// <summary>Whether bytes begin as a DICOM file does, with or without its preamble.</summary>
    public static bool Looks(ReadOnlySpan<byte> data)
    {
        if (HasPreamble(data)) return true;
        if (data.Length < 8 || data[1] != 0 || data[0] is not (2 or 8)) return false;
        var element = data[2] | (data[3] << 8);
        var vr = (ushort)((data[4] << 8) | data[5]);
        if (data[0] == 2) return element <= 0x0010 && ElementReader.IsVr(vr);
        return element <= 0x0060 && (ElementReader.IsVr(vr) || ElementReader.U32(data, 4, false) <= 256);
    }

    /// <summary>Reads a file up to its pixels.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="maxBytes">The largest size that a deflated data set may unfold to.</param>
    /// <returns>The values kept, and the bytes in which they lie (the file's own, except where it is deflated).</returns>
    public static (DataSet Set, TransferSyntax Syntax, byte[] Bytes) Read(byte[] data, long maxBytes)
    {
        var start = HasPreamble(data) ? PreambleLength + 4 : 0;
        TransferSyntax syntax;
        if (start == 0 && (data.Length < 8 || data[1] != 0 || data[0] is not (2 or 8)))
            throw new DicomFormatException("is no DICOM file: it has neither a preamble with 'DICM' nor a first element of group 0008.");
        if (start == 0 && data[0] == 8)
            syntax = ElementReader.IsVr((ushort)((data[4] << 8) | data[5])) ? TransferSyntax.ExplicitLittleEndian : TransferSyntax.ImplicitLittleEndian;
        else
            (syntax, start) = ReadMeta(data, start);

        var end = data.Length;
        if (syntax.Deflated) ((data, end), start) = (Inflate(data, start, maxBytes), 0);
        var set = new DataSet(syntax.BigEndian);
        DataSetParser.Parse(data.AsSpan(0, end), start, syntax, set);
        return (set, syntax, data);
    }

    private static bool HasPreamble(ReadOnlySpan<byte> data) => data.Length >= PreambleLength + 4 && data.Slice(PreambleLength, 4).SequenceEqual("DICM"u8);

    /// <summary>Group 0002 is explicit little endian in every file. Its stated length is often wrong, so it ends where another group starts.</summary>
    private static (TransferSyntax Syntax, int Start) ReadMeta(byte[] data, int position)
    {
        TransferSyntax? syntax = null;
        while (data.Length - position >= 8 && ElementReader.U16(data, position, false) == 0x0002)
        {
            var element = ElementReader.Read(data, position, data.Length, implicitVr: false, bigEndian: false);
            if (element.IsUndefined) throw new DicomFormatException($"has {DicomTag.Name(element.Tag)} of undefined length among its meta elements. The file is damaged.");
            if (element.Tag == DicomTag.TransferSyntaxUid)
                syntax = TransferSyntax.Find(DataSet.Uid(data.AsSpan(element.ValueStart, (int)element.Length)));
            position = element.ValueStart + (int)element.Length;
        }

        return (syntax ?? throw new DicomFormatException("names no transfer syntax (0002,0010), so its bytes cannot be read. Rewrite it: gdcmconv --raw in.dcm out.dcm"), position);
    }

    /// <summary>Unfolds the data set into an array that may be longer than it: a copy of the right length would double what a bomb can take.</summary>
    private static (byte[] Bytes, int Length) Inflate(byte[] data, int start, long maxBytes)
    {
        using var source = new MemoryStream(data, start, data.Length - start, writable: false);
        using var inflater = new DeflateStream(source, CompressionMode.Decompress);
        maxBytes = Math.Min(maxBytes, Array.MaxLength - 1);
        var bytes = new byte[Math.Min(maxBytes + 1, 4L * (data.Length - start) + 1024)];
        var length = 0;
        try
        {
            while (inflater.Read(bytes, length, bytes.Length - length) is var read and > 0)
            {
                length += read;
                if (length > maxBytes) throw new DicomFormatException($"unfolds to more than {maxBytes} bytes. If the file can be trusted, raise ImageLimits.MaxFileBytes.");
                if (length == bytes.Length) Array.Resize(ref bytes, (int)Math.Min(maxBytes + 1, 2L * length));
            }
        }
        catch (InvalidDataException e)
        {
            throw new DicomFormatException("holds a damaged deflate stream: fetch it again.", e);
        }

        return (bytes, length);
    }
}
