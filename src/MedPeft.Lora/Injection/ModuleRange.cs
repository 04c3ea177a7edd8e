using System.Globalization;

namespace MedPeft.Lora.Injection;

/// <summary>Names of several modules at once: <c>blocks.8..11</c>.</summary>
internal static class ModuleRange
{
    /// <summary>The names that one stands for; itself where it is no range.</summary>
    public static IReadOnlyList<string> Expand(string name, string property)
    {
        var dots = name.IndexOf("..", StringComparison.Ordinal);
        if (dots < 0) return [name];
        var start = dots;
        while (start > 0 && char.IsAsciiDigit(name[start - 1])) start--;
        if (!int.TryParse(name[start..dots], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            || !int.TryParse(name[(dots + 2)..], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
            || last < first || last - first > 100_000)
            throw new ArgumentException($"\"{name}\" is no range of modules; write the first and the last one, as in \"blocks.8..11\".", property);
        return [.. Enumerable.Range(first, last - first + 1).Select(index => name[..start] + index.ToString(CultureInfo.InvariantCulture))];
    }
}
