using MedPeft.Lora.Common;

namespace MedPeft.Lora.Training;

public sealed partial record TrainingOptions
{
    /// <summary>Moves the labels ε/2 towards the middle: 0 becomes ε/2 and 1 becomes 1 − ε/2 (Szegedy et al. 2016, arXiv:1512.00567, for two classes).</summary>
    /// <value>Default 0, in [0, 1).</value>
    public double LabelSmoothing { get; init => field = Require.Share(value); }

    /// <summary>Factor on the loss of each label's positive cases, in the order of the labels: for rare findings, (negatives / positives) balances them.</summary>
    /// <value>Default null: 1 for all, as the paper. PyTorch's <c>pos_weight</c>.</value>
    public IReadOnlyList<double>? PositiveWeights
    {
        get;
        init
        {
            foreach (var weight in value ?? []) Require.Positive(weight);
            field = value is null ? null : [.. value];
        }
    }

    /// <summary>α of mixup: each image is mixed with another of its batch by a share from Beta(α, α), and so are their labels (Zhang et al. 2018, arXiv:1710.09412).</summary>
    /// <value>Default 0: none. A label that is missing in one of the two is missing in the mixture.</value>
    public double Mixup { get; init => field = Require.NotNegative(value); }

    /// <summary>Decay d of a moving average of what trains, average ← d·average + (1 − d)·weights after each step; it is what is scored and kept (Polyak and Juditsky 1992).</summary>
    /// <value>Default 0: none. 0.99 to 0.9999 are usual. In [0, 1).</value>
    public double EmaDecay { get; init => field = Require.Share(value); }

    /// <summary>Ends the run when that many epochs in a row have not raised the macro AUROC on validation.</summary>
    /// <value>Default 0: never.</value>
    public int Patience { get; init => field = Require.NotNegative(value); }

    /// <summary>Factor on the learning rate of the adapters' B factors (LoRA+, Hayou et al. 2024, arXiv:2402.12354, which recommends about 16).</summary>
    /// <value>Default 1: A and B learn at one rate, as in LoRA.</value>
    public double LoraPlusRatio { get; init => field = Require.Positive(value); } = 1;

    /// <summary>Whether <see cref="WeightDecay"/> holds for the adapters' own parameters too.</summary>
    /// <value>Default true, as in PEFT; the recipes leave it out unless <see cref="ReferenceDefects.WeightDecayOnAdapters"/> is set.</value>
    public bool DecayAdapters { get; init; } = true;

    /// <summary>Mistakes of the published code that the trainer itself repeats; those of the recipe are settings that <see cref="Recipe"/> makes.</summary>
    /// <value>Default none.</value>
    public ReferenceDefects Defects { get; init; }
}
