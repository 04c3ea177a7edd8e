using System.Globalization;

namespace MedPeft.Lora.Injection;

/// <summary>Lists of names in error messages.</summary>
internal static class Names
{
    private const int Shown = 6;

    /// <summary>The names most like the ones asked for, one of each kind of place, and how many there are: <c>blocks.0.attn.qkv, head, … (25)</c>.</summary>
    public static string Nearest(IEnumerable<string> asked, IReadOnlyCollection<string> existing)
    {
        var kinds = existing.GroupBy(Kind).Select(group => group.First()).ToList();
        var shown = kinds.Select((name, index) => (name, index))
            .OrderBy(entry => asked.Min(one => Strangeness(ModulePath.Last(one), ModulePath.Last(entry.name)))).ThenBy(entry => entry.index)
            .Take(Shown).Select(entry => entry.name).ToList();
        return $"{string.Join(", ", shown)}{(shown.Count < existing.Count ? ", …" : "")} ({existing.Count.ToString(CultureInfo.InvariantCulture)})";
    }

    /// <summary>The first few names and how many more there are.</summary>
    public static string Some(IReadOnlyCollection<string> names) =>
        string.Join(", ", names.Take(Shown)) + (names.Count > Shown ? $" and {(names.Count - Shown).ToString(CultureInfo.InvariantCulture)} more" : "");

    /// <summary>One name of each kind of place, and how many there are of it: <c>blocks.0.norm1 (12), head</c>.</summary>
    public static IEnumerable<string> Kinds(IEnumerable<string> names) =>
        names.GroupBy(Kind).Select(group => group.Count() is var count && count == 1 ? group.First() : $"{group.First()} ({count.ToString(CultureInfo.InvariantCulture)})");

    /// <summary>Names in the notation of a configuration: <c>["query", "key"]</c>.</summary>
    public static string Quoted(IEnumerable<string> names) => $"[{string.Join(", ", names.Select(name => $"\"{name}\""))}]";

    /// <summary>A path without its numbers: the layers of all blocks are one kind.</summary>
    private static string Kind(string path) => string.Join('.', path.Split('.').Select(part => part.All(char.IsAsciiDigit) ? "#" : part));

    /// <summary>How far a name is from the one asked for, if it may be meant at all; else as far as any other, so that the order of the model remains.</summary>
    private static int Strangeness(string asked, string name) =>
        Distance(asked, name) is var distance && 2 * distance <= Math.Max(asked.Length, name.Length) ? distance : int.MaxValue;

    /// <summary>Edit distance (Levenshtein).</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(diagonal + (a[i - 1] == b[j - 1] ? 0 : 1), 1 + Math.Min(above, row[j - 1]));
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}
