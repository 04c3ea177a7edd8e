using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using Microsoft.Extensions.Logging;

namespace MedPeft.Lora.Studies;

/// <summary>Trains and scores one cell whose folder this process holds.</summary>
internal sealed class CellRun(Study study, StudyCell cell, CellFolder folder, StudyRunOptions options, ILogger logger)
{
    /// <returns>False where it was asked to stop; the trainer has saved what it had.</returns>
    public bool Execute(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        folder.Forget("failure.json");
        folder.WriteSettings();
        var starts = folder.CountStart();
        var inputs = CellInputs.Open(study, cell);
        using var model = VisionTransformer.FromCheckpoint(inputs.Checkpoint, cell.Vit, seed: cell.Seed);
        var adapter = model.InjectAdapter(cell.Adapter);
        Directory.CreateDirectory(folder.Run);
        var trainer = new Trainer(cell.Training with
        {
            Device = study.Device,
            LoaderThreads = options.LoaderThreads,
            RunFolder = folder.Run,
            CheckpointSteps = options.CheckpointSteps,
            // The result counts shared patients itself; the published RSNA lists have some, and the study is run on them as they are.
            LeakCheck = null,
        }, logger);
        var trained = trainer.Fit(model, inputs.Train, inputs.Validation, progress, cancellationToken);
        if (trained.Cancelled || cancellationToken.IsCancellationRequested) return false;

        var clock = Stopwatch.StartNew();
        var predictions = CellPredictions.Of(
            inputs.Test, trainer.Logits(model, inputs.Test, cancellationToken), inputs.Validation, trainer.Logits(model, inputs.Validation, cancellationToken));
        predictions.Save(folder.Predictions, inputs.Test.Labels);
        if (cell.Adapter is not FullConfig) adapter.Save(folder.Adapter); // a whole model for each cell would fill the disk
        var total = model.parameters().Sum(parameter => parameter.numel());
        var result = CellScores.Of(cell, inputs, study.At(cell.Dataset.Root), trained, total, predictions, CellInputs.Hash(folder.Predictions));
        folder.Write(Timing(trained, clock.Elapsed, starts));
        folder.Write(result);
        Directory.Delete(folder.Run, recursive: true); // the result is there: the checkpoints have done their part
        return true;
    }

    private CellTiming Timing(TrainingResult trained, TimeSpan scoring, int starts)
    {
        var speeds = trained.Epochs.Select(epoch => epoch.ImagesPerSecond).Order().ToArray();
        return new CellTiming(
            Math.Round(trained.Elapsed.TotalSeconds, 3), Math.Round(scoring.TotalSeconds, 3), speeds.Length == 0 ? 0 : Math.Round(speeds[speeds.Length / 2], 2), new PeakMemory().Bytes, starts,
            study.Device, Version(typeof(Study)), Version(typeof(TorchSharp.torch)), RuntimeInformation.FrameworkDescription,
            $"{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}", Environment.ProcessorCount, DateTime.UtcNow);
    }

    private static string Version(Type type) =>
        (type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "").Split('+')[0];
}
