namespace MedPeft.Lora.Data;

/// <summary>What uncertain labels are taken for, label by label.</summary>
/// <remarks>Irvin et al. 2019, "CheXpert", arXiv:1901.07031, compares the choices.</remarks>
public sealed record UncertaintyPolicy
{
    /// <summary>Uncertain is missing.</summary>
    public static UncertaintyPolicy Ignore { get; } = new(UncertainLabel.Ignore);

    /// <summary>Uncertain is absent.</summary>
    public static UncertaintyPolicy Zeros { get; } = new(UncertainLabel.Absent);

    /// <summary>Uncertain is present.</summary>
    public static UncertaintyPolicy Ones { get; } = new(UncertainLabel.Present);

    /// <summary>
    /// MED-PEFT's: present for Atelectasis, Edema and Pleural Effusion, absent for Cardiomegaly, Consolidation and the labels that it does not use.
    /// </summary>
    public static UncertaintyPolicy MedPeft { get; } = Zeros
        .With("Atelectasis", UncertainLabel.Present)
        .With("Edema", UncertainLabel.Present)
        .With("Pleural Effusion", UncertainLabel.Present);

    /// <summary>That of deep AUC maximisation (Yuan et al. 2021, arXiv:2012.03173): present for Atelectasis and Edema, absent for the others.</summary>
    public static UncertaintyPolicy DeepAuc { get; } = Zeros.With("Atelectasis", UncertainLabel.Present).With("Edema", UncertainLabel.Present);

    private UncertaintyPolicy(UncertainLabel others) => Others = others;

    /// <summary>For labels that <see cref="Labels"/> does not name.</summary>
    public UncertainLabel Others { get; private init; }

    /// <summary>For single labels.</summary>
    public IReadOnlyDictionary<string, UncertainLabel> Labels { get; private init; } = new Dictionary<string, UncertainLabel>();

    /// <summary>The same policy but for one label.</summary>
    /// <param name="label">The label's name.</param>
    /// <param name="choice">What its uncertain values are taken for.</param>
    public UncertaintyPolicy With(string label, UncertainLabel choice)
    {
        ArgumentException.ThrowIfNullOrEmpty(label);
        return this with { Labels = new Dictionary<string, UncertainLabel>(Labels) { [label] = choice } };
    }

    /// <summary>The value that an uncertain label gets: 0, 1 or NaN.</summary>
    /// <param name="label">The label's name.</param>
    public float ValueFor(string label) => Labels.GetValueOrDefault(label, Others) switch
    {
        UncertainLabel.Present => 1,
        UncertainLabel.Absent => 0,
        _ => float.NaN,
    };

    /// <summary>Prints the choices.</summary>
    public override string ToString() => string.Join(", ", [.. Labels.Select(l => $"{l.Key}: {l.Value}"), $"others: {Others}"]);
}
