using System.Globalization;

namespace MedPeft.Lora.Injection;

/// <summary>Tables in plain text: names to the left, numbers to the right.</summary>
internal static class TextTable
{
    private const int Names = 2; // columns of text: layer and kind

    public static string Of(IReadOnlyList<string> header, IEnumerable<string[]> rows)
    {
        var all = rows.Prepend([.. header]).ToList();
        var widths = header.Select((_, column) => all.Max(row => row[column].Length)).ToList();
        return string.Concat(all.Select(row => string.Join("  ", row.Select((cell, column) => column < Names ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd() + "\n"));
    }

    public static string[] Cells(LoraLayerInfo layer) =>
    [
        layer.Path,
        layer.Kind + layer.Remarks,
        layer.Rank == 0 ? "" : layer.Rank.ToString(CultureInfo.InvariantCulture),
        layer.Alpha == 0 ? "" : layer.Alpha.ToString(CultureInfo.InvariantCulture),
        layer.Parameters.ToString("N0", CultureInfo.InvariantCulture),
    ];

    public static string Bytes(long bytes) => bytes switch
    {
        < 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:N1} MiB"),
    };
}
