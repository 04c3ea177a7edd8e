using System.Reflection;
using System.Text.RegularExpressions;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The pages that people write: the README, the changelog, the guides and the samples' READMEs. What is generated is checked by its generator.</summary>
internal static partial class Pages
{
    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<string> All { get; } =
    [
        Path.Combine(Root, "README.md"),
        Path.Combine(Root, "CHANGELOG.md"),
        .. Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md"),
        .. Directory.EnumerateDirectories(Path.Combine(Root, "samples")).Select(folder => Path.Combine(folder, "README.md")).Where(File.Exists),
    ];

    /// <summary>The names of all public types and members of the library.</summary>
    public static IReadOnlySet<string> PublicNames { get; } = typeof(LoraConfig).Assembly.GetExportedTypes()
        .SelectMany(type => type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.FlattenHierarchy).Select(member => member.Name).Append(type.Name.Split('`')[0]))
        .Concat(typeof(LoraConfig).Assembly.GetExportedTypes().SelectMany(type => (type.Namespace ?? "").Split('.')))
        .ToHashSet();

    /// <summary>The text of a page without its fenced blocks.</summary>
    public static string Prose(string page) => Fences().Replace(File.ReadAllText(page), "");

    /// <summary>What stands between backticks.</summary>
    public static IEnumerable<string> Quoted(string text) => Backticks().Matches(text).Select(match => match.Groups[1].Value.Replace("\\|", "|", StringComparison.Ordinal));

    /// <summary>What a page's headings are called in links.</summary>
    public static IEnumerable<string> Anchors(string page) => Headings().Matches(Prose(page))
        .Select(match => NotInAnchors().Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "MedPeft.Lora.sln")))
                return folder.FullName;
        throw new DirectoryNotFoundException($"No MedPeft.Lora.sln above {AppContext.BaseDirectory}.");
    }

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fences();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Backticks();

    [GeneratedRegex("^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Headings();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
