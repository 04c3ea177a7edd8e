using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>
/// A comparison of ways to adapt foundation models: every backbone on every share of every data set by every method, once for each seed. Written as a
/// JSON file, or in code.
/// </summary>
/// <remarks>The built-in one, <see cref="Paper"/>, is that of Lian et al. 2024, arXiv:2401.12215.</remarks>
public sealed partial record Study
{
    /// <summary>What reports call it.</summary>
    public required string Name { get; init; }

    /// <summary>The foundation models.</summary>
    public required IReadOnlyList<StudyBackbone> Backbones { get; init; }

    /// <summary>The data sets.</summary>
    public required IReadOnlyList<StudyDataset> Datasets { get; init; }

    /// <summary>The ways to adapt.</summary>
    public required IReadOnlyList<StudyMethod> Methods { get; init; }

    /// <summary>The seeds, each a repetition.</summary>
    /// <value>Default one, 0.</value>
    public IReadOnlyList<ulong> Seeds { get; init; } = [0];

    /// <summary>Where models compute: cpu, cuda, cuda:1. It does not enter the identity of a cell.</summary>
    /// <value>Default cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <summary>What images go through.</summary>
    /// <value>Default <see cref="StudyPipeline.Recipe"/>.</value>
    public StudyPipeline Pipeline { get; init; }

    /// <summary>Whether the mistakes of the published code are repeated (<see cref="ReferenceDefects.ReproducePaper"/>).</summary>
    /// <value>Default false.</value>
    public bool Reproduce { get; init; }

    /// <summary>What the study changes in the recipes' training; null changes nothing.</summary>
    public Func<TrainingOptions, TrainingOptions>? Adjust { get; init; }

    /// <summary>What the author of the study wants its readers to know.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The folder that relative paths count from.</summary>
    /// <value>Default the current one.</value>
    public string Folder { get; init; } = ".";

    /// <summary>Every run of the study, in the order of backbones, data sets, shares, methods and seeds. Their positions are the indices of a job array.</summary>
    /// <exception cref="StudyException">The study cannot be run as it is written.</exception>
    public IReadOnlyList<StudyCell> Cells()
    {
        Validate();
        var cells = new List<StudyCell>();
        foreach (var backbone in Backbones)
            foreach (var dataset in Datasets)
                foreach (var train in dataset.Train)
                    foreach (var method in Methods)
                        foreach (var seed in Seeds) cells.Add(StudyCell.Of(this, cells.Count, backbone, dataset, train, method, seed));
        return cells;
    }

    /// <summary>Reads a study's file.</summary>
    /// <param name="path">JSON; comments and trailing commas are allowed, unknown fields are not.</param>
    /// <exception cref="StudyException">It is no study; the message names line, column, field and what fits.</exception>
    public static Study Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return Parse(File.ReadAllBytes(path), Path.GetFileName(path)) with { Folder = Path.GetDirectoryName(Path.GetFullPath(path))! };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StudyException($"The study '{path}' cannot be read: {error.Message} Name an existing JSON file.", error);
        }
    }

    /// <summary>Reads a study's JSON.</summary>
    /// <param name="json">UTF-8 text.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="StudyException">It is no study.</exception>
    public static Study Parse(ReadOnlySpan<byte> json, string name = "study.json")
    {
        var study = StudyFile.Read(Json.PlacedFile.Parse(name, json));
        study.Validate();
        return study;
    }

    /// <summary>The study of the paper: {MRM, CXR-MAE} x {NIH, CheXpert, RSNA} x {1, 10, 100 %} x {LoRA, FFT} with the published recipes.</summary>
    /// <param name="folder">Where checkpoints and data sets lie, by the names of the built-in file.</param>
    public static Study Paper(string folder = ".") => Parse(PaperJson.Span, "paper.json") with { Folder = Path.GetFullPath(folder) };

    /// <summary>The file of <see cref="Paper"/>, UTF-8 JSON with comments: a start for a study of one's own.</summary>
    public static ReadOnlyMemory<byte> PaperJson { get; } = Embedded();

    /// <summary>A path of the study, absolute.</summary>
    internal string At(string path) => Path.GetFullPath(path, Path.GetFullPath(Folder));

    private void Validate()
    {
        Unique("backbone", Backbones.Select(b => b.Name));
        Unique("data set", Datasets.Select(d => d.Name));
        Unique("method", from method in Methods select method.Name);
        Unique("seed", Seeds.Select(s => FormattableString.Invariant($"{s}")));
        foreach (var dataset in Datasets) Unique($"share of {dataset.Name}", dataset.Train.Select(t => FormattableString.Invariant($"{t.Fraction}")));
    }

    private void Unique(string kind, IEnumerable<string> names)
    {
        var twice = names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).ToList();
        if (twice.Count == 0) throw new StudyException($"The study \"{Name}\" has no {kind}; give one at least.");
        if (twice.Find(group => group.Count() > 1) is { } group) throw new StudyException($"The study \"{Name}\" has the {kind} \"{group.Key}\" twice; give each a name of its own.");
    }

    private static byte[] Embedded()
    {
        using var stream = typeof(Study).Assembly.GetManifestResourceStream("MedPeft.Lora.Studies.paper.json")!;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
