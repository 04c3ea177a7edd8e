namespace MedPeft.Lora.Metrics;

/// <summary>One bin of a reliability diagram.</summary>
/// <param name="From">The bin's lower end, which belongs to it.</param>
/// <param name="To">The bin's upper end, which belongs to the next bin, or to this one if it is the last.</param>
/// <param name="Count">Cases whose probability lies in the bin.</param>
/// <param name="MeanProbability">Their mean probability: what the model said; NaN in an empty bin.</param>
/// <param name="PositiveShare">Their share of positives: what was true; NaN in an empty bin.</param>
public readonly record struct ReliabilityBin(double From, double To, int Count, double MeanProbability, double PositiveShare);
