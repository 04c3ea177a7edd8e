namespace MedPeft.Lora.Training.Recipes;

/// <summary>The names that the paper gives to models and data sets.</summary>
internal static class PaperNames
{
    private static readonly (string Name, FoundationBackbone Value)[] Backbones = [("MRM", FoundationBackbone.Mrm), ("CXR-MAE", FoundationBackbone.CxrMae)];

    private static readonly (string Name, BenchmarkDataset Value)[] Datasets =
        [("NIH", BenchmarkDataset.Nih), ("CheXpert", BenchmarkDataset.CheXpert), ("RSNA", BenchmarkDataset.Rsna)];

    public static FoundationBackbone Backbone(string name) => Find(name, Backbones, "foundation model", "backbone");

    public static BenchmarkDataset Dataset(string name) => Find(name, Datasets, "data set", "dataset");

    public static string Of(FoundationBackbone backbone) => Backbones.Single(entry => entry.Value == backbone).Name;

    public static string Of(BenchmarkDataset dataset) => Datasets.Single(entry => entry.Value == dataset).Name;

    // "cxr_mae", "CXR MAE" and "CxrMae" are meant all the same.
    private static T Find<T>(string name, (string Name, T Value)[] known, string kind, string parameter)
    {
        ArgumentNullException.ThrowIfNull(name, parameter);
        foreach (var (spelling, value) in known)
            if (string.Equals(Plain(name), Plain(spelling), StringComparison.OrdinalIgnoreCase)) return value;
        throw new ArgumentException($"The paper has no {kind} '{name}'. Choose {string.Join(", ", known[..^1].Select(entry => entry.Name))} or {known[^1].Name}.", parameter);
    }

    private static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit));
}
