using System.CommandLine;
using MedPeft.Lora;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using Spectre.Console;
using TorchSharp;

namespace MedPeft.Samples.FineTune;

/// <summary>What the command line makes of data, model, adapter and options; a recipe fills in what was not typed.</summary>
internal sealed class Setup
{
    private readonly Options _options;
    private readonly ParseResult _given;
    private readonly DatasetFolder _folder;

    public Setup(Options options, ParseResult given)
    {
        (_options, _given) = (options, given);
        _folder = DatasetFolder.Find(Get(options.Data).FullName, Get(options.Dataset));
        if (Get(options.Recipe) is { } backbone)
        {
            var method = Get(options.Method) switch
            {
                Adaptation.Lora => FineTuningMethod.Lora,
                Adaptation.Full => FineTuningMethod.Full,
                var other => throw new ArgumentException($"The paper has recipes for --method lora and full, and none for {other}. Leave --recipe out and give the rates."),
            };
            Recipe = Recipe.MedPeft(backbone, _folder.Kind.ToString(), Get(options.Fraction), method);
        }

        Training = Chosen();
    }

    /// <summary>The published run that fills in what was not typed; null without one.</summary>
    public Recipe? Recipe { get; }

    /// <summary>How it trains.</summary>
    public TrainingOptions Training { get; }

    public (ImageDataset Train, ImageDataset Validation, ImageDataset? Test) OpenData()
    {
        var choices = new DatasetChoices { Labels = Get(_options.Labels), Uncertainty = Get(_options.Uncertainty), Windowing = Get(_options.Windowing) };
        var train = _folder.Open(Get(_options.TrainList) ?? _folder.TrainList, choices);
        var seed = Get(_options.Seed);
        var test = Get(_options.TestList) is { } list ? _folder.Open(list, choices) : null;
        var validation = Get(_options.ValidationList) is { } named ? _folder.Open(named, choices) : null;
        if (validation is null)
        {
            var parts = train.Split([.9, .1], seed);
            (train, validation) = (parts[0], parts[1]);
        }

        // A list that was named is the share already.
        return (Get(_options.TrainList) is null && Get(_options.Fraction) < 1 ? train.Fraction(Get(_options.Fraction), seed) : train, validation, test);
    }

    public VisionTransformer Model(int labels)
    {
        var size = Get(_options.Size) switch
        {
            Size.Tiny => ViTConfig.Tiny16,
            Size.Small => ViTConfig.Small16,
            Size.Large => ViTConfig.Large16,
            _ => ViTConfig.Base16,
        };
        var config = size with { ImageSize = Training.ImageSize, Outputs = labels, DropPath = Get(_options.DropPath) };
        if (Get(_options.Checkpoint) is not { } file)
        {
            AnsiConsole.MarkupLine("[yellow]No --checkpoint: the backbone starts from random weights, saved beside the adapter.[/]");
            return new VisionTransformer(config, Get(_options.Seed));
        }

        var model = VisionTransformer.FromCheckpoint(file.FullName, config, out var report, seed: Get(_options.Seed));
        AnsiConsole.WriteLine(report.ToString());
        return model;
    }

    public LoraAdapter Adapt(VisionTransformer model, TrainingOptions training, ImageDataset train)
    {
        var plan = new AdaptationPlan
        {
            Rank = Typed(_options.Rank, Recipe?.Lora?.Rank), Alpha = Get(_options.Alpha), Dropout = Get(_options.Dropout), Seed = Get(_options.Seed),
            Steps = training.Epochs * Math.Max(1, train.Count / training.BatchSize),
        };
        return plan.Inject(Get(_options.Method), model, () => Batches(training, train));
    }

    /// <summary>What a predictor must know of how the images were prepared.</summary>
    public PredictionSettings Prediction(IReadOnlyList<string> labels) => new()
    {
        Labels = labels,
        ImageSize = Training.ImageSize,
        Resize = Training.EvaluationPipeline?.Transforms.OfType<Resize>().FirstOrDefault()?.ShortSide,
        Normalization = Training.Normalization,
    };

    private TrainingOptions Chosen()
    {
        var recipe = Recipe?.Options;
        var normalization = recipe is not null && !IsTyped(_options.Pixels) ? recipe.Normalization : FineTune.Options.Normalization(Get(_options.Pixels));
        var size = Typed(_options.ImageSize, recipe?.ImageSize);
        var (train, evaluate) = Recipe?.Backbone switch
        {
            null => (null, null),
            FoundationBackbone.CxrMae => (ImagePipeline.MedPeftAdamWTrain(size, normalization), ImagePipeline.MedPeftAdamWEvaluate(size, normalization)),
            _ => (ImagePipeline.MedPeftSgdTrain(size, normalization), ImagePipeline.MedPeftSgdEvaluate(size, normalization)),
        };
        return (recipe ?? new TrainingOptions()) with
        {
            Epochs = Typed(_options.Epochs, recipe?.Epochs),
            BatchSize = Typed(_options.BatchSize, recipe?.BatchSize),
            Optimizer = Typed(_options.Optimizer, recipe?.Optimizer),
            LearningRate = Typed(_options.LearningRate, recipe?.LearningRate),
            LayerDecay = Typed(_options.LayerDecay, recipe?.LayerDecay),
            WeightDecay = Typed(_options.WeightDecay, recipe?.WeightDecay),
            LoraPlusRatio = Get(_options.Method) == Adaptation.LoraPlus ? 16 : 1,
            ImageSize = size,
            Normalization = normalization,
            TrainPipeline = train,
            EvaluationPipeline = evaluate,
            Precision = Get(_options.Precision),
            Device = Get(_options.Device),
            Seed = Get(_options.Seed),
        };
    }

    private static IEnumerable<torch.Tensor> Batches(TrainingOptions training, ImageDataset train)
    {
        var pipeline = training.EvaluationPipeline ?? ImagePipeline.Evaluate(training.ImageSize, training.Normalization);
        using var loader = new ImageLoader(train, pipeline, new ImageLoaderOptions { BatchSize = Math.Min(training.BatchSize, train.Count), Shuffle = true, Seed = training.Seed, Read = training.Read });
        foreach (var batch in loader.Epoch(1).Take(10))
            using (batch) yield return batch.Images;
    }

    private bool IsTyped(Option option) => _given.GetResult(option) is { Implicit: false };

    private T Typed<T>(Option<T> option, T? published) where T : struct => published is { } value && !IsTyped(option) ? value : Get(option);

    private T Get<T>(Option<T> option) => _given.GetValue(option)!;
}
