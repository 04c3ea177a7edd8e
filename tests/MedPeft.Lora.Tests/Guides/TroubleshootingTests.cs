using System.Text.RegularExpressions;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>docs/troubleshooting.md and the table of docs/backends.md quote what the library really says.</summary>
public partial class TroubleshootingTests
{
    private static readonly IReadOnlyDictionary<string, string> Sources = Directory.EnumerateFiles(Path.Combine(Pages.Root, "src", "MedPeft.Lora"), "*", SearchOption.AllDirectories)
        .Where(file => Path.GetExtension(file) is ".cs" or ".targets" && !file.Split(Path.DirectorySeparatorChar).Intersect(["obj", "bin"]).Any())
        .ToDictionary(file => file, file => Texts(File.ReadAllText(file)));

    [Fact]
    public void Every_message_that_is_quoted_is_one_of_the_library()
    {
        // Each heading is the beginning of a message; those below the last part's heading are other programs'.
        var page = File.ReadAllText(Path.Combine(Pages.Root, "docs", "troubleshooting.md"));
        var ours = page[..page.IndexOf("\n## From elsewhere", StringComparison.Ordinal)];
        var quoted = Headings().Matches(ours).SelectMany(match => Pages.Quoted(match.Value)).ToList();
        var invented = quoted.Where(message => !IsSaid(message)).ToList();

        Assert.True(quoted.Count >= 25);
        Assert.Empty(invented);
    }

    [Fact]
    public void Every_message_of_loading_is_one_of_the_library_or_known_to_be_another_s()
    {
        string[] others =
        [
            "GLIBCXX_3.4.32' not found", // the system's loader
            "failed to map segment from shared object",
            "This application or script uses TorchSharp but doesn't contain a reference to libtorch-cpu-linux-x64", // TorchSharp
            "Two TorchSharp runtime packages have been referenced", // TorchSharp's targets
            "TorchBackend is '…'; choose …", // this repository's own build
        ];
        var page = File.ReadAllText(Path.Combine(Pages.Root, "docs", "backends.md"));
        var rows = page[page.IndexOf("## When it does not load", StringComparison.Ordinal)..].Split('\n').Where(line => line.StartsWith('|'));
        var invented = rows.SelectMany(row => Pages.Quoted(row.Split('|')[1])).Except(others)
            .SelectMany(message => Versions().Replace(message, "…").Split('…')).Where(part => !IsSaid(part)).ToList();

        Assert.Empty(invented);
    }

    [Theory]
    [InlineData("No module matches Targets …", true)]
    [InlineData("No modules match Targets …", false)]
    public void A_message_is_found_by_its_fixed_parts(string message, bool said) => Assert.Equal(said, IsSaid(message));

    // The fixed parts of a message stand in one file, one after the other and not far apart; what it fills in is written as …
    private static bool IsSaid(string message)
    {
        var parts = message.Split('…').Select(part => Regex.Escape(part.Trim('\'', ' '))).Where(part => part.Length > 0).ToList();
        var pattern = new Regex(string.Join(@"[^\n]{0,300}?", parts), RegexOptions.CultureInvariant);
        return Sources.Values.Any(pattern.IsMatch);
    }

    // Literals that are written in several pieces are one text.
    private static string Texts(string source) => Seams().Replace(source, "").Replace("\\\"", "\"", StringComparison.Ordinal);

    [GeneratedRegex("\"\\s*\\+\\s*\\$?\"")]
    private static partial Regex Seams();

    [GeneratedRegex(@"\d+\.\d+(\.\d+)?")]
    private static partial Regex Versions();

    [GeneratedRegex("^### .+$", RegexOptions.Multiline)]
    private static partial Regex Headings();
}
