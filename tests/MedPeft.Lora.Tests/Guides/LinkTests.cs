using System.Text.RegularExpressions;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>What the pages point to is there.</summary>
public partial class LinkTests
{
    public static TheoryData<string> Names => [.. Pages.All.Select(page => Path.GetRelativePath(Pages.Root, page).Replace('\\', '/'))];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_link_within_the_repository_leads_somewhere(string name)
    {
        var page = Path.Combine(Pages.Root, name);
        var broken = Links().Matches(Pages.Prose(page)).Select(match => match.Groups[1].Value).Where(link => !Leads(page, link));

        Assert.Empty(broken);
    }

    [Fact]
    public void Every_guide_is_named_in_the_readme()
    {
        var readme = File.ReadAllText(Path.Combine(Pages.Root, "README.md"));
        var missing = Directory.EnumerateFiles(Path.Combine(Pages.Root, "docs"), "*.md").Select(Path.GetFileName).Where(name => !readme.Contains($"(docs/{name}", StringComparison.Ordinal)).ToList();

        Assert.Empty(missing);
    }

    [Fact]
    public void Every_folder_of_the_library_has_a_line_in_the_architecture()
    {
        var page = File.ReadAllText(Path.Combine(Pages.Root, "docs", "architecture.md"));
        var missing = Directory.EnumerateDirectories(Path.Combine(Pages.Root, "src", "MedPeft.Lora")).Select(Path.GetFileName)
            .Except(["bin", "obj", "buildTransitive"]).Where(name => !page.Contains($"| `{name}/` |", StringComparison.Ordinal)).ToList();

        Assert.Empty(missing);
    }

    [Fact]
    public void Every_sample_says_what_it_is_for()
    {
        var silent = Directory.EnumerateFiles(Path.Combine(Pages.Root, "samples"), "Program.cs", SearchOption.AllDirectories)
            .Select(program => Path.GetDirectoryName(program)!).Where(folder => !File.Exists(Path.Combine(folder, "README.md"))).ToList();

        Assert.Empty(silent);
    }

    private static bool Leads(string page, string link)
    {
        if (link.StartsWith("https://", StringComparison.Ordinal) || link.StartsWith("http://", StringComparison.Ordinal)) return true;
        var (path, anchor) = link.Split('#') is [var before, var after] ? (before, after) : (link, "");
        var target = path.Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, path));
        // docs/api is generated, a page for each namespace; a checkout may be without it.
        if (Path.GetDirectoryName(target) == Path.Combine(Pages.Root, "docs", "api"))
            return Path.GetFileNameWithoutExtension(target) is "README" || typeof(LoraConfig).Assembly.GetExportedTypes().Any(type => type.Namespace == Path.GetFileNameWithoutExtension(target));
        return (File.Exists(target) && (anchor.Length == 0 || Pages.Anchors(target).Contains(anchor))) || (anchor.Length == 0 && Directory.Exists(target));
    }

    [GeneratedRegex(@"\]\(([^()\s]+)\)")]
    private static partial Regex Links();
}
