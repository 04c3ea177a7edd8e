using System.Globalization;
using System.Text.Json;

namespace MedPeft.Lora.Studies.Json;

/// <summary>A value of a study's file that knows where it stands, so that every error can say so.</summary>
internal sealed class PlacedValue(PlacedFile file, int offset, string path, JsonTokenType kind)
{
    /// <summary>Its name from the top, <c>methods[1].kind</c>; "the file" for the top itself.</summary>
    public string Path { get; } = path;

    public JsonTokenType Kind { get; } = kind;

    /// <summary>What a string says, or how a number is written.</summary>
    public string Text { get; init; } = "";

    public IReadOnlyList<PlacedValue> Items { get; init; } = [];

    public IReadOnlyList<(string Name, PlacedValue Value)> Members { get; init; } = [];

    public StudyException Error(string problem, Exception? inner = null) => file.Error(offset, problem, inner);

    /// <summary>The error of a value that is of another kind, or outside of what fits.</summary>
    public StudyException Misfit(string fits) => Error($"{Path} is {Shown}; {fits}.");

    public string AsText(string fits = "a text fits") => Kind == JsonTokenType.String ? Text : throw Misfit(fits);

    public bool AsBool() => Kind switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Misfit("true or false fits"),
    };

    public double AsNumber() => Kind == JsonTokenType.Number && double.TryParse(Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
        ? value
        : throw Misfit("a number fits");

    public long AsWhole() => Kind == JsonTokenType.Number && long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw Misfit("a whole number fits");

    public IReadOnlyList<PlacedValue> AsList() => Kind == JsonTokenType.StartArray ? Items : throw Misfit("a list in brackets fits");

    public IReadOnlyList<(string Name, PlacedValue Value)> AsObject() => Kind == JsonTokenType.StartObject ? Members : throw Misfit("fields in braces fit");

    /// <summary>One of some names, whatever their case.</summary>
    public string AsOneOf(IReadOnlyList<string> choices)
    {
        var text = AsText($"{Nearest.List(choices)} fits");
        return choices.FirstOrDefault(choice => string.Equals(choice, text, StringComparison.OrdinalIgnoreCase))
            ?? throw Error($"{Path} is {Shown}; {Nearest.List(choices)} fits.{Nearest.Hint(text, choices)}");
    }

    private string Shown => Kind switch
    {
        JsonTokenType.String => $"\"{(Text.Length > 60 ? Text[..57] + "..." : Text)}\"",
        JsonTokenType.Number => Text,
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        JsonTokenType.StartArray => "a list",
        _ => "an object",
    };
}
