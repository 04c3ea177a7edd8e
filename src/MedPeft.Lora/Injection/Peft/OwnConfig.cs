using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>Our own file of an adapter, <c>medpeft_config.json</c>: the configuration in our terms, the labels, and a fingerprint of the base.</summary>
/// <remarks>It holds these and nothing else: no path, no name of a machine or a person, no value of an image.</remarks>
internal sealed record OwnConfig(AdapterConfig Config, IReadOnlyList<string>? Labels, BaseFingerprint Base)
{
    private const int Version = 1;

    private static readonly JsonSerializerOptions Settings = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
        IgnoreReadOnlyProperties = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private static readonly Lazy<Dictionary<string, Type>> Methods = new(() =>
        typeof(AdapterConfig).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(AdapterConfig)) && !type.IsAbstract).ToDictionary(type => type.Name, StringComparer.Ordinal));

    /// <summary>As it is written.</summary>
    public JsonObject ToJson() => new()
    {
        ["version"] = Version,
        ["method"] = Config.GetType().Name,
        ["config"] = JsonSerializer.SerializeToNode(Config, Config.GetType(), Settings),
        ["labels"] = Labels is null ? null : new JsonArray([.. Labels.Select(label => (JsonNode?)label)]),
        ["base"] = Base.ToJson(),
    };

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointException">It is damaged, or of a newer version.</exception>
    public static OwnConfig Read(string path)
    {
        var json = StrictJson.Read(path);
        try
        {
            if (json["version"]?.ToJsonString() is var version && version != "1")
                throw new CheckpointException(path, $"it is of version {Quoted.Bare(version ?? "none")}, and this library reads version {Version}. Read it by a newer MedPeft.Lora.");
            var method = json["method"]!.GetValue<string>();
            if (!Methods.Value.TryGetValue(method, out var type)) throw new CheckpointException(path, $"its method is {Quoted.Text(method)}; known are {string.Join(", ", Methods.Value.Keys.Order(StringComparer.Ordinal))}.");
            return new OwnConfig(
                (AdapterConfig)json["config"].Deserialize(type, Settings)!,
                json["labels"] is JsonArray labels ? [.. labels.Select(label => label!.GetValue<string>())] : null,
                BaseFingerprint.From(json["base"]) ?? throw new FormatException("base is no fingerprint that this library makes"));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or ArgumentException or NullReferenceException or NotSupportedException)
        {
            throw new CheckpointException(path, $"it is not the file that Save writes: {Quoted.Bare(error.Message)}", innerException: error);
        }
    }
}
