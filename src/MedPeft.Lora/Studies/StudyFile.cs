using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Studies.Json;
using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>From the JSON of a study to the study; every error knows its line.</summary>
internal static class StudyFile
{
    // What the study decides elsewhere: the seed by "seeds", sizes by "vit", pixels by "mean" and "std", and what changes no result.
    internal static readonly string[] NotTraining = 
        ["Seed", "Device", "ImageSize", "LoaderThreads", "EvaluationBatchSize", "Defects", "RunFolder", "CheckpointSteps"];

    public static Study Read(PlacedValue root)
    {
        var fields = new Fields(root, "name", "device", "seeds", "pipeline", "reproduce", "training", "notes", "backbones", "datasets", "methods");
        return new Study
        {
            Name = fields.Text("name"),
            Device = fields.OptionalText("device") ?? "cpu",
            Seeds = fields.Optional("seeds") is null ? [0] : [.. fields.List("seeds").Select(Seed)],
            Pipeline = Choice<StudyPipeline>(fields.Optional("pipeline")) ?? StudyPipeline.Recipe,
            Reproduce = fields.Optional("reproduce")?.AsBool() ?? false,
            Adjust = Adjust(fields.Optional("training")),
            Notes = fields.Optional("notes") is null ? [] : [.. fields.List("notes").Select(note => note.AsText())],
            Backbones = [.. fields.List("backbones").Select(Backbone)],
            Datasets = [.. fields.List("datasets").Select(Dataset)],
            Methods = [.. fields.List("methods").Select(Method)],
        };
    }

    private static StudyBackbone Backbone(PlacedValue value)
    {
        var fields = new Fields(value, "name", "path", "sha256", "recipe", "mean", "std", "vit");
        if (fields.Optional("mean") is null != fields.Optional("std") is null) throw value.Error($"{value.Path} has one of \"mean\" and \"std\"; give both, or none for those of the recipe.");
        var backbone = new StudyBackbone
        {
            Name = fields.Text("name"),
            Path = fields.Text("path"),
            Sha256 = Hash(fields.Optional("sha256")),
            Recipe = Choice<FoundationBackbone>(fields.Optional("recipe")),
            Normalization = fields.Optional("mean") is { } mean ? new Normalization(Positive(mean), Positive(fields.Required("std"))) : null,
        };
        var vit = Settings.Apply(backbone.Vit, fields.Optional("vit"), "Outputs");
        try
        {
            vit.Validate();
        }
        catch (ArgumentException error)
        {
            throw fields.Required("vit").Error($"{value.Path}.vit: {error.Message}", error);
        }

        return backbone with { Vit = vit };
    }

    private static StudyDataset Dataset(PlacedValue value)
    {
        var fields = new Fields(value, "name", "kind", "root", "train", "validation", "validationImages", "test", "testImages", "uncertain", "windowing", "allLabels");
        return new StudyDataset
        {
            Name = fields.Text("name"),
            Kind = Choice<StudyDatasetKind>(fields.Required("kind"))!.Value,
            Root = fields.Text("root"),
            Train = [.. fields.List("train").Select(Share)],
            Validation = fields.Text("validation"),
            ValidationImages = Count(fields.Optional("validationImages")),
            Test = fields.Text("test"),
            TestImages = Count(fields.Optional("testImages")),
            Uncertain = fields.Optional("uncertain")?.AsOneOf([.. StudyDataset.Policies.Select(entry => entry.Name)]) is { } policy
                ? StudyDataset.Policies.First(entry => entry.Name == policy).Policy
                : UncertaintyPolicy.MedPeft,
            Windowing = Choice<DicomWindowing>(fields.Optional("windowing")),
            AllLabels = fields.Optional("allLabels")?.AsBool() ?? false,
        };
    }

    private static StudyTrainingSet Share(PlacedValue value)
    {
        var fields = new Fields(value, "fraction", "list", "draw", "images", "training");
        var fraction = fields.Required("fraction");
        if (fraction.AsNumber() is not (> 0 and <= 1)) throw fraction.Misfit("a share above 0 and at most 1 fits, such as 0.01 for 1 %");
        return new StudyTrainingSet(fraction.AsNumber(), fields.OptionalText("list"), fields.Optional("draw")?.AsBool() ?? false, Count(fields.Optional("images")))
        {
            Adjust = Adjust(fields.Optional("training")),
        };
    }

    private static StudyMethod Method(PlacedValue value)
    {
        var fields = new Fields(value, "name", "kind", "adapter", "training");
        var kind = fields.Required("kind").AsOneOf(StudyMethod.Kinds);
        if (!StudyMethod.Family.ContainsKey(kind) && fields.Optional("adapter") is { } none) throw none.Error($"{none.Path}: the kind \"{kind}\" has no settings of its own; name a method, such as \"lora\".");
        return new StudyMethod
        {
            Name = fields.Text("name"),
            Adapter = StudyMethod.Family.ContainsKey(kind) ? Settings.Apply(StudyMethod.Default(kind), fields.Optional("adapter"), "Seed") : null,
            Adjust = Adjust(fields.Optional("training")),
        };
    }

    private static Func<TrainingOptions, TrainingOptions>? Adjust(PlacedValue? value)
    {
        if (value is null) return null;
        Settings.Apply(new TrainingOptions(), value, NotTraining); // a wrong field is told when the file is read, not when a cell runs
        return options => Settings.Apply(options, value, NotTraining);
    }

    private static ulong Seed(PlacedValue value) => value.AsWhole() is >= 0 and var seed ? (ulong)seed : throw value.Misfit("0 or a positive whole number fits");

    private static int? Count(PlacedValue? value) => value is null ? null : value.AsWhole() is > 0 and <= int.MaxValue and var count ? (int)count : throw value.Misfit("a positive whole number fits");

    private static float Positive(PlacedValue value) => value.AsNumber() is > 0 and < 1 and var number ? (float)number : throw value.Misfit("a number between 0 and 1 fits, of pixels from 0 to 1");

    private static string? Hash(PlacedValue? value) => value is null ? null
        : value.AsText() is { Length: 64 } text && text.All(char.IsAsciiHexDigit) ? text.ToLowerInvariant() : throw value.Misfit("64 hexadecimal digits fit, as sha256sum prints them");

    private static T? Choice<T>(PlacedValue? value)
        where T : struct, Enum => value is null ? null : Enum.Parse<T>(value.AsOneOf([.. Enum.GetNames<T>().Select(name => char.ToLowerInvariant(name[0]) + name[1..])]), ignoreCase: true);
}
