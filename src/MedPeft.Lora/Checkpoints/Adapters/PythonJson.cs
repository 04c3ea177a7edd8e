using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MedPeft.Lora.Checkpoints.Adapters;

/// <summary>Writes JSON as Python's <c>json.dumps(value, indent=2, sort_keys=True)</c> does, byte for byte.</summary>
internal static class PythonJson
{
    /// <summary>The text of a value, ASCII only, without a newline at the end.</summary>
    public static string Dumps(JsonNode? value)
    {
        var text = new StringBuilder();
        Append(text, value, 0);
        return text.ToString();
    }

    /// <summary>A number that is written as Python writes a float: <c>0.0</c>, <c>1e-05</c>.</summary>
    public static JsonNode Float(double value) => JsonValue.Create(value);

    /// <summary>A number that PEFT declares as an integer; written as one where it is.</summary>
    public static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? JsonValue.Create((long)value) : Float(value);

    private static void Append(StringBuilder text, JsonNode? value, int depth)
    {
        switch (value)
        {
            case JsonObject { Count: > 0 } items:
                AppendAll(text, '{', '}', items.OrderBy(item => item.Key, StringComparer.Ordinal), depth, item =>
                {
                    AppendText(text, item.Key);
                    text.Append(": ");
                    Append(text, item.Value, depth + 1);
                });
                break;
            case JsonArray { Count: > 0 } items:
                AppendAll(text, '[', ']', items, depth, item => Append(text, item, depth + 1));
                break;
            case JsonValue number when number.GetValueKind() == JsonValueKind.Number:
                text.Append(number.TryGetValue<JsonElement>(out var raw) ? raw.GetRawText() : number.TryGetValue<double>(out var real) ? Repr(real) : number.ToJsonString());
                break;
            case JsonValue other when other.GetValueKind() == JsonValueKind.String:
                AppendText(text, other.GetValue<string>());
                break;
            default:
                text.Append(value?.ToJsonString() ?? "null"); // {}, [], true, false
                break;
        }
    }

    private static void AppendAll<T>(StringBuilder text, char open, char close, IEnumerable<T> items, int depth, Action<T> append)
    {
        text.Append(open);
        var first = true;
        foreach (var item in items)
        {
            text.Append(first ? "\n" : ",\n").Append(' ', 2 * (depth + 1));
            append(item);
            first = false;
        }
        text.Append('\n').Append(' ', 2 * depth).Append(close);
    }

    // Python's repr: the shortest digits that give the value back, an exponent from 1e16 on and below 1e-4.
    private static string Repr(double value)
    {
        var text = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        var parts = text[0].Split('.');
        var power = parts[0].Length - 1 + (text.Length > 1 ? int.Parse(text[1], CultureInfo.InvariantCulture) : 0); // of the first digit
        var all = string.Concat(parts);
        var digits = all.TrimStart('0') is { Length: > 0 } rest ? rest : "0";
        if (digits != "0") power -= all.Length - digits.Length; else power = 0;
        digits = digits.TrimEnd('0') is { Length: > 0 } shortest ? shortest : "0";
        var number = power switch
        {
            < -4 or >= 16 => $"{digits[0]}{(digits.Length > 1 ? "." : "")}{digits[1..]}e{(power < 0 ? '-' : '+')}{Math.Abs(power).ToString("00", CultureInfo.InvariantCulture)}",
            < 0 => $"0.{new string('0', -power - 1)}{digits}",
            _ when digits.Length <= power + 1 => $"{digits.PadRight(power + 1, '0')}.0",
            _ => $"{digits[..(power + 1)]}.{digits[(power + 1)..]}",
        };
        return value < 0 ? "-" + number : number;
    }

    private static void AppendText(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' or > '~' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }
        text.Append('"');
    }
}
