using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Studies;

/// <summary>What a cell trains with: the recipe, what study and method change in it, and in which points that is no published run.</summary>
internal sealed record CellSettings(TrainingOptions Training, AdapterConfig Adapter, ViTConfig Vit, DicomOptions Dicom, IReadOnlyList<string> Deviations)
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static CellSettings Of(Study study, StudyBackbone backbone, StudyDataset dataset, StudyTrainingSet train, StudyMethod method, ulong seed)
    {
        var deviations = new List<string>();
        var recipe = Recipe(study, backbone, dataset, train, method, deviations);
        if (recipe is null && method.Adapter is null)
            throw new StudyException($"The method \"{method.Name}\" is of the kind \"recipe\", and the backbone \"{backbone.Name}\" has none. Give the backbone a recipe (Mrm or CxrMae), or the method the kind \"lora\".");
        var published = recipe?.Options ?? new TrainingOptions();
        var options = published;
        if (study.Adjust is { } all) options = all(options);
        if (train.Adjust is { } share) options = share(options);
        if (method.Adjust is { } own) options = own(options);
        var adapter = method.Adapter ?? recipe!.Lora!;
        var vit = backbone.Vit with { Outputs = dataset.Labels.Count };
        if (recipe is not null) vit = vit with { DropPath = backbone.Vit.DropPath > 0 ? backbone.Vit.DropPath : recipe.DropPath };
        options = options with
        {
            Seed = seed,
            ImageSize = vit.ImageSize,
            Normalization = backbone.Pixels,
            TrainPipeline = Pipelines.Train(study.Pipeline, options.Optimizer, vit, backbone.Pixels, published.Defects.HasFlag(ReferenceDefects.RedFill)),
            EvaluationPipeline = Pipelines.Evaluate(study.Pipeline, options.Optimizer, vit, backbone.Pixels),
        };
        if (recipe is not null) Compare(published, options, study, vit, deviations);
        var dicom = recipe?.Dicom ?? DicomOptions.Default;
        if (dataset.Windowing is { } windowing) dicom = dicom with { Windowing = windowing };
        return new CellSettings(options, Seeded(adapter, seed), vit, dicom, deviations);
    }

    /// <summary>What decides the result, in one order and one spelling: the id of the cell is its hash. No path, device or number of threads is in it.</summary>
    public string Canonical(StudyBackbone backbone, StudyDataset dataset, StudyTrainingSet train, StudyMethod method, ulong seed)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Indented))
        {
            writer.WriteStartObject();
            void Field(string name, object? value)
            {
                writer.WritePropertyName(name);
                Json.Settings.Write(writer, value);
            }

            // Only what is not the default: an option that a later version adds leaves the ids of old cells as they are.
            void Record(string name, object? record, object? standard, params string[] hidden)
            {
                if (record is null) return;
                writer.WriteStartObject(name);
                if (record is AdapterConfig) Field("method", record.GetType().Name);
                foreach (var (field, value) in Json.Settings.Read(record, standard, hidden)) Field(field, value);
                writer.WriteEndObject();
            }

            Field("backbone", backbone.Name);
            Field("sha256", backbone.Sha256);
            Field("dataset", dataset.Name);
            Field("layout", dataset.Kind);
            Field("fraction", train.Fraction);
            Field("train", train.List);
            Field("draw", train.Draw);
            Field("validation", dataset.Validation);
            Field("test", dataset.Test);
            Field("labels", dataset.Labels);
            Field("uncertain", dataset.Kind == StudyDatasetKind.CheXpert ? dataset.UncertainName : null);
            Field("windowing", dataset.Kind == StudyDatasetKind.Rsna ? Dicom.Windowing : null);
            Field("method", method.Name);
            Field("kind", method.Kind);
            Field("seed", seed);
            Record("vit", Vit, new ViTConfig());
            Record("adapter", Adapter, Activator.CreateInstance(Adapter.GetType()));
            Record("training", Training, new TrainingOptions(), "Device", "LoaderThreads", "EvaluationBatchSize", "RunFolder", "CheckpointSteps");
            Field("trainPipeline", Training.TrainPipeline!.ToString());
            Field("evaluationPipeline", Training.EvaluationPipeline!.ToString());
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()).ReplaceLineEndings("\n") + "\n";
    }

    private static Recipe? Recipe(Study study, StudyBackbone backbone, StudyDataset dataset, StudyTrainingSet train, StudyMethod method, List<string> deviations)
    {
        if (backbone.Recipe is not { } family) return null;
        var defects = study.Reproduce ? ReferenceDefects.ReproducePaper : ReferenceDefects.None;
        try
        {
            var lora = Lora.Training.Recipe.MedPeft(family, dataset.Benchmark, train.Fraction, FineTuningMethod.Lora, defects);
            if (method.RecipeMethod == FineTuningMethod.Lora) return lora;
            if (dataset.Benchmark == BenchmarkDataset.Nih && train.Fraction == .01) return Lora.Training.Recipe.MedPeft(family, dataset.Benchmark, train.Fraction, FineTuningMethod.Full, defects);

            // 16 of the 18 were never published: the rates of the one that was, for as long as the adapters of this task train.
            deviations.Add("full fine-tuning: hyper-parameters not published for this task; those of NIH 1 %, with the epochs of this task's LoRA recipe");
            var full = Lora.Training.Recipe.MedPeft(family, BenchmarkDataset.Nih, .01, FineTuningMethod.Full, defects);
            return full with { Options = full.Options with { Epochs = lora.Options.Epochs }, Dicom = lora.Dicom };
        }
        catch (ArgumentException error)
        {
            throw new StudyException($"\"{backbone.Name}\" on \"{dataset.Name}\": {error.Message.Split(" (Parameter")[0]} Or leave the backbone's recipe out, and give \"training\".", error);
        }
    }

    private static void Compare(TrainingOptions published, TrainingOptions actual, Study study, ViTConfig vit, List<string> deviations)
    {
        var changes = Json.Settings.Read(actual, published, [.. StudyFile.NotTraining]).Select(change => FormattableString.Invariant($"{change.Name} {change.Value}")).ToList();
        if (changes.Count > 0) deviations.Add($"training: {string.Join(", ", changes)}");
        if (study.Pipeline != StudyPipeline.Recipe) deviations.Add($"image pipeline: {study.Pipeline}");
        if (vit with { Outputs = 14, DropPath = 0 } != ViTConfig.Base16)
            deviations.Add(FormattableString.Invariant($"backbone: ViT of {vit.Depth} blocks, {vit.EmbedDim} wide, patches of {vit.PatchSize} px at {vit.ImageSize} px instead of ViT-B/16 at 224 px"));
    }

    private static AdapterConfig Seeded(AdapterConfig adapter, ulong seed) => adapter with { Seed = seed };
}
