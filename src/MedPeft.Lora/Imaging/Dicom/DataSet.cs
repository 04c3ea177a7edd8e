using System.Buffers;
using System.Globalization;
using System.Text;

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>One value that was kept, as a copy, and its value representation where the file states one.</summary>
internal sealed record KeptValue(byte[] Bytes, ushort Vr);

/// <summary>Where the pixels lie.</summary>
/// <param name="Start">Their first byte.</param>
/// <param name="Length">How many bytes; 0: there are none.</param>
/// <param name="IsWords">They were written as 16-bit words (OW).</param>
/// <param name="InFragments">They come in fragments: the element has no length of its own.</param>
internal readonly record struct PixelBytes(int Start, int Length, bool IsWords, bool InFragments);

/// <summary>A lookup table as it lies in the file.</summary>
internal sealed class LutItem
{
    public KeptValue? Descriptor { get; set; }

    public KeptValue? Data { get; set; }
}

/// <summary>The elements of the allow-list that a file holds, and where its pixels lie.</summary>
internal sealed class DataSet(bool bigEndian)
{
    private static readonly SearchValues<char> CodeLetters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _");
    private static readonly SearchValues<char> UidLetters = SearchValues.Create("0123456789.");
    private readonly Dictionary<uint, KeptValue> _values = [];

    public bool BigEndian => bigEndian;

    /// <summary>The value of (7FE0,0010) at the top level.</summary>
    public PixelBytes Pixels { get; set; }

    /// <summary>A top-level element that holds pixels of a kind that is not read: 0 or its tag.</summary>
    public uint OtherPixels { get; set; }

    /// <summary>Whether windows and rescaling may lie in functional groups, where they are not looked for.</summary>
    public bool HasFunctionalGroups { get; set; }

    public LutItem? ModalityLut { get; set; }

    public LutItem? VoiLut { get; set; }

    public void Keep(uint tag, KeptValue value)
    {
        if (!_values.TryAdd(tag, value)) throw new DicomFormatException($"holds the element {DicomTag.Name(tag)} twice, so its meaning is open. The file is damaged.");
    }

    public bool Has(uint tag) => _values.TryGetValue(tag, out var value) && value.Bytes.Length > 0;

    /// <summary>The first 16-bit number of an element, or null when it is absent or empty.</summary>
    public int? U16(uint tag)
    {
        if (!_values.TryGetValue(tag, out var value) || value.Bytes.Length == 0) return null;
        if (value.Bytes.Length < 2) throw new DicomFormatException($"holds {value.Bytes.Length} byte in {DicomTag.Name(tag)}, which takes 2. The file is damaged.");
        return ElementReader.U16(value.Bytes, 0, bigEndian);
    }

    /// <summary>The first of the values of a code string, or null when it is absent or no code: what is printed is never free text.</summary>
    public string? Code(uint tag) =>
        First(tag) is { } text && text.Length <= 16 && text.AsSpan().IndexOfAnyExcept(CodeLetters) < 0 ? text : null;

    /// <summary>The first of the values of a decimal string: null when it is absent or empty, NaN when it is no finite number.</summary>
    public double? Number(uint tag)
    {
        if (First(tag) is not { } text) return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : double.NaN;
    }

    /// <summary>The years of an age such as 062Y, 018M, 62; null when it is absent or no age.</summary>
    public double? Years(uint tag)
    {
        if (First(tag) is not { } text) return null;
        var years = text[^1] switch
        {
            'M' => 1 / 12.0,
            'W' => 7 / 365.25,
            'D' => 1 / 365.25,
            _ => 1,
        };
        var digits = char.IsAsciiDigit(text[^1]) ? text : text[..^1];
        return digits.Length is >= 1 and <= 3 && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var age) && text[^1] is 'Y' or 'M' or 'W' or 'D' or (>= '0' and <= '9')
            ? age * years
            : null;
    }

    /// <summary>The transfer syntax of a meta element; empty when it is no UID.</summary>
    public static string Uid(ReadOnlySpan<byte> bytes)
    {
        var text = First(bytes);
        return text is null || text.AsSpan().IndexOfAnyExcept(UidLetters) >= 0 ? "" : text;
    }

    private string? First(uint tag) => _values.TryGetValue(tag, out var value) ? First(value.Bytes) : null;

    private static string? First(ReadOnlySpan<byte> bytes)
    {
        var cut = bytes.IndexOf((byte)'\\');
        if (cut >= 0) bytes = bytes[..cut];
        bytes = bytes.Trim(" \0"u8);
        return bytes.Length is 0 or > 64 ? null : Encoding.Latin1.GetString(bytes);
    }
}
