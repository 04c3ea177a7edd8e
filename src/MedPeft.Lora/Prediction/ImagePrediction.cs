using System.Globalization;

namespace MedPeft.Lora.Prediction;

/// <summary>What a model says about one image: a row of the output.</summary>
public sealed record ImagePrediction
{
    internal ImagePrediction()
    {
    }

    /// <summary>The image's name, as its <see cref="ImageInput"/> gives it.</summary>
    public required string Name { get; init; }

    /// <summary>The raw outputs, one per label, before temperature and sigmoid; empty where the image cannot be read.</summary>
    public required IReadOnlyList<float> Logits { get; init; }

    /// <summary>1 / (1 + e^(−logit/temperature)), one per label; empty where the image cannot be read.</summary>
    public required IReadOnlyList<float> Probabilities { get; init; }

    /// <summary>Whether each label's probability reaches its threshold; null for a label without one; empty where the image cannot be read.</summary>
    public required IReadOnlyList<bool?> Called { get; init; }

    /// <summary>Why the image cannot be read, without its path; null where it could.</summary>
    public required string? Problem { get; init; }

    /// <summary>The name and the highest probability, or the problem.</summary>
    public override string ToString() => Problem is not null ? $"{Name}: {Problem}"
        : string.Create(CultureInfo.InvariantCulture, $"{Name}: {Probabilities.Count} probabilities, the highest {Probabilities.Max():F4}");

    internal static ImagePrediction Bad(string name, string problem) => new() { Name = name, Logits = [], Probabilities = [], Called = [], Problem = problem };
}
