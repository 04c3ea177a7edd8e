using System.CommandLine;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.Predict;

/// <summary>Makes the predictor that the command line asks for.</summary>
internal static class Models
{
    /// <param name="options">The options.</param>
    /// <param name="given">What the user typed.</param>
    /// <param name="settings">For the shape of the model, where no predictor.json lies in the adapter's folder; null takes the labels saved with the adapter.</param>
    public static Predictor Load(ModelOptions options, ParseResult given, Func<ViTConfig, PredictionSettings>? settings)
    {
        var adapter = given.GetValue(options.Adapter)!;
        var checkpoint = given.GetValue(options.Base)!.FullName;
        ViTConfig Shape(int outputs) => Backbone.Shape(checkpoint, outputs, given.GetValue(options.Heads), given.GetValue(options.Pooling));
        var beside = File.Exists(Path.Combine(adapter, PredictionSettings.FileName)) ? PredictionSettings.Load(adapter) : null;
        var chosen = beside ?? settings?.Invoke(Shape(0));
        var config = Shape(chosen?.Labels.Count ?? Backbone.Outputs(adapter));
        if (chosen is not null) config = config with { ImageSize = chosen.ImageSize };
        var model = VisionTransformer.FromCheckpoint(checkpoint, config, skip: ["head"]);
        return Predictor.Load(model, adapter, chosen, new PredictorOptions
        {
            Device = given.GetValue(options.Device)!,
            BatchSize = given.GetValue(options.BatchSize),
            LoaderThreads = given.GetValue(options.Threads),
        });
    }
}
