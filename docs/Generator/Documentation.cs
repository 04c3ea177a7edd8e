using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace MedPeft.Docs;

/// <summary>The library's XML documentation, turned to Markdown.</summary>
internal sealed partial class Documentation
{
    private readonly Dictionary<string, XElement> _members;

    public Documentation(string path) =>
        _members = XDocument.Load(path, LoadOptions.PreserveWhitespace).Descendants("member").ToDictionary(member => member.Attribute("name")!.Value, member => member);

    /// <summary>What is wrong: references that lead nowhere, members without a summary.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Turns a type's name into a link, or null where it has no page.</summary>
    public Func<string, string?> Link { get; set; } = _ => null;

    /// <summary>A part of a member's documentation, as Markdown of one paragraph; empty where it has none.</summary>
    public string Part(MemberInfo member, string element) => Resolve(member)?.Element(element) is { } found ? Text(found, member) : "";

    /// <summary>Parts that a member may have several of: parameters, exceptions.</summary>
    public IEnumerable<(string Name, string Text)> Parts(MemberInfo member, string element, string attribute) =>
        Resolve(member)?.Elements(element).Select(one => (one.Attribute(attribute)?.Value ?? "", Text(one, member))) ?? [];

    /// <summary>A member's example, as a fenced block.</summary>
    public string Example(MemberInfo member) => Resolve(member)?.Element("example")?.Element("code") is { } code ? $"\n```csharp\n{Dedent(code.Value)}\n```\n" : "";

    /// <summary>Remembers a member that says nothing of itself.</summary>
    public void Demand(MemberInfo member)
    {
        if (Part(member, "summary").Length == 0) Faults.Add($"{MemberIds.Of(member)} has no summary");
    }

    private XElement? Resolve(MemberInfo member, int depth = 0)
    {
        if (!_members.TryGetValue(MemberIds.Of(member), out var own)) return depth == 0 ? Inherited(member, depth) : null;
        if (own.Element("inheritdoc") is not { } inherit) return own;
        var from = inherit.Attribute("cref")?.Value is { } cref ? _members.GetValueOrDefault(cref) : Inherited(member, depth);
        if (from is null) return own.Element("summary") is null ? null : own;
        // What the member says itself comes before what it inherits.
        return new XElement("member", own.Elements().Where(one => one.Name != "inheritdoc"), from.Elements().Where(one => own.Element(one.Name) is null || one.Attribute("name") is { } name && !own.Elements(one.Name).Any(mine => mine.Attribute("name")?.Value == name.Value)));
    }

    private XElement? Inherited(MemberInfo member, int depth) => depth > 8 || member.DeclaringType is not { } type ? null
        : Ancestors(type).SelectMany(ancestor => ancestor.GetMember(member.Name, BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance))
            .Where(candidate => candidate.MemberType == member.MemberType && Shape(candidate) == Shape(member))
            .Select(candidate => Resolve(candidate, depth + 1)).FirstOrDefault(found => found is not null);

    private static IEnumerable<Type> Ancestors(Type type)
    {
        for (var ancestor = type.BaseType; ancestor is not null; ancestor = ancestor.BaseType) yield return ancestor;
        foreach (var one in type.GetInterfaces()) yield return one;
    }

    private static string Shape(MemberInfo member) => member is MethodBase method ? string.Join(",", method.GetParameters().Select(parameter => parameter.ParameterType.ToString())) : "";

    private string Text(XElement element, MemberInfo member)
    {
        var text = new StringBuilder();
        foreach (var node in element.Nodes())
        {
            if (node is XText plain) text.Append(plain.Value);
            else if (node is XElement one) text.Append(Inline(one, member));
        }

        return Spaces().Replace(text.ToString(), " ").Trim();
    }

    private string Inline(XElement element, MemberInfo member) => element.Name.LocalName switch
    {
        "c" => $"`{element.Value}`",
        "see" or "seealso" => element.Attribute("cref")?.Value is { } cref ? Reference(cref, member) : element.Attribute("langword")?.Value is { } word ? $"`{word}`" : $"<{element.Attribute("href")?.Value}>",
        "paramref" or "typeparamref" => $"`{element.Attribute("name")!.Value}`",
        "para" => $" {Text(element, member)} ",
        "list" => string.Concat(element.Elements("item").Select(item => $" • {Text(item, member)}")),
        "item" or "description" or "term" => Text(element, member),
        "code" => $"`{element.Value.Trim()}`",
        _ => element.Value,
    };

    private string Reference(string cref, MemberInfo member)
    {
        var ours = cref.Length > 2 && cref[2..].StartsWith("MedPeft.", StringComparison.Ordinal);
        if (cref.StartsWith("!:", StringComparison.Ordinal) || (ours && !_members.ContainsKey(cref) && !cref.StartsWith("N:", StringComparison.Ordinal)))
            Faults.Add($"{MemberIds.Of(member)} refers to {cref}, which is not there or has no documentation");
        var name = cref[2..].Split('(')[0];
        var parts = name.Split('.');
        if (cref[0] == 'T') return Linked(name, Plain(parts[^1]));
        var type = string.Join('.', parts[..^1]);
        var own = type == MemberIds.Of(member.DeclaringType ?? (Type)member)[2..];
        return own ? $"`{Plain(parts[^1])}`" : Linked(type, parts[^1] == "#ctor" ? Plain(parts[^2]) : $"{Plain(parts[^2])}.{Plain(parts[^1])}");
    }

    private string Linked(string type, string text) => Link(type) is { } target ? $"[`{text}`]({target})" : $"`{text}`";

    private static string Plain(string name) => name.Split('`')[0];

    private static string Dedent(string code)
    {
        var lines = code.Trim('\n', '\r').TrimEnd().Split('\n');
        var indent = lines.Where(line => line.Trim().Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length >= indent ? line[indent..] : line.TrimStart()));
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
