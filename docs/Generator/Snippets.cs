using System.Text.RegularExpressions;

namespace MedPeft.Docs;

/// <summary>
/// Code in the guides: each block after a line <c>&lt;!-- snippet: name --&gt;</c> is the region of that name in the tests, which compile and run it. Lines of <c>using</c>
/// directives at the head of a block are the guide's own.
/// </summary>
internal static partial class Snippets
{
    /// <summary>Puts the code of the tests into the guides.</summary>
    /// <param name="root">The repository.</param>
    /// <param name="write">False to change nothing.</param>
    /// <returns>What is out of date or wrong, one line each.</returns>
    public static IReadOnlyList<string> Update(string root, bool write)
    {
        var (faults, used) = (new List<string>(), new HashSet<string>());
        var regions = Directory.EnumerateFiles(Path.Combine(root, "tests", "MedPeft.Lora.Tests", "Guides"), "*.cs")
            .SelectMany(file => Regions().Matches(File.ReadAllText(file)).Select(match => (Name: match.Groups["name"].Value.Trim(), Code: Dedent(match.Groups["code"].Value))))
            .ToDictionary(region => region.Name, region => region.Code);
        foreach (var guide in Directory.EnumerateFiles(Path.Combine(root, "docs"), "*.md").Append(Path.Combine(root, "README.md")))
        {
            var text = File.ReadAllText(guide);
            var updated = Blocks().Replace(text, match =>
            {
                var name = match.Groups["name"].Value;
                used.Add(name);
                if (regions.TryGetValue(name, out var code)) return $"{match.Groups["head"].Value}{code}\n```";
                faults.Add($"{Path.GetFileName(guide)}: no test has a region '{name}'");
                return match.Value;
            });
            if (Marks().Count(text) != Blocks().Count(text)) faults.Add($"{Path.GetFileName(guide)}: a snippet's mark is not followed by a block of csharp");
            if (updated == text) continue;
            if (write) File.WriteAllText(guide, updated);
            else faults.Add($"{Path.GetFileName(guide)}: its code is not that of the tests");
        }

        faults.AddRange(regions.Keys.Where(name => !used.Contains(name)).Select(name => $"no guide shows the region '{name}'"));
        return faults;
    }

    private static string Dedent(string code)
    {
        var lines = code.Trim('\r', '\n').TrimEnd().Split('\n');
        var indent = lines.Where(line => line.Trim().Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length >= indent ? line[indent..].TrimEnd() : ""));
    }

    [GeneratedRegex(@"^[ ]*#region (?<name>[^\n]+)\n(?<code>.*?)^[ ]*#endregion", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Regions();

    [GeneratedRegex(@"(?<head><!-- snippet: (?<name>[\w-]+) -->\s*```csharp\n(?:(?:using [\w.]+;[ ]*)+\n+)*)(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Blocks();

    [GeneratedRegex("<!-- snippet: ")]
    private static partial Regex Marks();
}
