using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Training;

/// <summary>All that makes up one published run: options of the training, the adapter, and what the model must be made with.</summary>
/// <remarks>
/// Lian et al. 2024, arXiv:2401.12215: the table of recommended hyper-parameters and the scripts published with the paper. The table has
/// all 18 LoRA runs; of the 18 full fine-tuning runs only the two on 1 % of NIH are published (its two scripts).
/// </remarks>
/// <example>
/// <code>
/// var recipe = Recipe.MedPeft(FoundationBackbone.Mrm, BenchmarkDataset.Nih, 0.01);
/// using var vit = VisionTransformer.FromCheckpoint("MRM.pth", ViTConfig.Base16 with { Outputs = train.Labels.Count, DropPath = recipe.DropPath });
/// if (recipe.Lora is { } adapter) vit.InjectLora(adapter);
/// new Trainer(recipe.Options).Fit(vit, train, validation);
/// </code>
/// </example>
public sealed record Recipe
{
    internal Recipe(TrainingOptions options, LoraConfig? lora, FoundationBackbone backbone, BenchmarkDataset dataset, double fraction, ReferenceDefects defects) =>
        (Options, Lora, Backbone, Dataset, Fraction, Defects) = (options, lora, backbone, dataset, fraction, defects);

    /// <summary>How it trains: rates, epochs, batches, image pipelines.</summary>
    public TrainingOptions Options { get; init; }

    /// <summary>The adapter: rank by task, α = 32, dropout 0.1, on q and v, head and last norm beside it; null where everything trains.</summary>
    public LoraConfig? Lora { get; init; }

    /// <summary>Stochastic depth that the model is to be made with (<c>ViTConfig.DropPath</c>).</summary>
    /// <value>0.1 in every published run.</value>
    public double DropPath { get; init; } = .1;

    /// <summary>How RSNA's DICOM files become pixels; the other sets are PNG and JPEG.</summary>
    public DicomOptions Dicom { get; init; } = DicomOptions.Default;

    /// <summary>The foundation model that it starts from.</summary>
    public FoundationBackbone Backbone { get; }

    /// <summary>The data set.</summary>
    public BenchmarkDataset Dataset { get; }

    /// <summary>Share of the training images: 0.01, 0.1 or 1.</summary>
    public double Fraction { get; }

    /// <summary>What is trained.</summary>
    public FineTuningMethod Method => Lora is null ? FineTuningMethod.Full : FineTuningMethod.Lora;

    /// <summary>Which mistakes of the published code it repeats.</summary>
    public ReferenceDefects Defects { get; }

    /// <summary>The recipe of a published run.</summary>
    /// <param name="backbone">The foundation model.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="fraction">Share of the training images: 0.01, 0.1 or 1.</param>
    /// <param name="method">Adapters (18 published runs), or everything (published for NIH with 1 % only).</param>
    /// <param name="defects">Mistakes of the published code to repeat; <see cref="ReferenceDefects.ReproducePaper"/> for all.</param>
    /// <exception cref="ArgumentException">There is no such run, or its hyper-parameters are not published.</exception>
    public static Recipe MedPeft(
        FoundationBackbone backbone, BenchmarkDataset dataset, double fraction, FineTuningMethod method = FineTuningMethod.Lora, ReferenceDefects defects = ReferenceDefects.None) =>
        Recipes.MedPeftRecipes.Make(backbone, dataset, fraction, method, defects);

    /// <summary>As <see cref="MedPeft(FoundationBackbone, BenchmarkDataset, double, FineTuningMethod, ReferenceDefects)"/>, by the paper's names.</summary>
    /// <param name="backbone"><c>MRM</c> or <c>CXR-MAE</c>.</param>
    /// <param name="dataset"><c>NIH</c>, <c>CheXpert</c> or <c>RSNA</c>.</param>
    /// <param name="fraction">Share of the training images: 0.01, 0.1 or 1.</param>
    /// <param name="method">Adapters, or everything.</param>
    /// <param name="defects">Mistakes of the published code to repeat.</param>
    /// <exception cref="ArgumentException">A name is none of these, or the run is not published.</exception>
    public static Recipe MedPeft(
        string backbone, string dataset, double fraction, FineTuningMethod method = FineTuningMethod.Lora, ReferenceDefects defects = ReferenceDefects.None) =>
        MedPeft(Recipes.PaperNames.Backbone(backbone), Recipes.PaperNames.Dataset(dataset), fraction, method, defects);

    /// <summary>A published run with every mistake of the published code: <see cref="ReferenceDefects.ReproducePaper"/>.</summary>
    /// <param name="backbone">The foundation model.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="fraction">Share of the training images: 0.01, 0.1 or 1.</param>
    /// <param name="method">Adapters, or everything.</param>
    /// <exception cref="ArgumentException">There is no such run, or its hyper-parameters are not published.</exception>
    public static Recipe ReproducePaper(FoundationBackbone backbone, BenchmarkDataset dataset, double fraction, FineTuningMethod method = FineTuningMethod.Lora) =>
        MedPeft(backbone, dataset, fraction, method, ReferenceDefects.ReproducePaper);

    /// <summary>E.g. <c>MRM on NIH with 1 %, LoRA rank 4: Sgd, 100 epochs, learning rate 0.05</c>.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"{Recipes.PaperNames.Of(Backbone)} on {Recipes.PaperNames.Of(Dataset)} with {Fraction * 100:0.##} %, {(Lora is null ? "full fine-tuning" : $"LoRA rank {Lora.Rank}")}: {Options.Optimizer}, {Options.Epochs} epochs, learning rate {Options.LearningRate}");
}
