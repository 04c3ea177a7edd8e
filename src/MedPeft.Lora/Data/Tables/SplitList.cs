namespace MedPeft.Lora.Data.Tables;

/// <summary>A list of images, one a line: a bare path (official lists) or a path and a 0 or 1 for each label, split on single spaces (MED-PEFT).</summary>
internal sealed class SplitList
{
    private const int LongestLine = 4096;

    private SplitList(string file, IReadOnlyList<Entry> entries, bool hasLabels) => (File, Entries, HasLabels) = (file, entries, hasLabels);

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>The images in their order; each path once.</summary>
    public IReadOnlyList<Entry> Entries { get; }

    /// <summary>Whether the lines give values.</summary>
    public bool HasLabels { get; }

    /// <summary>Reads a list. LF and CRLF, a space at a line's end and a missing last line end are all in use.</summary>
    /// <param name="path">The list, plain or gzip.</param>
    /// <param name="labels">The labels that the values stand for.</param>
    /// <param name="clean">Shortens a path to what lies below the root; null if it is fine as it is.</param>
    public static SplitList Read(string path, IReadOnlyList<string> labels, Func<string, string>? clean = null)
    {
        using var lines = new LineReader(path, LongestLine);
        var entries = new List<Entry>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        bool? hasLabels = null;
        while (lines.Read())
        {
            var line = lines.Text;
            if (line.EndsWith(" ")) line = line[..^1];
            if (line.IsEmpty) continue;
            var name = Next(ref line);
            hasLabels ??= !line.IsEmpty;
            if (!hasLabels.Value && !line.IsEmpty)
                throw lines.Error(
                    $"found values after the path; earlier lines have none. One kind of list fits: paths alone, or paths with {labels.Count} values.");
            var values = hasLabels.Value ? Values(lines, line, labels) : null;
            var relative = name.ToString();
            if (clean is not null) relative = clean(relative);
            if (PathRules.Problem(relative) is { } problem) throw lines.Error(problem);
            relative = PathRules.Normalize(relative);
            if (!seen.TryAdd(relative, lines.Line))
                throw lines.Error($"the image {Quoted.Of(relative)} stands in line {seen[relative]} already. Keep one of the lines.");
            entries.Add(new Entry(relative, values, lines.Line));
        }

        return entries.Count > 0
            ? new SplitList(path, entries, hasLabels!.Value)
            : throw new DatasetException(path, $"is empty; it should name an image in each line, alone or followed by {labels.Count} values of 0 or 1.");
    }

    private static float[] Values(LineReader lines, ReadOnlySpan<char> rest, IReadOnlyList<string> labels)
    {
        var found = rest.IsEmpty ? 0 : rest.Count(' ') + 1;
        if (found != labels.Count)
            throw lines.Error(
                $"found {found} values after the path; {labels.Count} fit, one for each label ({Quoted.Some(labels, labels.Count, 14)}). Correct the "
                + "line, or open the data set that the list belongs to.");
        var values = new float[labels.Count];
        for (var k = 0; k < values.Length; k++)
        {
            var value = Next(ref rest);
            values[k] = value is "0" ? 0 : value is "1" ? 1 : throw lines.Error($"found {Quoted.Of(value)} for '{labels[k]}'; 0 (absent) or 1 (present) fits.");
        }

        return values;
    }

    private static ReadOnlySpan<char> Next(ref ReadOnlySpan<char> rest)
    {
        var cut = rest.IndexOf(' ');
        var token = cut < 0 ? rest : rest[..cut];
        rest = cut < 0 ? [] : rest[(cut + 1)..];
        return token;
    }

    /// <summary>A line: the image below the root, its values (null in a bare list), and where it stands.</summary>
    public readonly record struct Entry(string Image, float[]? Values, int Line);
}
