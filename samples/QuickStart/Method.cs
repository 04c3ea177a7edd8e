namespace MedPeft.Samples.QuickStart;

/// <summary>One way to adapt the foundation model: its name, its learning rate, and what it trains.</summary>
/// <param name="Name">As the table says it.</param>
/// <param name="LearningRate">Its own: one rate for all would be unfair to some. They are usual ones for AdamW, not the outcome of a search.</param>
/// <param name="Adaptation">What trains.</param>
internal sealed record Method(string Name, double LearningRate, Adaptation Adaptation)
{
    /// <summary>The three of the demonstration.</summary>
    public static IReadOnlyList<Method> Three { get; } = [new("LoRA", 2e-3, Adaptation.Lora), new("Full fine-tuning", 5e-4, Adaptation.Full), new("Linear probe", 1e-2, Adaptation.Probe)];

    /// <summary>Those of the table of methods.</summary>
    public static IReadOnlyList<Method> All { get; } =
    [
        .. Three,
        new("rsLoRA", 1e-3, Adaptation.RsLora),
        new("DoRA", 2e-3, Adaptation.Dora),
        new("LoRA+", 5e-4, Adaptation.LoraPlus),
        new("LoRA-FA", 4e-3, Adaptation.LoraFa),
        new("PiSSA", 1e-3, Adaptation.Pissa),
        new("OLoRA", 1e-3, Adaptation.Olora),
        new("EVA", 2e-3, Adaptation.Eva),
        new("AdaLoRA", 4e-3, Adaptation.AdaLora),
        new("VeRA", 1e-2, Adaptation.Vera),
        new("(IA)³", 1e-2, Adaptation.Ia3),
        new("SSF", 4e-3, Adaptation.Ssf),
        new("VPT-shallow", 1e-2, Adaptation.Prompt),
        new("VPT-deep", 1e-2, Adaptation.PromptDeep),
        new("BitFit", 4e-3, Adaptation.BitFit),
        new("Norm tuning", 4e-3, Adaptation.Norm),
    ];

    /// <summary>Those that a command line names: <c>all</c>, or names of <see cref="Samples.Adaptation"/>.</summary>
    /// <exception cref="ArgumentException">There is no such method.</exception>
    public static IReadOnlyList<Method> Named(IReadOnlyList<string> names) => names is ["all"] ? All : [.. names.Select(name =>
        All.FirstOrDefault(method => method.Adaptation.ToString().Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no method '{name}'. Choose all, or some of {string.Join(", ", All.Select(method => method.Adaptation.ToString().ToLowerInvariant()))}."))];
}
