using System.Text.RegularExpressions;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>docs/coming-from.md names what there is.</summary>
public partial class ComingFromTests
{
    private static readonly string[] NotOurs = ["Console", "WriteLine", "Dictionary"];

    [Fact]
    public void Every_name_on_the_right_is_public_here()
    {
        var rows = File.ReadLines(Path.Combine(Pages.Root, "docs", "coming-from.md")).Where(line => line.StartsWith('|')).Select(line => Bars().Split(line.Trim())[2]).ToList();
        var names = rows.SelectMany(Pages.Quoted).SelectMany(code => Names().Matches(Strings().Replace(code, "")).Select(match => match.Value)).Distinct().Except(NotOurs).ToList();
        var unknown = names.Except(Pages.PublicNames).ToList();

        Assert.True(names.Count > 40);
        Assert.Empty(unknown);
    }

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Bars();

    [GeneratedRegex("@?\"[^\"]*\"")]
    private static partial Regex Strings();

    [GeneratedRegex(@"(?<!\w)[A-Z]\w+")]
    private static partial Regex Names();
}
