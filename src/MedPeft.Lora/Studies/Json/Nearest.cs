namespace MedPeft.Lora.Studies.Json;

/// <summary>Choices in words, and the one that a misspelt name was meant to be.</summary>
internal static class Nearest
{
    /// <summary><c>a, b or c</c>.</summary>
    public static string List(IReadOnlyList<string> choices) =>
        choices.Count < 2 ? string.Concat(choices) : $"{string.Join(", ", choices.Take(choices.Count - 1))} or {choices[^1]}";

    /// <summary><c> Did you mean "rank"?</c>, or nothing where no choice is near.</summary>
    public static string Hint(string name, IEnumerable<string> choices)
    {
        var (choice, distance) = choices.Select(c => (c, Distance(name.ToUpperInvariant(), c.ToUpperInvariant()))).OrderBy(c => c.Item2).FirstOrDefault(("", int.MaxValue));
        return distance <= Math.Max(1, name.Length / 3) ? $" Did you mean \"{choice}\"?" : "";
    }

    // Levenshtein's.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var corner = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (corner, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }
}
