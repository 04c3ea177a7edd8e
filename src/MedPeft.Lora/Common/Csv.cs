namespace MedPeft.Lora.Common;

/// <summary>Comma-separated values as RFC 4180 has them.</summary>
internal static class Csv
{
    /// <summary>A text as a field: in quotes where it holds a comma, a quote or the end of a line.</summary>
    public static string Field(string text) => text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
