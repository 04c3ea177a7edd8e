using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>Rows of text in aligned columns: the first to the left, the others to the right.</summary>
internal sealed class TextTable(string[] header)
{
    private readonly List<string[]> rows = [header];

    /// <summary>Four decimals, or a dash for what is not defined.</summary>
    public static string Number(double? value) => value is { } v && !double.IsNaN(v) ? v.ToString("F4", CultureInfo.InvariantCulture) : "-";

    /// <summary>Adds a row as long as the header.</summary>
    public void Add(string[] row) => rows.Add(row);

    /// <inheritdoc/>
    public override string ToString()
    {
        var widths = header.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        return string.Join('\n', rows.Select(row => string.Join("  ", row.Select((text, column) =>
            column == 0 ? text.PadRight(widths[0]) : text.PadLeft(widths[column]))).TrimEnd()));
    }
}
