using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>A way to adapt a foundation model.</summary>
public sealed record StudyMethod
{
    /// <summary>What tables call it.</summary>
    public required string Name { get; init; }

    /// <summary>The method and its settings; null, the default, is the published LoRA of the task's recipe.</summary>
    public AdapterConfig? Adapter { get; init; }

    /// <summary>What it changes in the training that the recipe and the study ask for; null changes nothing.</summary>
    public Func<TrainingOptions, TrainingOptions>? Adjust { get; init; }

    /// <summary>Whether it follows the recipe for full fine-tuning.</summary>
    internal FineTuningMethod RecipeMethod => Adapter is FullConfig ? FineTuningMethod.Full : FineTuningMethod.Lora;

    /// <summary>The methods of the library: <c>lora</c> is <see cref="LoraConfig"/>, and so on.</summary>
    internal static IReadOnlyDictionary<string, Type> Family { get; } = typeof(AdapterConfig).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(AdapterConfig)) && !type.IsAbstract && type.GetConstructor(Type.EmptyTypes) is not null)
        .OrderBy(type => type.Name, StringComparer.Ordinal)
        .ToDictionary(type => type.Name.Replace("Config", "", StringComparison.Ordinal).ToLowerInvariant());

    /// <summary>All kinds.</summary>
    internal static IReadOnlyList<string> Kinds { get; } = ["recipe", .. Family.Keys];

    /// <summary>What the study's file calls the method: <c>recipe</c>, or its name in the family.</summary>
    internal string Kind => Adapter is null ? "recipe" : Family.First(entry => entry.Value == Adapter.GetType()).Key;

    /// <summary>A fresh configuration of a kind with the paper's choice of layers, where the method has them.</summary>
    internal static AdapterConfig Default(string kind) => (AdapterConfig)Activator.CreateInstance(Family[kind])!;
}
