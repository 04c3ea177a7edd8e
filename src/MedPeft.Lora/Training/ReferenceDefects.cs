namespace MedPeft.Lora.Training;

/// <summary>
/// What the code published with the paper does and probably did not mean to. A recipe leaves each out unless its flag is set;
/// <see cref="ReproducePaper"/> sets all.
/// </summary>
/// <remarks>
/// Only defects that change numbers and can be reproduced are here. Its unseeded augmentation cannot be; its path rules, its evaluation of one
/// shard without gathering and its parameter count before freezing change no run of this library. Rates that start at 0 (the first step of a
/// run changes nothing) are the published schedule itself and always kept.
/// </remarks>
[Flags]
public enum ReferenceDefects
{
    /// <summary>None: the recipe as it was meant.</summary>
    None = 0,

    /// <summary>Layer-wise decay also on the adapters of the AdamW runs: those of block 0 learn at 0.65^12 = 0.00569 of the rate.</summary>
    LayerDecayOnAdapters = 1,

    /// <summary>Weight decay also on the factors A and B of the AdamW runs.</summary>
    WeightDecayOnAdapters = 2,

    /// <summary>The images after the last whole batch of an epoch are left out: 59 of 251 for RSNA at 1 %.</summary>
    DropLastBatch = 4,

    /// <summary>RandAugment fills with red, luma 36, where the mean gray 122 was meant (AdamW runs; see <see cref="Imaging.RandAugment.ReferenceFill"/>).</summary>
    RedFill = 8,

    /// <summary>Epochs are compared by probabilities rounded to float16, whose ties change the AUROC.</summary>
    HalfPrecisionScores = 16,

    /// <summary>A label whose validation cases are all of one class ends the run, as scikit-learn's roc_auc_score did.</summary>
    SingleClassLabelsFail = 32,

    /// <summary>Scoring adds the update to the frozen weights and takes it off again, so that they drift in float32.</summary>
    MergeWhenScoring = 64,

    /// <summary>RSNA's values are scaled by their maximum alone, without the file's window (<see cref="Imaging.DicomWindowing.MedPeftRsna"/>).</summary>
    MaximumScaling = 128,

    /// <summary>All of them: the preset that reproduces the published runs as they were.</summary>
    ReproducePaper = LayerDecayOnAdapters | WeightDecayOnAdapters | DropLastBatch | RedFill | HalfPrecisionScores | SingleClassLabelsFail | MergeWhenScoring
        | MaximumScaling,
}
