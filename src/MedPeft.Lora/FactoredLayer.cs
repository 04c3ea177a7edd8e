namespace MedPeft.Lora;

/// <summary>A layer whose change was made into low-rank factors.</summary>
/// <param name="Path">The layer.</param>
/// <param name="Rank">Rank of the factors, of each block where there are blocks.</param>
/// <param name="EnergyKept">Share of the squared singular values of the change that the factors keep; 1 is all of it.</param>
public sealed record FactoredLayer(string Path, int Rank, double EnergyKept);
