namespace MedPeft.Lora.Studies;

/// <summary>How a method fares against the reference over the tasks of a study.</summary>
/// <param name="Method">The method.</param>
/// <param name="Tasks">Tasks on which both have results.</param>
/// <param name="Higher">Tasks on which its mean is the higher: the paper's count.</param>
/// <param name="Lower">Tasks on which its mean is the lower.</param>
/// <param name="SignificantlyHigher">Of <paramref name="Higher"/>, those with p below 0.05 after Holm's correction.</param>
/// <param name="SignificantlyLower">Of <paramref name="Lower"/>, those with p below 0.05 after Holm's correction.</param>
public sealed record StudyWins(string Method, int Tasks, int Higher, int Lower, int SignificantlyHigher, int SignificantlyLower);
