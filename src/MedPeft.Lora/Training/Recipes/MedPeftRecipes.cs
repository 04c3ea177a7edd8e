using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Training.Recipes;

/// <summary>The hyper-parameters published with Lian et al. 2024: the table for LoRA, the scripts for full fine-tuning.</summary>
internal static class MedPeftRecipes
{
    private const int BatchSize = 64;
    private const int ImageSize = 224;

    private static readonly double[] Fractions = [.01, .1, 1];

    // Rate (for CXR-MAE the base rate, of a batch of 256), epochs, rank; for 1 %, 10 % and 100 %.
    private static readonly Dictionary<(FoundationBackbone, BenchmarkDataset), (double Rate, int Epochs, int Rank)[]> Adapters = new()
    {
        [(FoundationBackbone.Mrm, BenchmarkDataset.Nih)] = [(.05, 100, 4), (.05, 100, 8), (.2, 100, 32)],
        [(FoundationBackbone.Mrm, BenchmarkDataset.CheXpert)] = [(.02, 100, 4), (.05, 100, 16), (.01, 100, 32)],
        [(FoundationBackbone.Mrm, BenchmarkDataset.Rsna)] = [(.01, 100, 4), (.01, 100, 32), (.01, 100, 32)],
        [(FoundationBackbone.CxrMae, BenchmarkDataset.Nih)] = [(3e-3, 400, 4), (1e-3, 200, 8), (3e-3, 100, 32)],
        [(FoundationBackbone.CxrMae, BenchmarkDataset.CheXpert)] = [(3e-3, 400, 4), (5e-3, 100, 8), (3e-3, 100, 32)],
        [(FoundationBackbone.CxrMae, BenchmarkDataset.Rsna)] = [(3e-3, 100, 4), (5e-3, 100, 8), (5e-3, 100, 32)],
    };

    private static readonly Dictionary<(FoundationBackbone, BenchmarkDataset, double), (double Rate, int Epochs)> Full = new()
    {
        [(FoundationBackbone.Mrm, BenchmarkDataset.Nih, .01)] = (.01, 200),
        [(FoundationBackbone.CxrMae, BenchmarkDataset.Nih, .01)] = (5e-4, 400),
    };

    public static Recipe Make(FoundationBackbone backbone, BenchmarkDataset dataset, double fraction, FineTuningMethod method, ReferenceDefects defects)
    {
        Known(backbone, nameof(backbone));
        Known(dataset, nameof(dataset));
        Known(method, nameof(method));
        if ((defects & ~ReferenceDefects.ReproducePaper) != 0)
            throw new ArgumentException($"Defects {(int)defects} has bits that name no defect; combine the names of {nameof(ReferenceDefects)}.", nameof(defects));
        var size = Array.IndexOf(Fractions, fraction);
        if (size < 0)
            throw new ArgumentException(FormattableString.Invariant($"The paper has no runs on a share of {fraction} of the training images. Choose 0.01, 0.1 or 1."), nameof(fraction));

        if (method == FineTuningMethod.Lora)
        {
            var (rate, epochs, rank) = Adapters[(backbone, dataset)][size];
            return new Recipe(Options(backbone, rate, epochs, adapters: true, defects), Adapter(rank), backbone, dataset, fraction, defects) { Dicom = Dicom(dataset, defects) };
        }

        if (!Full.TryGetValue((backbone, dataset, fraction), out var published))
        {
            throw new ArgumentException(
                FormattableString.Invariant($"Full fine-tuning of {PaperNames.Of(backbone)} on {PaperNames.Of(dataset)} with {fraction * 100:0.##} %: its hyper-parameters are not published. ")
                + "Published are MRM and CXR-MAE on NIH with 1 %; start from one of them and search the learning rate on validation.", nameof(method));
        }

        return new Recipe(Options(backbone, published.Rate, published.Epochs, adapters: false, defects), null, backbone, dataset, fraction, defects) { Dicom = Dicom(dataset, defects) };
    }

    private static LoraConfig Adapter(int rank) => new()
    {
        Rank = rank, Alpha = 32, Dropout = .1, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"],
    };

    private static TrainingOptions Options(FoundationBackbone backbone, double rate, int epochs, bool adapters, ReferenceDefects defects)
    {
        var common = new TrainingOptions
        {
            Epochs = epochs,
            BatchSize = BatchSize,
            ImageSize = ImageSize,
            WarmupEpochs = 5,
            MinLearningRate = 1e-6,
            DropLast = defects.HasFlag(ReferenceDefects.DropLastBatch),
            Defects = defects,
        };
        if (backbone == FoundationBackbone.Mrm)
        {
            return common with
            {
                Optimizer = OptimizerKind.Sgd, Momentum = .9, LearningRate = rate, Normalization = Normalization.Mrm,
                TrainPipeline = ImagePipeline.MedPeftSgdTrain(ImageSize, Normalization.Mrm), EvaluationPipeline = ImagePipeline.MedPeftSgdEvaluate(ImageSize, Normalization.Mrm),
            };
        }

        return common with
        {
            Optimizer = OptimizerKind.AdamW,
            LearningRate = rate * BatchSize / 256,
            WeightDecay = .05,
            DecayAdapters = defects.HasFlag(ReferenceDefects.WeightDecayOnAdapters),
            LayerDecay = adapters && !defects.HasFlag(ReferenceDefects.LayerDecayOnAdapters) ? 1 : .65,
            Normalization = Normalization.CxrMae,
            TrainPipeline = ImagePipeline.MedPeftAdamWTrain(ImageSize, Normalization.CxrMae, defects.HasFlag(ReferenceDefects.RedFill)),
            EvaluationPipeline = ImagePipeline.MedPeftAdamWEvaluate(ImageSize, Normalization.CxrMae),
        };
    }

    private static DicomOptions Dicom(BenchmarkDataset dataset, ReferenceDefects defects) =>
        dataset == BenchmarkDataset.Rsna && defects.HasFlag(ReferenceDefects.MaximumScaling) ? DicomOptions.Default with { Windowing = DicomWindowing.MedPeftRsna } : DicomOptions.Default;

    private static void Known<T>(T value, string parameter)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value)) throw new ArgumentException($"{typeof(T).Name} {value} is unknown; choose {string.Join(", ", Enum.GetNames<T>())}.", parameter);
    }
}
