using System.Reflection;
using System.Text;

namespace MedPeft.Docs;

/// <summary>Lays the documentation out: a page for each namespace, a section for each type, an index.</summary>
internal sealed class Pages
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
    private readonly Documentation _documentation;
    private readonly List<Type> _types;

    public Pages(Assembly assembly, Documentation documentation)
    {
        _documentation = documentation;
        _types = [.. assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal)];
        var targets = _types.ToDictionary(type => MemberIds.Of(type)[2..], type => $"{type.Namespace}.md#{Anchor(type)}");
        documentation.Link = name => targets.GetValueOrDefault(name);
    }

    /// <summary>File names and their Markdown.</summary>
    public Dictionary<string, string> Render()
    {
        var files = new Dictionary<string, string>();
        var index = new StringBuilder("# API reference\n\nWritten from the XML documentation by `eng/update-docs.sh`; do not edit by hand.\n");
        foreach (var group in _types.GroupBy(type => type.Namespace!).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            index.Append($"\n## [{group.Key}]({group.Key}.md)\n\n| | |\n|---|---|\n");
            var page = new StringBuilder($"# {group.Key}\n\n[All namespaces](README.md)\n");
            foreach (var type in group)
            {
                index.Append($"| [{Title(type)}]({group.Key}.md#{Anchor(type)}) | {Cell(_documentation.Part(type, "summary"))} |\n");
                Write(page, type);
            }

            files[$"{group.Key}.md"] = page.ToString();
        }

        files["README.md"] = index.ToString();
        return files;
    }

    private void Write(StringBuilder page, Type type)
    {
        _documentation.Demand(type);
        page.Append($"\n## {Title(type)}\n\n```csharp\n{Signatures.Of(type)}\n```\n\n{_documentation.Part(type, "summary")}\n");
        if (_documentation.Part(type, "remarks") is { Length: > 0 } remarks) page.Append($"\n{remarks}\n");
        page.Append(_documentation.Example(type));
        if (type.IsEnum) Table(page, "value", type.GetFields(BindingFlags.Public | BindingFlags.Static), field => $"`{field.Name}`");
        else
        {
            foreach (var constructor in type.GetConstructors(Declared).Where(one => one.GetParameters().Length > 0)) Section(page, constructor);
            Table(page, "property", type.GetProperties(Declared).Where(property => property.Name != "EqualityContract"), property => $"`{Signatures.Of(property)}`");
            Table(page, "field", type.GetFields(Declared), field => $"`{Signatures.Of(field)}`");
            foreach (var method in type.GetMethods(Declared).Where(IsShown)) Section(page, method);
        }
    }

    // What the compiler makes of a record, accessors, and what every object has, say nothing about the type.
    private static bool IsShown(MethodInfo method) => !method.IsSpecialName && !method.Name.Contains('<', StringComparison.Ordinal)
        && method.Name is not ("Equals" or "GetHashCode" or "ToString" or "Deconstruct" or "PrintMembers") && method.GetBaseDefinition() is var origin
        && (origin == method || origin.DeclaringType!.Assembly == method.DeclaringType!.Assembly || method.Name == "forward");

    private void Section(StringBuilder page, MethodBase member)
    {
        if (member is ConstructorInfo && member.DeclaringType!.GetMethod("<Clone>$") is not null && _documentation.Part(member, "summary") == _documentation.Part(member.DeclaringType, "summary"))
        {
            // A positional record documents its parameters at the type.
            Fields(page, "", _documentation.Parts(member.DeclaringType, "param", "name"));
            return;
        }

        _documentation.Demand(member);
        page.Append($"\n### {(member.IsConstructor ? "new " + Title(member.DeclaringType!) : member.Name)}\n\n```csharp\n{Signatures.Of(member)}\n```\n\n{_documentation.Part(member, "summary")}\n");
        if (_documentation.Part(member, "remarks") is { Length: > 0 } remarks) page.Append($"\n{remarks}\n");
        Fields(page, "", _documentation.Parts(member, "param", "name"));
        if (_documentation.Part(member, "returns") is { Length: > 0 } returns) page.Append($"\nReturns: {returns}\n");
        Fields(page, "Throws ", _documentation.Parts(member, "exception", "cref").Select(one => (one.Name.Split('.')[^1], one.Text)));
        page.Append(_documentation.Example(member));
    }

    private static void Fields(StringBuilder page, string before, IEnumerable<(string Name, string Text)> fields)
    {
        foreach (var (i, (name, text)) in fields.Index()) page.Append($"{(i == 0 ? "\n" : "")}- {before}`{name}`: {text}\n");
    }

    private void Table(StringBuilder page, string what, IEnumerable<MemberInfo> members, Func<dynamic, string> declaration)
    {
        var rows = members.ToList();
        if (rows.Count == 0) return;
        page.Append($"\n| {what} | |\n|---|---|\n");
        foreach (var member in rows)
        {
            if (member.DeclaringType!.GetMethod("<Clone>$") is null || !_documentation.Parts(member.DeclaringType, "param", "name").Any(parameter => parameter.Name == member.Name)) _documentation.Demand(member);
            var text = _documentation.Part(member, "summary") is { Length: > 0 } own ? own
                : _documentation.Parts(member.DeclaringType, "param", "name").FirstOrDefault(parameter => parameter.Name == member.Name).Text;
            page.Append($"| {declaration(member)} | {Cell($"{text} {_documentation.Part(member, "value")}".Trim())} |\n");
        }
    }

    private static string Title(Type type) => Signatures.Name(type);

    private static string Anchor(Type type) => new([.. Title(type).ToLowerInvariant().Where(letter => char.IsLetterOrDigit(letter) || letter is '-' or '_' or ' ').Select(letter => letter == ' ' ? '-' : letter)]);

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
