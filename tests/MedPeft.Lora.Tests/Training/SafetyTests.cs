using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

/// <summary>What a run refuses, survives and leaves clean.</summary>
public sealed class SafetyTests : TinyRunTest
{
    [Fact]
    public void Live_tensors_stay_flat_over_a_thousand_steps()
    {
        using var model = new VisionTransformer(TinyRun.Model with { EmbedDim = 12, Depth = 1 }, seed: 1);
        TinyRun.Inject(model);
        var (counts, decoded) = (new List<long>(), new System.Collections.Concurrent.ConcurrentDictionary<string, PixelImage>());
        var seen = new Direct(report =>
        {
            if (report.Phase != TrainingPhase.Training || report.Step != 9 || report.Epoch % 2 != 1) return;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            counts.Add(Tensor.TotalCount);
        });
        var options = TinyRun.Options with
        {
            Epochs = 9, BatchSize = 2, MicroBatchSize = 1, Optimizer = OptimizerKind.AdamW, LearningRate = .001, EmaDecay = .99, ClipNorm = 1, Mixup = .2, KeepBest = false,
            Read = record => decoded.GetOrAdd(record.Path, path => ImageDecoder.Decode(path)),
        };
        new Trainer(options).Fit(model, _train.Subset(Enumerable.Range(0, 252).Select(i => i % 28)), _validation.Take(4), seen);

        Assert.Equal(5, counts.Count); // the last after 1017 steps
        Assert.InRange(counts[^1] - counts[0], -20, 20);
    }

    [Fact]
    public void Training_and_validation_that_share_patients_or_images_are_refused()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        string Message(ImageDataset validation) => Assert.Throws<TrainingException>(() => new Trainer(TinyRun.Options).Fit(model, _train, validation)).Message;
        File.Copy(_train[3].Path, Path.Combine(_folder, "copy.png"));
        var patient = new ImageDataset("validation", _train.Labels, [.. _validation, _validation[0] with { Patient = "train1", Path = _validation[1].Path }]);
        var copy = new ImageDataset("validation", _train.Labels, [.. _validation, _train[3] with { Patient = "other", Path = Path.Combine(_folder, "copy.png") }]);

        Assert.Equal(
            "Training and validation share what they must not: 'train' and 'validation': 1 patients in both (with 1 images in the first and 1 in the second) (compared: patients and file names, bytes). "
            + "Split by patient (ImageDataset.Split), or set LeakCheck to null to train all the same.",
            Message(patient));
        Assert.Contains("1 images with equal bytes", Message(copy));
        Assert.Single(new Trainer(TinyRun.Options with { Epochs = 1, LeakCheck = null }).Fit(model, _train, copy).Epochs);
    }

    [Fact]
    public void Images_come_from_the_reader_given_and_bad_ones_are_skipped_and_told()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        var read = 0;
        PixelImage Read(ImageRecord record)
        {
            Interlocked.Increment(ref read);
            return record.Path == _train[5].Path ? throw new ImageException(record.Path, "is damaged") : ImageDecoder.Decode(record.Path);
        }

        var result = new Trainer(TinyRun.Options with { Epochs = 2, DropLast = false, Read = Read, OnBadImage = OnBadImage.SkipAndRecord(.1) }).Fit(model, _train, _validation);

        Assert.Equal(2 * (28 + 20), read);
        Assert.Equal([new SkippedImage(5, "is damaged")], result.Skipped);
    }

    [Fact]
    public void A_loss_that_breaks_down_names_the_images_apart_from_the_message_and_keeps_the_weights_before()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        using (no_grad()) model.get_parameter("head.bias")!.fill_(float.NaN);
        using var before = model.get_parameter("head.weight")!.clone();
        var error = Assert.Throws<TrainingException>(() => new Trainer(TinyRun.Options).Fit(model, _train, _validation));

        Assert.Equal(8, error.BatchFiles.Count);
        Assert.All(error.BatchFiles, file => Assert.Matches(@"^train\d+\.png$", file));
        Assert.DoesNotContain(".png", error.Message);
        TensorAssert.Same(before, model.get_parameter("head.weight")!, "head");
    }

    [Fact]
    public void Patience_ends_a_run_that_does_not_get_better()
    {
        using var model = new VisionTransformer(TinyRun.Model with { DropPath = 0 }, seed: 1);
        TinyRun.Inject(model);
        var result = new Trainer(TinyRun.Options with { Epochs = 50, LearningRate = 1e-12, MinLearningRate = 0, Patience = 3 }).Fit(model, _train, _validation);

        Assert.True(result.StoppedEarly);
        Assert.False(result.Cancelled);
        Assert.Equal(result.Best.Epoch + 3, result.Epochs.Count);
    }

    [Fact]
    public void Positive_weights_must_fit_the_labels()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);

        Assert.Equal(
            "PositiveWeights has 3 numbers and the data 2 labels (bright, even). Give one for each label, in their order.",
            Assert.Throws<TrainingException>(() => new Trainer(TinyRun.Options with { PositiveWeights = [1, 2, 3] }).Fit(model, _train, _validation)).Message);
    }

    [Fact]
    public void The_defects_of_the_reference_can_be_repeated()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        TinyRun.Inject(model);
        using var frozen = model.get_parameter("blocks.0.attn.qkv.weight")!.clone();
        new Trainer(TinyRun.Options with { Defects = ReferenceDefects.ReproducePaper }).Fit(model, _train, _validation);
        using var drift = (model.get_parameter("blocks.0.attn.qkv.weight")! - frozen).abs().max();

        Assert.InRange(drift.item<float>(), 1e-10f, 1e-5f);
        var ones = new ImageDataset("validation", _validation.Labels, _validation.Select(record => record with { Labels = [record.Labels[0], 1] }));
        Assert.Throws<InvalidOperationException>(() => new Trainer(TinyRun.Options with { Defects = ReferenceDefects.SingleClassLabelsFail }).Evaluate(model, ones));
    }

    [Fact]
    public void Signals_cancel_once_and_choose_the_exit_code()
    {
        using var stop = new StopSignals();
        Assert.Equal((0, false), (stop.ExitCode, stop.Token.IsCancellationRequested));
        Assert.True(stop.Receive(StopSignals.ExitTryAgain));
        Assert.Equal((75, true), (stop.ExitCode, stop.Token.IsCancellationRequested));
        Assert.True(stop.Receive(StopSignals.ExitTryAgain));
        Assert.False(stop.Receive(StopSignals.ExitStopped)); // a second request by Ctrl+C has its usual effect
        Assert.Equal(75, stop.ExitCode);
    }

    [SmallDiskFact]
    public void A_full_disk_leaves_the_last_good_checkpoint()
    {
        using var disk = SmallDisk.Mount(400 << 10);
        var options = TinyRun.Options with { Epochs = 4, RunFolder = disk.Path };
        string Fit(TrainingOptions chosen, IProgress<TrainingProgress>? progress = null)
        {
            using var model = new VisionTransformer(TinyRun.Model, seed: 1);
            TinyRun.Inject(model);
            return TinyRun.Fingerprint(model, new Trainer(chosen).Fit(model, _train, _validation, progress));
        }

        var filled = false;
        var fill = new Direct(report =>
        {
            if (filled || report is not { Epoch: 3, Phase: TrainingPhase.Training }) return;
            filled = true;
            try
            {
                File.WriteAllBytes(Path.Combine(disk.Path, "other"), new byte[400_000]);
            }
            catch (IOException)
            {
                // Which is what fills it.
            }
        });
        Assert.Contains("What was there before is untouched.", Assert.Throws<CheckpointException>(() => Fit(options, fill)).Message);
        File.Delete(Path.Combine(disk.Path, "other"));
        Assert.Empty(Directory.GetFiles(disk.Path, "*.tmp"));

        Assert.Equal(Fit(options with { RunFolder = null }), Fit(options));
    }

    private sealed class Direct(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
