using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Training;

/// <summary>Runs that stop and go on, in one process; <see cref="KillTests"/> has the violent ones.</summary>
public sealed class ResumeTests : TinyRunTest
{
    private string Run => Path.Combine(_folder, "run");

    [Theory]
    [InlineData(OptimizerKind.Sgd, 0)]
    [InlineData(OptimizerKind.AdamW, .9)]
    public void A_run_stopped_at_every_step_ends_with_the_bits_of_one_that_was_not(OptimizerKind kind, double average)
    {
        var options = TinyRun.Options with { Epochs = 3, Optimizer = kind, LearningRate = kind == OptimizerKind.Sgd ? .1 : .01, EmaDecay = average };
        var expected = Fit(options, out _);
        string? end = null;
        for (var parts = 0; end is null; parts++)
        {
            Assert.True(parts < 20);
            using var stop = new CancellationTokenSource();
            var hash = Fit(options with { RunFolder = Run }, out var result, new Stopper(stop), stop.Token);
            Assert.Equal(parts > 0, result.Resumed);
            if (!result.Cancelled) end = hash;
        }

        Assert.Equal(expected, end);
    }

    [Fact]
    public void A_finished_run_gives_its_result_at_once()
    {
        var options = TinyRun.Options with { Epochs = 2, RunFolder = Run };
        var first = Fit(options, out var done);
        var steps = new Stopper(null);

        Assert.Equal(first, Fit(options, out var again, steps));
        Assert.Equal(0, steps.Steps);
        Assert.Equal(done.Best.Auroc, again.Best.Auroc);
        Assert.False(again.Cancelled);
    }

    [Fact]
    public void Two_checkpoints_are_kept_and_a_damaged_one_costs_only_its_steps()
    {
        var options = TinyRun.Options with { Epochs = 3, RunFolder = Run };
        var expected = Fit(options, out _);
        var files = Directory.GetFiles(Run, "checkpoint-*").Order().ToList();
        Assert.Equal(2, files.Count);
        var bytes = File.ReadAllBytes(files[1]);
        bytes[^5] ^= 1;
        File.WriteAllBytes(files[1], bytes);
        File.WriteAllText(Path.Combine(Run, ".checkpoint-000009.safetensors.0123.tmp"), "half");

        Assert.Equal(expected, Fit(options, out _));
        Assert.Empty(Directory.GetFiles(Run, "*.tmp"));
        foreach (var file in Directory.GetFiles(Run, "checkpoint-*")) File.WriteAllText(file, "x");
        Assert.Throws<CheckpointException>(() => Fit(options, out _));
    }

    [Fact]
    public void Another_run_is_refused_by_what_differs()
    {
        Fit(TinyRun.Options with { Epochs = 1, RunFolder = Run }, out _);
        string Message(Action call) => Assert.Throws<TrainingException>(call).Message;

        Assert.Equal(
            "The run in 'run' cannot go on: Epochs was 1 and is 2; LearningRate was 0.1 and is 0.2. Give what it was started with, or choose another RunFolder to start anew.",
            Message(() => Fit(TinyRun.Options with { Epochs = 2, LearningRate = .2, RunFolder = Run }, out _)));
        using var model = new VisionTransformer(TinyRun.Model, seed: 2);
        TinyRun.Inject(model);
        Assert.Equal(
            "The run in 'run' cannot go on: the frozen weights are others; the training images are others. Give what it was started with, or choose another RunFolder to start anew.",
            Message(() => new Trainer(TinyRun.Options with { Epochs = 1, RunFolder = Run }).Fit(model, _train.Take(20), _validation)));
    }

    [Fact]
    public void What_changes_no_number_may_change()
    {
        Fit(TinyRun.Options with { Epochs = 1, RunFolder = Run }, out _);
        Fit(TinyRun.Options with { Epochs = 1, RunFolder = Run, LoaderThreads = 2, EvaluationBatchSize = 7, CheckpointSteps = 3, LeakCheck = null }, out var result);

        Assert.True(result.Resumed);
    }

    [Fact]
    public void A_folder_serves_one_run_at_a_time()
    {
        using var other = new RunFolder(Run, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);

        Assert.Equal(
            "The run folder 'run' is in use by another run, or cannot be written. Give each run a RunFolder of its own.",
            Assert.Throws<TrainingException>(() => Fit(TinyRun.Options with { RunFolder = Run }, out _)).Message);
    }

    [Fact]
    public void A_checkpoint_names_no_path_and_no_patient()
    {
        Fit(TinyRun.Options with { Epochs = 1, RunFolder = Run }, out _);
        var text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(Directory.GetFiles(Run, "checkpoint-*")[0]));

        Assert.DoesNotContain("train1", text);
        Assert.DoesNotContain(Path.GetFileName(_folder), text);
    }

    [Fact]
    public void Pre_training_resumes_too_and_its_model_loads_as_a_backbone()
    {
        var options = TrainingOptions.Mae(epochs: 3, batchSize: 8, imageSize: 16) with { LearningRate = 1e-3, Seed = 5 };
        var expected = Pretrain(options, null, out var losses);
        using var stop = new CancellationTokenSource();
        Pretrain(options with { RunFolder = Run }, new Stopper(stop, after: 4), out _, stop.Token);
        var resumed = Pretrain(options with { RunFolder = Run }, null, out var again);

        Assert.Equal(losses, again);
        foreach (var (name, values) in expected.state_dict()) TensorAssert.Same(values, resumed.state_dict()[name], name);
        var file = Path.Combine(_folder, "mae.safetensors");
        Safetensors.Write(file, resumed.state_dict());
        using var vit = VisionTransformer.FromCheckpoint(file, TinyRun.Model);
        TensorAssert.Same(resumed.state_dict()["blocks.1.attn.qkv.weight"], vit.state_dict()["blocks.1.attn.qkv.weight"], "qkv");
        expected.Dispose();
        resumed.Dispose();
    }

    [Fact]
    public void Options_that_need_labels_are_refused_in_pre_training() =>
        Assert.Equal(
            "Mixup needs labels, and pre-training looks at none. Leave it at its default.",
            Assert.Throws<TrainingException>(() => Pretrain(TinyRun.Options with { Mixup = .2 }, null, out _)).Message);

    private string Fit(TrainingOptions options, out TrainingResult result, IProgress<TrainingProgress>? progress = null, CancellationToken stop = default)
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        TinyRun.Inject(model);
        result = new Trainer(options).Fit(model, _train, _validation, progress, stop);
        return TinyRun.Fingerprint(model, result);
    }

    private MaskedAutoencoder Pretrain(TrainingOptions options, IProgress<TrainingProgress>? progress, out IReadOnlyList<double> losses, CancellationToken stop = default)
    {
        var model = new MaskedAutoencoder(new MaskedAutoencoderConfig { Encoder = TinyRun.Model, DecoderDim = 16, DecoderDepth = 1, DecoderHeads = 2 }, seed: 4);
        losses = new Trainer(options).Pretrain(model, _train, progress, stop);
        return model;
    }

    /// <summary>Stops a run after some steps or scored batches.</summary>
    private sealed class Stopper(CancellationTokenSource? stop, int after = 1) : IProgress<TrainingProgress>
    {
        public int Steps { get; private set; }

        public void Report(TrainingProgress value)
        {
            if (++Steps == after) stop?.Cancel();
        }
    }
}
