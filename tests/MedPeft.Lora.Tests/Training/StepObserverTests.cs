using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Training;

/// <summary>Methods that take part in the steps of a run: AdaLoRA has a penalty, and cuts ranks.</summary>
public sealed class StepObserverTests : TinyRunTest
{
    private static readonly AdaLoraConfig Config = new() { InitialRank = 4, TargetRank = 2, Targets = ["qkv"], Trainable = ["head"], WarmupSteps = 1, FinalSteps = 1, Interval = 2, Seed = 3 };
    private static readonly TrainingOptions Options = TinyRun.Options with { Epochs = 3, Optimizer = OptimizerKind.AdamW, LearningRate = .01, KeepBest = false };

    [Fact]
    public void A_run_of_adalora_stopped_at_every_step_ends_with_the_bits_of_one_that_was_not()
    {
        var expected = Fit(Options, Config, out _, out var ranks);
        string? end = null;
        for (var parts = 0; end is null; parts++)
        {
            Assert.True(parts < 20);
            using var stop = new CancellationTokenSource();
            var hash = Fit(Options with { RunFolder = Path.Combine(_folder, "run") }, Config, out var result, out _, new Stopper(stop), stop: stop.Token);
            if (!result.Cancelled) end = hash;
        }

        Assert.Equal(expected, end);
        Assert.Equal(2 * 2, ranks.Sum()); // the target of two layers
    }

    [Fact]
    public void The_penalty_counts_once_a_step_in_however_many_parts_a_batch_passes()
    {
        var still = Options with { Epochs = 1 };
        Fit(still, Config, out var whole, out _);
        Fit(still with { MicroBatchSize = 3 }, Config, out var parts, out _);
        Fit(still, Config with { Orthogonality = 0 }, out var without, out _);

        Assert.Equal(whole.Epochs[0].TrainingLoss, parts.Epochs[0].TrainingLoss, 1e-4);
        Assert.InRange(whole.Epochs[0].TrainingLoss - without.Epochs[0].TrainingLoss, .5, 2); // γ·‖AAᵀ − I‖ is near γ·√4 at first
    }

    [Fact]
    public void Importance_is_of_the_gradients_that_the_step_was_made_with()
    {
        // A gradient cut to nothing moves nothing, and nothing is important.
        var adapter = default(LoraAdapter);
        Fit(Options with { Epochs = 1, ClipNorm = 1e-30 }, Config, out _, out _, adapted: one => adapter = one, read: () =>
            Assert.All(adapter!.ScheduleState().Where(entry => entry.Name.EndsWith("importance", StringComparison.Ordinal)), entry => Assert.InRange(entry.Value.abs().max().item<float>(), 0, 1e-20f)));
    }

    [Fact]
    public void A_run_does_not_go_on_with_another_alpha()
    {
        var options = Options with { Epochs = 1, RunFolder = Path.Combine(_folder, "run") };
        Fit(options, Config, out _, out _);

        Assert.Equal(
            "The run in 'run' cannot go on: the adapters are others. Give what it was started with, or choose another RunFolder to start anew.",
            Assert.Throws<TrainingException>(() => Fit(options, Config with { Alpha = 16 }, out _, out _)).Message);
    }

    private string Fit(
        TrainingOptions options, AdaLoraConfig config, out TrainingResult result, out IReadOnlyList<int> ranks, IProgress<TrainingProgress>? progress = null,
        Action<LoraAdapter>? adapted = null, Action? read = null, CancellationToken stop = default)
    {
        using var model = new VisionTransformer(TinyRun.Model with { DropPath = 0 }, seed: 1);
        var adapter = model.InjectAdapter(config);
        adapted?.Invoke(adapter);
        result = new Trainer(options).Fit(model, _train, _validation, progress, stop);
        ranks = [.. model.modules().OfType<AdaLoraLinear>().Select(layer => layer.ActiveRank)];
        read?.Invoke();
        return TinyRun.Fingerprint(model, result);
    }

    /// <summary>Stops a run after its first step or scored batch.</summary>
    private sealed class Stopper(CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => stop.Cancel();
    }
}
