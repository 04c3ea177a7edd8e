using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace MedPeft.Lora.Checkpoints;

/// <summary>The table of contents of a safetensors file, checked before anything is believed.</summary>
internal sealed class SafetensorsHeader
{
    private const string Again = "The file is damaged: fetch it again.";
    private readonly Dictionary<string, long> offsets = new(StringComparer.Ordinal);
    private readonly FileSource source;

    private SafetensorsHeader(FileSource source) => this.source = source;

    /// <summary>The tensors in the order of their data.</summary>
    public Dictionary<string, TensorInfo> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>The <c>__metadata__</c>.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Position of a tensor's values in the file.</summary>
    public long Offset(string name) => offsets[name];

    /// <summary>Reads and checks the header.</summary>
    public static SafetensorsHeader Read(FileSource source)
    {
        if (source.Length < 8) throw new CheckpointException(source.Path, $"a safetensors file has at least 8 bytes; found {source.Length}. {Again}");
        Span<byte> prefix = stackalloc byte[8];
        source.Read(0, prefix);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)Limits.SafetensorsHeader)
            throw new CheckpointException(source.Path, $"the header would have {length} bytes; the format permits {Limits.SafetensorsHeader}. This is no safetensors file, or it is damaged.", offset: 0);
        if (8 + (long)length > source.Length)
            throw new CheckpointException(source.Path, $"the header would have {length} bytes, but only {source.Length - 8} follow. {Again}", offset: 0);

        var json = new byte[length];
        source.Read(8, json);
        var header = new SafetensorsHeader(source);
        if (!Utf8.IsValid(json)) throw header.Fault("the header is not valid UTF-8", 8);
        var entries = header.Parse(json);
        header.Place(entries, 8 + (long)length);
        return header;
    }

    private List<Entry> Parse(byte[] json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        try
        {
            return ParseRoot(ref reader);
        }
        catch (JsonException error)
        {
            throw Fault("the header is not valid JSON", 8 + reader.BytesConsumed, error);
        }
        catch (InvalidOperationException error)
        {
            // System.Text.Json's answer to an escaped half of a surrogate pair.
            throw Fault("the header holds text that is no Unicode", 8 + reader.BytesConsumed, error);
        }
    }

    private List<Entry> ParseRoot(ref Utf8JsonReader reader)
    {
        var entries = new List<Entry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw Fault("the header is not a JSON object", 8);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var at = 8 + reader.TokenStartIndex;
            if (reader.ValueSpan.Length > Limits.Name) throw Fault($"a name in the header has {reader.ValueSpan.Length} bytes; at most {Limits.Name} are read", at);
            var name = reader.GetString()!;
            if (!names.Add(name)) throw Fault("the name appears twice in the header", at, entry: name);
            reader.Read();
            if (name == "__metadata__") ParseMetadata(ref reader);
            else if (entries.Count == Limits.Entries) throw Fault($"the header lists more than {Limits.Entries} tensors", at);
            else entries.Add(ParseEntry(ref reader, name, at));
        }

        if (reader.Read()) throw Fault("the header goes on after its end", 8 + reader.TokenStartIndex);
        return entries;
    }

    private void ParseMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.StartObject) throw Fault("__metadata__ is not a JSON object", 8 + reader.TokenStartIndex);
        var begin = reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var at = 8 + reader.TokenStartIndex;
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw Fault($"__metadata__ holds {reader.TokenType} under {Quoted.Text(key)}; only strings are permitted", at);
            if (reader.BytesConsumed - begin > Limits.Metadata || Metadata.Count == Limits.MetadataEntries) throw Fault($"__metadata__ has more than {Limits.Metadata} bytes or {Limits.MetadataEntries} entries", at);
            if (!Metadata.TryAdd(key, reader.GetString()!)) throw Fault($"__metadata__ holds {Quoted.Text(key)} twice", at);
        }
    }

    private Entry ParseEntry(ref Utf8JsonReader reader, string name, long at)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Fault("its entry is not a JSON object", at, entry: name);
        string? dtype = null;
        long[]? shape = null, range = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = reader.GetString()!;
            reader.Read();
            var again = field switch { "dtype" => dtype is not null, "shape" => shape is not null, "data_offsets" => range is not null, _ => false };
            if (again) throw Fault($"its entry holds {field} twice", at, entry: name);
            if (field == "dtype") dtype = reader.TokenType == JsonTokenType.String ? reader.GetString() : throw Fault("its dtype is not a string", at, entry: name);
            else if (field == "shape") shape = ParseNumbers(ref reader, name, field, at);
            else if (field == "data_offsets") range = ParseNumbers(ref reader, name, field, at);
            else reader.Skip();
        }

        if (dtype is null || shape is null || range is null) throw Fault("its entry lacks dtype, shape or data_offsets", at, entry: name);
        if (range.Length != 2) throw Fault($"its data_offsets are {range.Length} numbers; 2 are needed", at, entry: name);
        var type = ElementType.Named(dtype) ?? throw Fault($"its dtype {Quoted.Text(dtype)} is unknown; known are {string.Join(", ", ElementType.All.Select(t => t.Name))}", at, entry: name);
        return new Entry(name, type, shape, range[0], range[1], at);
    }

    private long[] ParseNumbers(ref Utf8JsonReader reader, string name, string field, long at)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw Fault($"its {field} is not a list of numbers", at, entry: name);
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0 || reader.ValueSpan[0] == (byte)'-')
                throw Fault($"its {field} holds something else than whole numbers from 0 to 2^63-1", at, entry: name);
            if (numbers.Count == Limits.Rank) throw Fault($"its {field} has more than {Limits.Rank} numbers", at, entry: name);
            numbers.Add(number);
        }

        return [.. numbers];
    }

    // The data must be covered exactly: every byte belongs to one tensor, and each tensor has the bytes that its shape asks for.
    private void Place(List<Entry> entries, long start)
    {
        entries.Sort((left, right) => left.Begin != right.Begin ? left.Begin.CompareTo(right.Begin)
            : left.End != right.End ? left.End.CompareTo(right.End)
            : string.CompareOrdinal(left.Name, right.Name));
        long end = 0;
        foreach (var entry in entries)
        {
            if (entry.Begin != end || entry.End < entry.Begin)
                throw Fault($"its data would lie at [{entry.Begin}, {entry.End}), but the data before it ends at {end}: tensors must follow one another without gap or overlap", entry.At, entry: entry.Name);
            var bits = ElementType.Count(entry.Shape) is { } count && count <= long.MaxValue / entry.Type.Bits ? count * entry.Type.Bits : -1;
            if (bits < 0) throw Fault($"its shape [{string.Join(", ", entry.Shape)}] is too large for any file", entry.At, entry: entry.Name);
            if (bits % 8 != 0) throw Fault($"its shape [{string.Join(", ", entry.Shape)}] in {entry.Type.Name} is no whole number of bytes", entry.At, entry: entry.Name);
            if (bits / 8 != entry.End - entry.Begin)
                throw Fault($"its shape [{string.Join(", ", entry.Shape)}] in {entry.Type.Name} takes {bits / 8} bytes, but the header gives it {entry.End - entry.Begin}", entry.At, entry: entry.Name);
            end = entry.End;
            Tensors.Add(entry.Name, new TensorInfo(entry.Name, entry.Type.Torch, entry.Shape, bits / 8) { DTypeName = entry.Type.Name });
            offsets.Add(entry.Name, start + entry.Begin);
        }

        if (end != source.Length - start)
            throw new CheckpointException(source.Path, $"the header describes {end} bytes of data, but the file holds {source.Length - start}. {(end > source.Length - start ? "Its download or copy was interrupted: fetch it again." : Again)}", offset: start);
    }

    private CheckpointException Fault(string reason, long offset, Exception? inner = null, string? entry = null) =>
        new(source.Path, $"{reason}. {Again}", entry, offset, inner);

    private readonly record struct Entry(string Name, ElementType Type, long[] Shape, long Begin, long End, long At);
}
