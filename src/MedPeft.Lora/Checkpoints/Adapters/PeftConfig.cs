using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MedPeft.Lora.Checkpoints.Adapters;

/// <summary>An <c>adapter_config.json</c>: what all of PEFT's methods have in common, by PEFT's own rules, and the fields of each.</summary>
/// <remarks>The rules are those of PEFT 0.20 (check_target_module_exists, get_pattern_key, _set_trainable), oddities included: an adapter means what PEFT made of it.</remarks>
internal sealed class PeftConfig
{
    private readonly Dictionary<string, Regex> _compiled = [];
    private readonly Regex? _targetPattern, _excludePattern;
    private readonly IReadOnlyList<string> _excludeNames;
    private readonly IReadOnlyList<Regex> _inSaved, _layerPatterns;
    private readonly IReadOnlyList<long>? _layers;

    private PeftConfig(string path, JsonObject fields)
    {
        (Path, Fields) = (path, fields);
        PeftType = Text("peft_type") ?? throw Fault("peft_type", "is missing, and it says which method the adapter is of. This is no adapter_config.json of PEFT.");
        Bias = Text("bias") ?? "none";
        ModulesToSave = Names("modules_to_save");
        var target = fields["target_modules"];
        AllLinear = IsText(target) && string.Equals(target!.GetValue<string>(), "all-linear", StringComparison.OrdinalIgnoreCase);
        TargetPattern = IsText(target) && !AllLinear ? target!.GetValue<string>() : null;
        TargetNames = IsText(target) ? [] : Names("target_modules");
        _targetPattern = TargetPattern is null ? null : Compile("target_modules", TargetPattern);
        ExcludePattern = IsText(fields["exclude_modules"]) ? Text("exclude_modules") : null;
        ExcludeNames = ExcludePattern is null ? Names("exclude_modules") : [];
        _excludePattern = ExcludePattern is null ? null : Compile("exclude_modules", ExcludePattern);
        _excludeNames = ExcludeNames;
        _inSaved = [.. ModulesToSave.Select(name => Compile("modules_to_save", $@"(?:(?:^|.*\.)(?:{name})(?:$|\..*))"))];
        _layers = Layers();
        var patterns = IsText(fields["layers_pattern"]) ? [Text("layers_pattern")!] : Names("layers_pattern");
        _layerPatterns = [.. (patterns.Count == 0 ? [@"[^.]*"] : patterns).Select(pattern => Compile("layers_pattern", $@".*?\.(?:{pattern})\.(\d+)\..*"))];
        if (_layers is not null && (TargetPattern is not null || AllLinear))
            throw Fault("layers_to_transform", "is set beside a target_modules that is a text; PEFT refuses that too, and names the layers in the text.");
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Everything in it.</summary>
    public JsonObject Fields { get; }

    /// <summary>The method: <c>LORA</c>, <c>VERA</c>, …</summary>
    public string PeftType { get; }

    /// <summary>Names of layers; empty where they are given otherwise.</summary>
    public IReadOnlyList<string> TargetNames { get; }

    /// <summary>A regular expression of layers; null where they are given otherwise.</summary>
    public string? TargetPattern { get; }

    /// <summary>True if all linear layers are adapted.</summary>
    public bool AllLinear { get; }

    /// <summary>Names of layers left out.</summary>
    public IReadOnlyList<string> ExcludeNames { get; }

    /// <summary>A regular expression of layers left out.</summary>
    public string? ExcludePattern { get; }

    /// <summary>Ends of the names of modules trained in full.</summary>
    public IReadOnlyList<string> ModulesToSave { get; }

    /// <summary><c>none</c>, <c>all</c> or one that ends in <c>_only</c>.</summary>
    public string Bias { get; }

    /// <summary>True if the layers of a few blocks only are adapted.</summary>
    public bool ChoosesLayers => _layers is not null;

    /// <summary>True if the file says which layers are adapted; where it does not, the weights do.</summary>
    public bool NamesTargets => TargetNames.Count > 0 || _targetPattern is not null || AllLinear;

    /// <summary>Reads a file.</summary>
    public static PeftConfig Read(string path) => new(path, StrictJson.Read(path));

    /// <summary>As <see cref="Read"/>, from what is about to be written.</summary>
    public static PeftConfig Of(JsonObject fields) => new(AdapterFolder.Config, fields);

    /// <summary>True if PEFT adapts the layer. A choice of blocks (layers_to_transform) holds for ends of names only, not for whole ones.</summary>
    public bool Targets(string path, bool linear)
    {
        if (_excludePattern is not null ? Match("exclude_modules", _excludePattern, path).Success : _excludeNames.Any(name => IsEnd(name, path))) return false;
        if (_inSaved.Any(saved => Match("modules_to_save", saved, path).Success)) return false;
        if (AllLinear) return linear;
        if (_targetPattern is not null) return Match("target_modules", _targetPattern, path).Success;
        return TargetNames.Contains(path) || TargetNames.Any(name => IsEnd(name, path)) && Chosen(path);
    }

    /// <summary>True if PEFT trains the module in full: a bare end of the name is enough, <c>norm</c> hits <c>fc_norm</c>.</summary>
    public bool Saves(string path) => ModulesToSave.Any(name => path.EndsWith(name, StringComparison.Ordinal));

    /// <summary>A value that a pattern gives for single layers: the first whose name, a regular expression, matches an end of the path.</summary>
    public double Of(string field, string path, double otherwise)
    {
        if (Fields[field] is null) return otherwise;
        if (Fields[field] is not JsonObject pattern) throw Fault(field, "is no object of names and numbers.");
        foreach (var (name, value) in pattern)
            if (Match(field, Compile(field, $@"(?:(?:.*\.)?(?:{name})\n?)"), path).Success)
                return Double(field, value);
        return otherwise;
    }

    /// <summary>A number; the value given where it is missing.</summary>
    public double Number(string field, double otherwise) => Fields[field] is { } value ? Double(field, value) : otherwise;

    /// <summary>A yes or no; false where it is missing.</summary>
    public bool Flag(string field) => Fields[field] switch
    {
        null => false,
        JsonValue value when value.GetValueKind() is JsonValueKind.True or JsonValueKind.False => value.GetValueKind() == JsonValueKind.True,
        _ => throw Fault(field, "is neither true nor false."),
    };

    /// <summary>A text; null where it is missing.</summary>
    public string? Text(string field) => Fields[field] switch
    {
        null => null,
        { } value when IsText(value) => value.GetValue<string>(),
        _ => throw Fault(field, "is no text."),
    };

    /// <summary>What is wrong with a field.</summary>
    public CheckpointException Fault(string field, string reason, Exception? cause = null) => new(Path, $"{field} {reason}", innerException: cause);

    /// <summary>True if a field says nothing: missing, null, false, empty.</summary>
    public bool Silent(string field) => Fields[field] switch
    {
        null => true,
        JsonObject items => items.Count == 0,
        JsonArray items => items.Count == 0,
        JsonValue value => value.GetValueKind() == JsonValueKind.False || (IsText(value) && value.GetValue<string>().Length == 0),
        _ => false,
    };

    private bool Chosen(string path)
    {
        if (_layers is not { } layers) return true;
        foreach (var pattern in _layerPatterns)
            if (Match("layers_pattern", pattern, path) is { Success: true } match)
                return long.TryParse(match.Groups[1].Value, out var index) && layers.Contains(index);
        return false;
    }

    private static bool IsEnd(string name, string path) => path == name || path.EndsWith("." + name, StringComparison.Ordinal);

    private static bool IsText(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.String;

    private List<string> Names(string field)
    {
        if (Fields[field] is null) return [];
        var names = Fields[field] is JsonArray items && items.All(IsText) ? items.Select(item => item!.GetValue<string>()).ToList() : throw Fault(field, "is no list of names.");
        return names.Contains("") ? throw Fault(field, "has an empty name.") : names;
    }

    private List<long>? Layers() => Fields["layers_to_transform"] switch
    {
        null or JsonArray { Count: 0 } => null,
        JsonArray items => [.. items.Select(item => (long)Double("layers_to_transform", item))],
        { } one => [(long)Double("layers_to_transform", one)],
    };

    private double Double(string field, JsonNode? value) =>
        value is JsonValue && value.GetValueKind() == JsonValueKind.Number && double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number : throw Fault(field, "has something that is no number.");

    private Regex Compile(string field, string pattern)
    {
        if (_compiled.TryGetValue(pattern, out var known)) return known;
        try
        {
            return _compiled[pattern] = new Regex($@"\A(?:{pattern})\z", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException error)
        {
            throw Fault(field, $"has {Quoted.Text(pattern)}, which is no regular expression.", error);
        }
    }

    private Match Match(string field, Regex pattern, string path)
    {
        try
        {
            return pattern.Match(path);
        }
        catch (RegexMatchTimeoutException error)
        {
            throw Fault(field, "has a regular expression that takes forever to match. Do not use this file.", error);
        }
    }
}
