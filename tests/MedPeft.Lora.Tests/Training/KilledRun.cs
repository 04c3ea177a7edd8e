using MedPeft.Lora.Data;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Training;

/// <summary>The run that <see cref="KillTests"/> kills, in a process of its own: it tells every step, and at the end the hash of all it has learned.</summary>
internal static class KilledRun
{
    public static TrainingOptions Options(string? folder) => TinyRun.Options with
    {
        Epochs = 6, Optimizer = OptimizerKind.AdamW, LearningRate = .01, EmaDecay = .9, ClipNorm = 1, Mixup = .2, MicroBatchSize = 5, OnBadImage = OnBadImage.SkipAndRecord(.1),
        RunFolder = folder, CheckpointSteps = 1, LoaderThreads = 1,
    };

    /// <summary>Arguments: the folder of the images, the folder of the run, and the report to wait at for a line of input (0 for none).</summary>
    public static int Child(string[] arguments)
    {
        using var stop = new StopSignals();
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        TinyRun.Inject(model);
        var result = new Trainer(Options(arguments[1])).Fit(model, Train(arguments[0]), Validation(arguments[0]), new Teller(int.Parse(arguments[2], System.Globalization.CultureInfo.InvariantCulture)), stop.Token);
        Console.WriteLine(result.Cancelled ? "stopped" : $"end {TinyRun.Fingerprint(model, result)}");
        return result.Cancelled ? stop.ExitCode : 0;
    }

    /// <summary>One of the images is none, so that a run has something to skip.</summary>
    public static ImageDataset Train(string images)
    {
        var broken = Path.Combine(images, "broken.png");
        if (!File.Exists(broken)) File.WriteAllText(broken, "<html>");
        var good = TinyRun.Images(images, "train", 28, 1);
        return new ImageDataset("train", good.Labels, [.. good.Take(10), new ImageRecord { Path = broken, Labels = [0, 1], Patient = "broken" }, .. good.Skip(10)]);
    }

    public static ImageDataset Validation(string images) => TinyRun.Images(images, "validation", 20, 2);

    /// <summary>Tells where the run is; where asked to, it waits there, so that a signal does not come too late on a busy machine.</summary>
    private sealed class Teller(int pauseAfter) : IProgress<TrainingProgress>
    {
        private int _told;

        public void Report(TrainingProgress value)
        {
            Console.WriteLine($"step {value.Epoch} {value.Phase} {value.Step}");
            if (++_told == pauseAfter) Console.ReadLine();
        }
    }
}
