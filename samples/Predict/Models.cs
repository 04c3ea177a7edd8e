using System.CommandLine;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.Predict;

/// <summary>Makes the predictor that the command line asks for.</summary>
internal static class Models
{
    /// <summary>The folder that the settings of an adapter lie in.</summary>
    public static string Folder(string adapter) => Directory.Exists(adapter) ? adapter : Path.GetDirectoryName(Path.GetFullPath(adapter))!;

    /// <param name="options">The options.</param>
    /// <param name="given">What the user typed.</param>
    /// <param name="settings">For the shape of the model; null reads those beside the adapter.</param>
    public static Predictor Load(ModelOptions options, ParseResult given, Func<ViTConfig, PredictionSettings>? settings)
    {
        var adapter = given.GetValue(options.Adapter)!;
        var checkpoint = given.GetValue(options.Base)!.FullName;
        ViTConfig Shape(int outputs) => Backbone.Shape(checkpoint, outputs, given.GetValue(options.Heads), given.GetValue(options.Pooling));
        var chosen = settings is null ? PredictionSettings.Load(Folder(adapter)) : settings(Shape(0));
        var config = Shape(chosen.Labels.Count) with { ImageSize = chosen.ImageSize };
        var model = VisionTransformer.FromCheckpoint(checkpoint, config, skip: ["head"]);
        return Predictor.Load(model, adapter, chosen, new PredictorOptions
        {
            Device = given.GetValue(options.Device)!,
            BatchSize = given.GetValue(options.BatchSize),
            LoaderThreads = given.GetValue(options.Threads),
        });
    }
}
