namespace MedPeft.Lora.Studies.Json;

/// <summary>The fields of an object: those known, each read once; any other is an error.</summary>
internal sealed class Fields
{
    private readonly PlacedValue _value;
    private readonly Dictionary<string, PlacedValue> _members;

    public Fields(PlacedValue value, params string[] known)
    {
        _value = value;
        _members = value.AsObject().ToDictionary(member => member.Name, member => member.Value, StringComparer.Ordinal);
        foreach (var (name, member) in value.Members)
            if (!known.Contains(name)) throw member.Error($"{member.Path} is no field here; the fields are {string.Join(", ", known)}.{Nearest.Hint(name, known)}");
    }

    public PlacedValue? Optional(string name) => _members.GetValueOrDefault(name);

    public PlacedValue Required(string name) => Optional(name) ?? throw _value.Error($"{(_value.Path == "the file" ? "the study" : _value.Path)} has no \"{name}\"; give it.");

    public string Text(string name)
    {
        var value = Required(name);
        var text = value.AsText();
        return text.Length > 0 ? text : throw value.Misfit("a text that is not empty fits");
    }

    public string? OptionalText(string name) => Optional(name) is null ? null : Text(name);

    public IReadOnlyList<PlacedValue> List(string name)
    {
        var value = Required(name);
        return value.AsList().Count > 0 ? value.Items : throw value.Misfit("a list of at least one fits");
    }
}
