using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>A way to adapt a foundation model.</summary>
public sealed record StudyMethod
{
    /// <summary>What tables call it.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// What it trains: <c>full</c> (everything), <c>probe</c> (head and last norm), <c>recipe</c> (the published LoRA of the task), or a method of the
    /// adapter family by the name of its configuration, such as <c>lora</c>.
    /// </summary>
    public required string Kind { get; init; }

    /// <summary>The adapter; null where the kind has none or the recipe gives it.</summary>
    public AdapterConfig? Adapter { get; init; }

    /// <summary>What it changes in the training that the recipe and the study ask for; null changes nothing.</summary>
    public Func<TrainingOptions, TrainingOptions>? Adjust { get; init; }

    /// <summary>Whether it follows the recipe for full fine-tuning.</summary>
    internal FineTuningMethod RecipeMethod => Kind == "full" ? FineTuningMethod.Full : FineTuningMethod.Lora;

    /// <summary>The adapter family as it is in the library: <c>lora</c> is <see cref="LoraConfig"/>, and so on.</summary>
    internal static IReadOnlyDictionary<string, Type> Family { get; } = typeof(AdapterConfig).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(AdapterConfig)) && !type.IsAbstract && type.GetConstructor(Type.EmptyTypes) is not null)
        .OrderBy(type => type.Name, StringComparer.Ordinal)
        .ToDictionary(type => type.Name.Replace("Config", "", StringComparison.Ordinal).ToLowerInvariant());

    /// <summary>All kinds.</summary>
    internal static IReadOnlyList<string> Kinds { get; } = ["full", "probe", "recipe", .. Family.Keys];

    /// <summary>A fresh configuration of a kind with the paper's choice of layers, where the method has them.</summary>
    internal static AdapterConfig Default(string kind) => (AdapterConfig)Activator.CreateInstance(Family[kind])!;
}
