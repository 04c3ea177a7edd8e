namespace MedPeft.Lora.Data;

/// <summary>A list of labels and the other names under which data sets know them: what merged sets agree on.</summary>
public sealed record LabelSet
{
    /// <summary>The 18 pathologies of torchxrayvision, in its order. Labels that a data set lacks become missing (NaN).</summary>
    /// <remarks>Cohen et al. 2022, "TorchXRayVision", MIDL, arXiv:2111.00595.</remarks>
    public static LabelSet Pathologies18 { get; } = new(
        [
            "Atelectasis", "Consolidation", "Infiltration", "Pneumothorax", "Edema", "Emphysema", "Fibrosis", "Effusion", "Pneumonia", "Pleural_Thickening",
            "Cardiomegaly", "Nodule", "Mass", "Hernia", "Lung Lesion", "Fracture", "Lung Opacity", "Enlarged Cardiomediastinum",
        ],
        new Dictionary<string, string>
        {
            ["Pleural Effusion"] = "Effusion",
            ["Pleural_Effusion"] = "Effusion",
            ["Pleural Thickening"] = "Pleural_Thickening",
            ["Infiltrate"] = "Infiltration",
        });

    /// <summary>Names labels.</summary>
    /// <param name="names">The labels in their order, each once.</param>
    /// <param name="synonyms">Other names, each with the label it stands for; none if null.</param>
    /// <exception cref="ArgumentException">A label is named twice, or a synonym stands for no label.</exception>
    public LabelSet(IReadOnlyList<string> names, IReadOnlyDictionary<string, string>? synonyms = null)
    {
        ArgumentNullException.ThrowIfNull(names);
        Names = [.. names];
        Synonyms = synonyms is null ? new Dictionary<string, string>() : new Dictionary<string, string>(synonyms);
        if (Names.GroupBy(n => n, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1)?.Key is { } twice)
            throw new ArgumentException($"The label '{twice}' is given twice; each label has one name.", nameof(names));
        if (Synonyms.FirstOrDefault(s => !Names.Contains(s.Value)) is { Key: not null } wrong)
            throw new ArgumentException(
                $"'{wrong.Key}' stands for '{wrong.Value}', which is none of the labels: {string.Join(", ", Names)}.", nameof(synonyms));
    }

    /// <summary>The labels in their order.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Other names, each with the label it stands for.</summary>
    public IReadOnlyDictionary<string, string> Synonyms { get; }

    /// <summary>Prints the labels.</summary>
    public override string ToString() => string.Join(", ", Names);

    /// <summary>For each label, its position in a data set's labels; -1 where the set lacks it.</summary>
    internal int[] Positions(IReadOnlyList<string> labels)
    {
        var positions = new int[Names.Count];
        Array.Fill(positions, -1);
        for (var k = 0; k < labels.Count; k++)
        {
            var name = Synonyms.GetValueOrDefault(labels[k], labels[k]);
            for (var i = 0; i < positions.Length; i++)
            {
                if (!string.Equals(Names[i], name, StringComparison.Ordinal)) continue;
                if (positions[i] >= 0)
                    throw new ArgumentException($"The labels '{labels[positions[i]]}' and '{labels[k]}' both stand for '{Names[i]}'. Leave one out.");
                positions[i] = k;
            }
        }

        return positions;
    }
}
