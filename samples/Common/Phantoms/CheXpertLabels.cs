namespace MedPeft.Samples.Phantoms;

/// <summary>The 14 labels of CheXpert for a phantom, with the doubts and gaps of labels mined from reports.</summary>
internal static class CheXpertLabels
{
    /// <summary>Names in the table's order.</summary>
    public static readonly string[] Names =
    [
        "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
        "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
    ];

    private const Findings Opacities = Findings.Atelectasis | Findings.Infiltration | Findings.Mass | Findings.Nodule | Findings.Pneumonia
        | Findings.Consolidation | Findings.Edema;

    // Of the mentions that are no denial, the share that the labeler calls uncertain; of the rest, the share denied rather than passed over.
    // Atelectasis, Cardiomegaly, Consolidation, Edema and Pleural Effusion as counted in train.csv; the others near them.
    private static readonly (double Uncertain, double Denied)[] Habits =
    [
        (0, 0), (.5, .2), (.23, .06), (.05, .06), (.1, .02), (.2, .13), (.65, .16),
        (.75, .02), (.5, .01), (.14, .28), (.12, .28), (.4, .01), (.05, .02), (.01, .06),
    ];

    /// <summary>Whether label k is to be seen.</summary>
    public static bool Has(PhantomCase who, int k)
    {
        var findings = who.Findings;
        return k switch
        {
            0 => findings == Findings.None,
            1 => Any(Findings.Cardiomegaly | Findings.Hernia),
            2 => Any(Findings.Cardiomegaly),
            3 => Any(Opacities),
            4 => Any(Findings.Mass | Findings.Nodule),
            5 => Any(Findings.Edema),
            6 => Any(Findings.Consolidation),
            7 => Any(Findings.Pneumonia),
            8 => Any(Findings.Atelectasis),
            9 => Any(Findings.Pneumothorax),
            10 => Any(Findings.Effusion),
            11 => Any(Findings.PleuralThickening | Findings.Fibrosis),
            12 => false,
            _ => who.Ap, // lines and electrodes
        };

        bool Any(Findings kinds) => (findings & kinds) != 0;
    }

    /// <summary>What the training table says of label k: 1.0, 0.0, -1.0 or nothing.</summary>
    public static string Mined(PhantomCase who, int k)
    {
        var dice = Dice.For(who.Exposure + (ulong)k, "report");
        var (uncertain, denied) = Habits[k];
        if (Has(who, k)) return dice.Chance(uncertain) ? "-1.0" : "1.0";
        if (k == 0) return "";
        // A tenth as many doubts about what is not there as about what is.
        return dice.Chance(uncertain / 10) ? "-1.0" : dice.Chance(denied) ? "0.0" : "";
    }
}
