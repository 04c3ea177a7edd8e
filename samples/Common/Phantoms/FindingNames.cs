namespace MedPeft.Samples.Phantoms;

/// <summary>Findings as NIH spells them.</summary>
public static class FindingNames
{
    /// <summary>Names in label order; bit k of <see cref="Findings"/> is name k.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
        "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
    ];

    /// <summary>The names of the findings that are present, in label order.</summary>
    public static IEnumerable<string> Names(this Findings findings) => All.Where((_, k) => findings.Has(k));

    /// <summary>Whether label <paramref name="k"/> is present.</summary>
    public static bool Has(this Findings findings, int k) => ((int)findings >> k & 1) == 1;

    /// <summary>The text of the NIH table: names joined by a bar, or "No Finding".</summary>
    public static string ToNihText(this Findings findings) => findings == Findings.None ? "No Finding" : string.Join('|', findings.Names());
}
