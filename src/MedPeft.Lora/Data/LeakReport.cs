using MedPeft.Lora.Data.Tables;

namespace MedPeft.Lora.Data;

/// <summary>What two data sets have in common that they should not. Numbers only: it may be logged.</summary>
public sealed record LeakReport
{
    /// <summary>The first set's name.</summary>
    public required string First { get; init; }

    /// <summary>The second set's name.</summary>
    public required string Second { get; init; }

    /// <summary>Patients that both sets have.</summary>
    public int SharedPatients { get; init; }

    /// <summary>Images of those patients in the first set.</summary>
    public int PatientImagesInFirst { get; init; }

    /// <summary>Images of those patients in the second set.</summary>
    public int PatientImagesInSecond { get; init; }

    /// <summary>Images of both sets together that name no patient, about which the check by patient says nothing.</summary>
    public int WithoutPatient { get; init; }

    /// <summary>Whether files were compared by their bytes.</summary>
    public bool ComparedBytes { get; init; }

    /// <summary>Whether images were compared by their looks.</summary>
    public bool ComparedLooks { get; init; }

    /// <summary>The images of the second set that the first set has too, each with one counterpart, in the second set's order.</summary>
    public IReadOnlyList<LeakedPair> Pairs { get; init; } = [];

    /// <summary>Whether anything was found.</summary>
    public bool HasLeak => SharedPatients > 0 || Pairs.Count > 0;

    /// <summary>The number of images of a kind.</summary>
    /// <param name="kind">In which way they are shared.</param>
    public int Count(LeakKind kind) => Pairs.Count(p => p.Kind == kind);

    /// <summary>Prints what was looked for and found.</summary>
    public override string ToString()
    {
        var found = new List<string>();
        if (SharedPatients > 0)
            found.Add(
                $"{Quoted.Number(SharedPatients)} patients in both (with {Quoted.Number(PatientImagesInFirst)} images in the first and "
                + $"{Quoted.Number(PatientImagesInSecond)} in the second)");
        if (Count(LeakKind.SameFile) is > 0 and var files) found.Add($"{Quoted.Number(files)} files in both");
        if (Count(LeakKind.SameBytes) is > 0 and var bytes) found.Add($"{Quoted.Number(bytes)} images with equal bytes");
        if (Count(LeakKind.NearDuplicate) is > 0 and var looks) found.Add($"{Quoted.Number(looks)} images that look the same");
        var compared = "patients and file names" + (ComparedBytes ? ", bytes" : "") + (ComparedLooks ? ", looks" : "");
        var unknown = WithoutPatient == 0 ? "" : $" {Quoted.Number(WithoutPatient)} images name no patient.";
        return $"'{First}' and '{Second}': {(found.Count == 0 ? "no leak found" : string.Join("; ", found))} (compared: {compared}).{unknown}";
    }
}
