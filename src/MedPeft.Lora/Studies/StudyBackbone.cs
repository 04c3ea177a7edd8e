using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Studies;

/// <summary>A foundation model of a study.</summary>
public sealed record StudyBackbone
{
    /// <summary>What tables call it.</summary>
    public required string Name { get; init; }

    /// <summary>Its checkpoint; a relative path counts from the study's file.</summary>
    public required string Path { get; init; }

    /// <summary>SHA-256 of the checkpoint in hexadecimal, checked before a cell trains; null takes any file, and the result says which it was.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Mean and deviation that its pixels are normalised with.</summary>
    /// <value>Default: those of <see cref="Recipe"/>; without one, <see cref="Imaging.Normalization.Mrm"/>.</value>
    public Normalization? Normalization { get; init; }

    /// <summary>Whose published recipes train it; null trains with <see cref="TrainingOptions"/>' defaults and what the study says.</summary>
    public FoundationBackbone? Recipe { get; init; }

    /// <summary>Its shape; the number of outputs follows from the data.</summary>
    /// <value>Default <see cref="ViTConfig.Base16"/>.</value>
    public ViTConfig Vit { get; init; } = ViTConfig.Base16;

    /// <summary>The normalisation that is in force.</summary>
    internal Normalization Pixels => Normalization ?? (Recipe == FoundationBackbone.CxrMae ? Imaging.Normalization.CxrMae : Imaging.Normalization.Mrm);
}
