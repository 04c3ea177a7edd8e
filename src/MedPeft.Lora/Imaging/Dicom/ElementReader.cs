using System.Buffers.Binary;

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>The head of one data element: where its value lies, and how long it claims to be.</summary>
internal readonly record struct ElementHeader(uint Tag, ushort Vr, int ValueStart, uint Length)
{
    public const uint Undefined = 0xFFFF_FFFF;

    public bool IsUndefined => Length == Undefined;
}

/// <summary>Reads element heads: PS3.5 §7.1. Every length is checked against the end given before anyone uses it.</summary>
internal static class ElementReader
{
    public const ushort VrSequence = ('S' << 8) | 'Q';
    public const ushort VrUnknown = ('U' << 8) | 'N';
    public const ushort VrOtherWord = ('O' << 8) | 'W';
    public const ushort VrSignedShort = ('S' << 8) | 'S';
    public const ushort VrUnsignedShort = ('U' << 8) | 'S';

    /// <summary>Reads the head at <paramref name="position"/>.</summary>
    /// <param name="data">The bytes of the data set.</param>
    /// <param name="position">Where the element starts.</param>
    /// <param name="end">The end of what the element may use: the file's, or that of the item around it.</param>
    /// <param name="implicitVr">No value representation is written.</param>
    /// <param name="bigEndian">Numbers are big endian.</param>
    public static ElementHeader Read(ReadOnlySpan<byte> data, int position, int end, bool implicitVr, bool bigEndian)
    {
        if (end - position < 8) throw EndsEarly(position);
        var tag = ((uint)U16(data, position, bigEndian) << 16) | U16(data, position + 2, bigEndian);
        ushort vr = 0;
        uint length;
        var start = position + 8;
        if (implicitVr || tag >> 16 == 0xFFFE)
        {
            length = U32(data, position + 4, bigEndian);
        }
        else
        {
            vr = BinaryPrimitives.ReadUInt16BigEndian(data[(position + 4)..]);
            if (!IsVr(vr)) throw new DicomFormatException($"has an element {DicomTag.Name(tag)} at byte {position} without a value representation, which its transfer syntax calls for. The file is damaged or was written by a wrong encoder.");
            if (HasLongForm(vr))
            {
                if (end - position < 12) throw EndsEarly(position);
                length = U32(data, position + 8, bigEndian);
                start = position + 12;
            }
            else
            {
                length = U16(data, position + 6, bigEndian);
            }
        }

        if (length != ElementHeader.Undefined && length > (uint)(end - start))
            throw new DicomFormatException($"has an element {DicomTag.Name(tag)} of {length} bytes at byte {position}, where {end - start} are left. The file is truncated or damaged: fetch it again.");
        return new ElementHeader(tag, vr, start, length);
    }

    public static ushort U16(ReadOnlySpan<byte> data, int position, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(data[position..]) : BinaryPrimitives.ReadUInt16LittleEndian(data[position..]);

    public static uint U32(ReadOnlySpan<byte> data, int position, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(data[position..]) : BinaryPrimitives.ReadUInt32LittleEndian(data[position..]);

    /// <summary>Whether two bytes look like a value representation: two capital letters. New ones need no update, by PS3.5 §7.1.2 they have the long form.</summary>
    public static bool IsVr(ushort vr) => (vr >> 8) is >= 'A' and <= 'Z' && (vr & 0xFF) is >= 'A' and <= 'Z';

    private static bool HasLongForm(ushort vr) => ((char)(vr >> 8), (char)(vr & 0xFF)) switch
    {
        ('A', 'E' or 'S' or 'T') or ('C', 'S') or ('D', 'A' or 'S' or 'T') or ('F', 'L' or 'D') or ('I', 'S') or ('L', 'O' or 'T') => false,
        ('P', 'N') or ('S', 'H' or 'L' or 'S' or 'T') or ('T', 'M') or ('U', 'I' or 'L' or 'S') => false,
        _ => true,
    };

    private static DicomFormatException EndsEarly(int position) =>
        new($"ends inside the element at byte {position}. The file is truncated: fetch it again.");
}
