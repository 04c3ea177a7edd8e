namespace MedPeft.Lora.Imaging.Dicom.Rendering;

/// <summary>A lookup table of the file: PS3.3 §C.11.1.1 and §C.11.2.1.1. Inputs outside it take its first or last entry.</summary>
internal sealed class LookupTable
{
    private readonly int _first;
    private readonly ushort[] _entries;

    private LookupTable(int first, int bits, ushort[] entries) => (_first, Bits, _entries) = (first, bits, entries);

    /// <summary>Bits of an output.</summary>
    public int Bits { get; }

    /// <summary>Reads a table, or says what is wrong with it.</summary>
    /// <param name="set">Where it lies.</param>
    /// <param name="item">Its two elements.</param>
    /// <param name="signed">Whether its first input has a sign, where the file does not say so itself.</param>
    /// <param name="problem">What is wrong; null when it was read.</param>
    public static LookupTable? Read(DataSet set, LutItem item, bool signed, out string? problem)
    {
        if (item is not { Descriptor: { Bytes.Length: >= 6 } descriptor, Data: { } data })
        {
            problem = "has no descriptor or no data";
            return null;
        }

        var head = descriptor.Bytes;
        int Word(byte[] bytes, int index) => ElementReader.U16(bytes, 2 * index, set.BigEndian);
        var count = Word(head, 0) is var stated and > 0 ? stated : 65_536;
        var first = Word(head, 1);
        var bits = Word(head, 2);
        signed = descriptor.Vr == ElementReader.VrSignedShort || (descriptor.Vr != ElementReader.VrUnsignedShort && signed);
        if (signed) first = (short)first;
        if (bits is < 8 or > 16)
        {
            problem = $"claims {bits} bits an entry; 8 to 16 are defined";
            return null;
        }

        var bytes = data.Bytes;
        if (bytes.Length < count * 2 && (bits > 8 || bytes.Length < count))
        {
            problem = $"holds {bytes.Length} bytes for {count} entries of {bits} bits";
            return null;
        }

        var entries = new ushort[count];
        var top = (1 << bits) - 1;
        for (var i = 0; i < count; i++) entries[i] = (ushort)Math.Min(top, bytes.Length >= count * 2 ? Word(bytes, i) : bytes[i]);
        problem = null;
        return new LookupTable(first, bits, entries);
    }

    public int Map(double value) => _entries[(int)Math.Clamp(Math.Round(value) - _first, 0, _entries.Length - 1)];
}
