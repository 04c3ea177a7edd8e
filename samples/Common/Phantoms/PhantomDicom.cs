using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace MedPeft.Samples.Phantoms;

/// <summary>Writes a phantom as a DICOM file like those of the RSNA challenge: a secondary capture of 8 bits, without window and rescaling.</summary>
/// <remarks>PS3.10 §7 and PS3.5 annex A: preamble, meta group, explicit little endian, elements in the order of their tags.</remarks>
public static class PhantomDicom
{
    private const string SecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";
    private const string ExplicitLittleEndian = "1.2.840.10008.1.2.1";
    private const string JpegBaseline = "1.2.840.10008.1.2.4.50";
    private const uint Undefined = uint.MaxValue;

    // UIDs from UUIDs, which need no registration: PS3.5 annex B.2.
    private const string UuidRoot = "2.25.";

    /// <summary>Writes one file.</summary>
    /// <param name="path">Where to; replaced if it exists.</param>
    /// <param name="pixels">Gray levels, row by row.</param>
    /// <param name="size">Side of the square picture.</param>
    /// <param name="who">Sex, age and view of the header.</param>
    /// <param name="id">The image's name, which stands for the patient's as in the challenge.</param>
    /// <param name="quality">Quality of the JPEG stream that holds the pixels, as in the challenge; null stores them as they are.</param>
    public static void Write(string path, byte[] pixels, int size, PhantomCase who, Guid id, int? quality = 92)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(who);
        using var file = new MemoryStream();
        file.Write(new byte[128]);
        file.Write("DICM"u8);
        var uid = UuidRoot + new UInt128(BinaryPrimitives.ReadUInt64BigEndian(Bytes(id)), BinaryPrimitives.ReadUInt64BigEndian(Bytes(id).AsSpan(8))).ToString(CultureInfo.InvariantCulture);
        var meta = new MemoryStream();
        Add(meta, 0x0002_0001, "OB", [0, 1]);
        Add(meta, 0x0002_0002, "UI", SecondaryCapture);
        Add(meta, 0x0002_0003, "UI", uid);
        Add(meta, 0x0002_0010, "UI", quality is null ? ExplicitLittleEndian : JpegBaseline);
        Add(meta, 0x0002_0012, "UI", UuidRoot + "181716151413121110987654321");
        Add(file, 0x0002_0000, "UL", Little((uint)meta.Length));
        meta.WriteTo(file);

        Add(file, 0x0008_0016, "UI", SecondaryCapture);
        Add(file, 0x0008_0018, "UI", uid);
        Add(file, 0x0008_0060, "CS", "CR");
        Add(file, 0x0008_0064, "CS", "WSD");
        Add(file, 0x0010_0010, "PN", id.ToString());
        Add(file, 0x0010_0020, "LO", id.ToString());
        Add(file, 0x0010_0040, "CS", who.Female ? "F" : "M");
        // The challenge's ages lack the unit that the standard asks for.
        Add(file, 0x0010_1010, "AS", who.Age.ToString(CultureInfo.InvariantCulture));
        Add(file, 0x0018_0015, "CS", "CHEST");
        Add(file, 0x0018_5101, "CS", who.Ap ? "AP" : "PA");
        Add(file, 0x0028_0002, "US", Little((ushort)1));
        Add(file, 0x0028_0004, "CS", "MONOCHROME2");
        Add(file, 0x0028_0010, "US", Little((ushort)size));
        Add(file, 0x0028_0011, "US", Little((ushort)size));
        var spacing = (420.0 / size).ToString("0.######", CultureInfo.InvariantCulture);
        Add(file, 0x0028_0030, "DS", $"{spacing}\\{spacing}");
        Add(file, 0x0028_0100, "US", Little((ushort)8));
        Add(file, 0x0028_0101, "US", Little((ushort)8));
        Add(file, 0x0028_0102, "US", Little((ushort)7));
        Add(file, 0x0028_0103, "US", Little((ushort)0));
        if (quality is { } q) AddFragment(file, CohortFiles.Jpeg(pixels, size, q));
        else Add(file, 0x7FE0_0010, "OB", pixels);
        File.WriteAllBytes(path, file.ToArray());
    }

    private static byte[] Bytes(Guid id) => id.ToByteArray(bigEndian: true);

    private static void Add(Stream to, uint tag, string vr, string text)
    {
        // Values have even lengths: text ends in a space, a UID in a NUL.
        if (text.Length % 2 != 0) text += vr == "UI" ? '\0' : ' ';
        Add(to, tag, vr, Encoding.ASCII.GetBytes(text));
    }

    private static void Add(Stream to, uint tag, string vr, byte[] value)
    {
        Head(to, tag, vr, (uint)(value.Length + (value.Length % 2)));
        to.Write(value);
        if (value.Length % 2 != 0) to.WriteByte(0);
    }

    /// <summary>Encapsulated pixels of one frame: an empty table of offsets, one fragment, the delimiter.</summary>
    private static void AddFragment(Stream to, byte[] stream)
    {
        Head(to, 0x7FE0_0010, "OB", Undefined);
        Item(to, 0xFFFE_E000, []);
        Item(to, 0xFFFE_E000, stream.Length % 2 == 0 ? stream : [.. stream, 0]);
        Item(to, 0xFFFE_E0DD, []);
    }

    private static void Item(Stream to, uint tag, byte[] value)
    {
        Tag(to, tag);
        to.Write(Little((uint)value.Length));
        to.Write(value);
    }

    private static void Head(Stream to, uint tag, string vr, uint length)
    {
        Tag(to, tag);
        to.Write(Encoding.ASCII.GetBytes(vr));
        if (vr == "OB")
        {
            to.Write(Little((ushort)0));
            to.Write(Little(length));
        }
        else
        {
            to.Write(Little((ushort)length));
        }
    }

    private static void Tag(Stream to, uint tag)
    {
        to.Write(Little((ushort)(tag >> 16)));
        to.Write(Little((ushort)tag));
    }

    private static byte[] Little(ushort value) => [(byte)value, (byte)(value >> 8)];

    private static byte[] Little(uint value) => [(byte)value, (byte)(value >> 8), (byte)(value >> 16), (byte)(value >> 24)];
}
