namespace MedPeft.Lora.Studies;

/// <summary>Images of a cell in numbers; no name of a file or patient.</summary>
/// <param name="Images">How many.</param>
/// <param name="Patients">Of how many patients; 0 where the data set names none.</param>
/// <param name="Positives">Positive images of each label.</param>
/// <param name="Sha256">SHA-256 over names and labels of the images in their order: equal lists, equal hashes.</param>
public sealed record CellData(int Images, int Patients, IReadOnlyList<int> Positives, string Sha256);
