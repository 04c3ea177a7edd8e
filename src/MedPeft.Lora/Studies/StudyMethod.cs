using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>A way to adapt a foundation model.</summary>
public sealed record StudyMethod
{
    /// <summary>What tables call it.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// How it trains: <c>recipe</c> is the published LoRA of the task; the others are the methods of the library by the names of their configurations:
    /// <c>lora</c>, <c>full</c> for full fine-tuning, <c>linearprobe</c>, <c>bitfit</c> and so on.
    /// </summary>
    public required string Kind { get; init; }

    /// <summary>The method's configuration; null for the defaults of its kind, and where the recipe gives it.</summary>
    public AdapterConfig? Adapter { get; init; }

    /// <summary>What it changes in the training that the recipe and the study ask for; null changes nothing.</summary>
    public Func<TrainingOptions, TrainingOptions>? Adjust { get; init; }

    /// <summary>Whether it follows the recipe for full fine-tuning.</summary>
    internal FineTuningMethod RecipeMethod => Kind == "full" ? FineTuningMethod.Full : FineTuningMethod.Lora;

    /// <summary>The methods of the library: <c>lora</c> is <see cref="LoraConfig"/>, and so on.</summary>
    internal static IReadOnlyDictionary<string, Type> Family { get; } = typeof(AdapterConfig).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(AdapterConfig)) && !type.IsAbstract && type.GetConstructor(Type.EmptyTypes) is not null)
        .OrderBy(type => type.Name, StringComparer.Ordinal)
        .ToDictionary(type => type.Name.Replace("Config", "", StringComparison.Ordinal).ToLowerInvariant());

    /// <summary>All kinds.</summary>
    internal static IReadOnlyList<string> Kinds { get; } = ["recipe", .. Family.Keys];

    /// <summary>A fresh configuration of a kind with the paper's choice of layers, where the method has them.</summary>
    internal static AdapterConfig Default(string kind) => (AdapterConfig)Activator.CreateInstance(Family[kind])!;
}
