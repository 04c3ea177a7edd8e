namespace MedPeft.Lora.Studies;

/// <summary>Why a cell ended without a result: kinds only, as messages may name files and patients.</summary>
/// <param name="Code">The exit code: 65 bad data, 70 the numbers broke down, 78 bad configuration.</param>
/// <param name="Error">The type of the exception.</param>
public sealed record CellFailure(int Code, string Error);
