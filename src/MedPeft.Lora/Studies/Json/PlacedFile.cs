using System.Buffers;
using System.Text;
using System.Text.Json;

namespace MedPeft.Lora.Studies.Json;

/// <summary>JSON with comments and trailing commas, read into values that know their line and column.</summary>
internal sealed class PlacedFile
{
    private readonly string _name;
    private readonly byte[] _text;

    private PlacedFile(string name, byte[] text) => (_name, _text) = (name, text);

    public static PlacedValue Parse(string name, ReadOnlySpan<byte> text)
    {
        var file = new PlacedFile(name, (text.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text).ToArray());
        var reader = new Utf8JsonReader(file._text, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 32 });
        try
        {
            if (!reader.Read()) throw file.Error(0, "found nothing; a study's JSON fits.");
            var value = file.Read(ref reader, "the file", "");
            reader.Read();
            return value;
        }
        catch (JsonException error)
        {
            // The reader's own words end with its place, counted from 0 and in bytes.
            var words = error.Message.Split(" LineNumber:")[0];
            throw new StudyException(name, (int)(error.LineNumber ?? 0) + 1, (int)(error.BytePositionInLine ?? 0) + 1, $"no valid JSON: {words}", error);
        }
    }

    public StudyException Error(int offset, string problem, Exception? inner = null)
    {
        var before = _text.AsSpan(0, Math.Min(offset, _text.Length));
        var start = before.LastIndexOf((byte)'\n') + 1;
        return new StudyException(_name, before.Count((byte)'\n') + 1, Encoding.UTF8.GetCharCount(before[start..]) + 1, problem, inner);
    }

    private PlacedValue Read(ref Utf8JsonReader reader, string path, string prefix)
    {
        var offset = (int)reader.TokenStartIndex;
        switch (reader.TokenType)
        {
            case JsonTokenType.StartArray:
                var items = new List<PlacedValue>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    var at = $"{path}[{items.Count}]";
                    items.Add(Read(ref reader, at, at + "."));
                }

                return new PlacedValue(this, offset, path, JsonTokenType.StartArray) { Items = items };
            case JsonTokenType.StartObject:
                var members = new List<(string Name, PlacedValue Value)>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var (name, at) = (Text(ref reader), (int)reader.TokenStartIndex);
                    if (members.Any(member => member.Name == name)) throw Error(at, $"{prefix}{name} is given twice; leave one out.");
                    reader.Read();
                    members.Add((name, Read(ref reader, prefix + name, prefix + name + ".")));
                }

                return new PlacedValue(this, offset, path, JsonTokenType.StartObject) { Members = members };
            case JsonTokenType.String:
                return new PlacedValue(this, offset, path, JsonTokenType.String) { Text = Text(ref reader) };
            case JsonTokenType.Number:
                return new PlacedValue(this, offset, path, JsonTokenType.Number) { Text = Encoding.UTF8.GetString(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan) };
            default:
                return new PlacedValue(this, offset, path, reader.TokenType);
        }
    }

    private string Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw Error((int)reader.TokenStartIndex, "found a text that is no valid UTF-8. Save the file as UTF-8.", error);
        }
    }
}
