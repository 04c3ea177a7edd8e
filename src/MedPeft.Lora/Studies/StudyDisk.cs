using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Studies;

/// <summary>What of a study lies on disk; each list is opened once.</summary>
internal sealed class StudyDisk(Study study)
{
    private readonly Dictionary<(string Dataset, string? List), (ImageDataset? Data, string? Problem)> _opened = [];

    /// <summary>Images of a share: of the list on disk, otherwise as many as the study says.</summary>
    public int? TrainImages(StudyDataset dataset, StudyTrainingSet train)
    {
        if (Open(dataset, train.List).Data is not { } data) return train.Images;
        return train.Draw ? Drawn(data, train)?.Count ?? train.Images : data.Count;
    }

    /// <summary>Images of a list: of that on disk, otherwise as many as the study says.</summary>
    public int? Images(StudyDataset dataset, string list, int? expected) => Open(dataset, list).Data?.Count ?? expected;

    /// <summary>What is missing, each once, in the order of the cells.</summary>
    public IReadOnlyList<string> Missing(IReadOnlyList<StudyCell> cells)
    {
        var missing = new List<string>();
        foreach (var backbone in cells.Select(cell => cell.Backbone).Distinct())
            if (!File.Exists(study.At(backbone.Path))) missing.Add($"backbone {backbone.Name}: '{study.At(backbone.Path)}' does not exist. Put the checkpoint there, or name its path.");
        foreach (var dataset in cells.Select(cell => cell.Dataset).Distinct())
        {
            var root = study.At(dataset.Root);
            if (!Directory.Exists(root))
            {
                missing.Add($"data set {dataset.Name}: the folder '{root}' does not exist. Put the data set there, or name its root.");
                continue;
            }

            (string? List, int? Images)[] lists =
            [
                .. dataset.Train.Select(train => (train.List, train.Draw ? null : train.Images)),
                (dataset.Validation, dataset.ValidationImages), (dataset.Test, dataset.TestImages),
            ];
            foreach (var (list, expected) in lists.DistinctBy(entry => entry.List))
            {
                var (data, problem) = Open(dataset, list);
                if (problem is not null) missing.Add($"data set {dataset.Name}: {problem}");
                else if (expected is { } wanted && data!.Count != wanted) missing.Add($"data set {dataset.Name}: {CountProblem(list, data.Count, wanted)}");
            }
        }

        return missing;
    }

    /// <summary>The error of a list that has another number of images than the study wants.</summary>
    public static string CountProblem(string? list, int found, int wanted) => FormattableString.Invariant(
        $"'{list ?? "the whole table"}' has {found} images, and the study wants {wanted}. Use the list that the study means, or correct the number in the study.");

    /// <summary>The share that is drawn by patient: the same for every backbone, method and seed, so that they can be compared.</summary>
    public static ImageDataset Draw(ImageDataset data, double fraction) => fraction < 1 ? data.Fraction(fraction) : data;

    private static ImageDataset? Drawn(ImageDataset data, StudyTrainingSet train)
    {
        try
        {
            return Draw(data, train.Fraction);
        }
        catch (DatasetException)
        {
            return null; // told again, with its message, when the cell runs
        }
    }

    private (ImageDataset? Data, string? Problem) Open(StudyDataset dataset, string? list)
    {
        if (_opened.TryGetValue((dataset.Name, list), out var known)) return known;
        try
        {
            known = (dataset.Open(study.At(dataset.Root), list, DicomOptions.Default, headers: false), null);
        }
        catch (Exception error) when (error is DatasetException or ImageException or IOException or UnauthorizedAccessException)
        {
            known = (null, error.Message);
        }

        return _opened[(dataset.Name, list)] = known;
    }
}
