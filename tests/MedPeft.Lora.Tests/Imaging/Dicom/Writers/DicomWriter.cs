using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace MedPeft.Lora.Tests.Imaging.Dicom.Writers;

/// <summary>Fragments of encapsulated pixel data, with the offset table that comes before them.</summary>
internal sealed record FragmentList(byte[] Table, params byte[][] Fragments);

/// <summary>Items of a sequence.</summary>
internal sealed record ItemList(bool UndefinedLength, params DicomWriter[] Items);

/// <summary>Writes small DICOM files, good and bad ones, in every encoding.</summary>
internal sealed class DicomWriter
{
    public const string ImplicitLittle = "1.2.840.10008.1.2";
    public const string ExplicitLittle = "1.2.840.10008.1.2.1";
    public const string Deflated = "1.2.840.10008.1.2.1.99";
    public const string ExplicitBig = "1.2.840.10008.1.2.2";
    public const string JpegBaseline = "1.2.840.10008.1.2.4.50";
    public const string JpegExtended = "1.2.840.10008.1.2.4.51";
    public const string JpegLossless = "1.2.840.10008.1.2.4.57";
    public const string JpegLosslessFirst = "1.2.840.10008.1.2.4.70";
    public const string JpegLs = "1.2.840.10008.1.2.4.80";
    public const string JpegLsNear = "1.2.840.10008.1.2.4.81";
    public const string Rle = "1.2.840.10008.1.2.5";

    private readonly SortedDictionary<uint, (string Vr, object Value)> _elements = [];

    public string Syntax { get; set; } = ExplicitLittle;

    public bool Preamble { get; set; } = true;

    public bool Meta { get; set; } = true;

    /// <summary>A gray or colour image with the attributes that every image has.</summary>
    public static DicomWriter Image(int columns, int rows, int allocated, int stored, object pixels, int samples = 1, bool signed = false, string? photometric = null, string syntax = ExplicitLittle)
    {
        var writer = new DicomWriter { Syntax = syntax };
        writer.Set(0x0008_0060, "CS", "CR").Set(0x0028_0002, "US", samples).Set(0x0028_0004, "CS", photometric ?? (samples == 1 ? "MONOCHROME2" : "RGB"));
        writer.Set(0x0028_0010, "US", rows).Set(0x0028_0011, "US", columns);
        writer.Set(0x0028_0100, "US", allocated).Set(0x0028_0101, "US", stored).Set(0x0028_0102, "US", stored - 1).Set(0x0028_0103, "US", signed ? 1 : 0);
        if (samples > 1) writer.Set(0x0028_0006, "US", 0);
        return writer.Set(0x7FE0_0010, allocated == 8 ? "OB" : "OW", pixels);
    }

    /// <summary>Sets an element: text, one or more 16-bit numbers, raw bytes, items or fragments. Null removes it.</summary>
    public DicomWriter Set(uint tag, string vr, object? value)
    {
        if (value is null) _elements.Remove(tag);
        else _elements[tag] = (vr, value);
        return this;
    }

    public byte[] ToArray()
    {
        using var file = new MemoryStream();
        if (Preamble && Meta)
        {
            file.Write(new byte[128]);
            file.Write("DICM"u8);
        }

        if (Meta) WriteElement(file, 0x0002_0010, "UI", Syntax, false, false);
        using var body = new MemoryStream();
        WriteElements(body, Syntax == ImplicitLittle, Syntax == ExplicitBig);
        if (Syntax == Deflated)
        {
            using var deflater = new DeflateStream(file, CompressionLevel.Optimal, leaveOpen: true);
            deflater.Write(body.ToArray());
        }
        else
        {
            file.Write(body.ToArray());
        }

        return file.ToArray();
    }

    public void WriteElements(Stream stream, bool implicitVr, bool bigEndian)
    {
        foreach (var (tag, (vr, value)) in _elements) WriteElement(stream, tag, vr, value, implicitVr, bigEndian);
    }

    public static void WriteHead(Stream stream, uint tag, string vr, uint length, bool implicitVr, bool bigEndian)
    {
        Write16(stream, (int)(tag >> 16), bigEndian);
        Write16(stream, (int)(tag & 0xFFFF), bigEndian);
        if (implicitVr || tag >> 16 == 0xFFFE)
        {
            Write32(stream, length, bigEndian);
            return;
        }

        stream.Write(Encoding.ASCII.GetBytes(vr));
        if (vr is "OB" or "OW" or "SQ" or "UN" or "UT")
        {
            stream.Write(new byte[2]);
            Write32(stream, length, bigEndian);
        }
        else
        {
            Write16(stream, (int)length, bigEndian);
        }
    }

    private static void WriteElement(Stream stream, uint tag, string vr, object value, bool implicitVr, bool bigEndian)
    {
        switch (value)
        {
            case FragmentList list:
                WriteHead(stream, tag, vr, uint.MaxValue, implicitVr, bigEndian);
                foreach (var part in (byte[][])[list.Table, .. list.Fragments])
                {
                    WriteHead(stream, 0xFFFE_E000, "", (uint)(part.Length + (part.Length % 2)), implicitVr, bigEndian);
                    stream.Write(part);
                    if (part.Length % 2 != 0) stream.WriteByte(0);
                }

                WriteHead(stream, 0xFFFE_E0DD, "", 0, implicitVr, bigEndian);
                break;
            case ItemList list:
                // What an element of unknown kind and undefined length holds is always implicit little endian.
                var (inner, big) = vr == "UN" ? (true, false) : (implicitVr, bigEndian);
                using (var items = new MemoryStream())
                {
                    foreach (var item in list.Items)
                    {
                        using var content = new MemoryStream();
                        item.WriteElements(content, inner, big);
                        WriteHead(items, 0xFFFE_E000, "", list.UndefinedLength ? uint.MaxValue : (uint)content.Length, inner, big);
                        items.Write(content.ToArray());
                        if (list.UndefinedLength) WriteHead(items, 0xFFFE_E00D, "", 0, inner, big);
                    }

                    if (list.UndefinedLength) WriteHead(items, 0xFFFE_E0DD, "", 0, inner, big);
                    WriteHead(stream, tag, vr, list.UndefinedLength ? uint.MaxValue : (uint)items.Length, implicitVr, bigEndian);
                    stream.Write(items.ToArray());
                }

                break;
            default:
                var bytes = Bytes(vr, value, bigEndian);
                WriteHead(stream, tag, vr, (uint)bytes.Length, implicitVr, bigEndian);
                stream.Write(bytes);
                break;
        }
    }

    private static byte[] Bytes(string vr, object value, bool bigEndian)
    {
        switch (value)
        {
            case byte[] bytes:
                // Bytes written as words (OW) lie in swapped pairs in a big endian file.
                if (bytes.Length % 2 != 0) bytes = [.. bytes, 0];
                return bigEndian && vr == "OW" ? [.. Enumerable.Range(0, bytes.Length).Select(i => bytes[i ^ 1])] : bytes;
            case ushort[] words:
                return [.. words.SelectMany(word => Word(word, bigEndian))];
            case int number:
                return Word(number, bigEndian);
            default:
                var text = (string)value;
                return Encoding.ASCII.GetBytes(text.Length % 2 == 0 ? text : text + (vr == "UI" ? '\0' : ' '));
        }
    }

    private static byte[] Word(int value, bool bigEndian) => bigEndian ? [(byte)(value >> 8), (byte)value] : [(byte)value, (byte)(value >> 8)];

    private static void Write16(Stream stream, int value, bool bigEndian) => stream.Write(Word(value, bigEndian));

    private static void Write32(Stream stream, uint value, bool bigEndian)
    {
        Span<byte> bytes = stackalloc byte[4];
        if (bigEndian) BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }
}
