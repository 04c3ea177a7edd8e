using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

/// <summary>A small vision transformer that tells bright images from dark ones, on real files.</summary>
public sealed class TrainerTests : TinyRunTest
{
    private static readonly ViTConfig Small = TinyRun.Model;
    private static readonly TrainingOptions Options = TinyRun.Options;

    [Fact]
    public void Adapters_learn_while_the_frozen_weights_keep_every_bit()
    {
        using var model = new VisionTransformer(Small, seed: 1);
        var lora = Inject(model);
        var frozen = model.named_parameters().Where(p => !p.parameter.requires_grad).ToDictionary(p => p.name, p => p.parameter.clone());
        var result = new Trainer(Options with { Epochs = 12 }).Fit(model, _train, _validation);

        Assert.Equal(12, result.Epochs.Count);
        Assert.Equal(lora.Parameters.Trained, result.TrainedParameters);
        Assert.True(result.Best.Auroc.PerLabel[0].Value > .9, result.Best.Auroc.ToString());
        Assert.True(result.Epochs[^1].TrainingLoss < result.Epochs[0].TrainingLoss);
        foreach (var (name, parameter) in model.named_parameters().Where(p => frozen.ContainsKey(p.name))) TensorAssert.Same(frozen[name], parameter, name);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_for_any_number_of_threads_and_leaves_torchs_generator_alone()
    {
        float[] Run(int threads)
        {
            using var model = new VisionTransformer(Small, seed: 1);
            Inject(model);
            var trainer = new Trainer(Options with { LoaderThreads = threads });
            trainer.Fit(model, _train, _validation);
            return trainer.Logits(model, _validation);
        }

        using var before = random.get_rng_state();
        var one = Run(1);
        using var after = random.get_rng_state();
        random.set_rng_state(before);
        _ = rand(5);

        Assert.Equal(one, Run(3));
        TensorAssert.Same(before, after, "generator");
    }

    [Fact]
    public void The_model_ends_with_its_best_epoch()
    {
        using var model = new VisionTransformer(Small, seed: 1);
        var trainer = new Trainer(Options with { Epochs = 6, LearningRate = 1 });
        var result = trainer.Fit(model, _train, _validation);

        Assert.False(model.training);
        Assert.Equal(result.Best.Auroc, trainer.Evaluate(model, _validation));
        Assert.Equal(result.Epochs.Max(epoch => epoch.Auroc.Macro), result.Best.Auroc.Macro);
    }

    [Fact]
    public void A_linear_probe_goes_through_the_same_call()
    {
        using var model = new VisionTransformer(Small, seed: 1);
        foreach (var (name, parameter) in model.named_parameters()) parameter.requires_grad = name.StartsWith("head.", StringComparison.Ordinal);

        Assert.Equal(24 * 2 + 2, new Trainer(Options).Fit(model, _train, _validation).TrainedParameters);
    }

    [Fact]
    public void Progress_counts_every_step()
    {
        using var model = new VisionTransformer(Small, seed: 1);
        var seen = new Recorder();
        new Trainer(Options with { Epochs = 2 }).Fit(model, _train, _validation, seen);

        Assert.Equal(2 * 3, seen.Reports.Count(report => report.Phase == TrainingPhase.Training)); // 28 images, batches of 8, the last left out
        Assert.Equal(seen.Reports.Select(report => report.Fraction).Order(), seen.Reports.Select(report => report.Fraction));
        Assert.Equal(1, seen.Reports[^1].Fraction, 9);
    }

    [Fact]
    public void Cancelling_stops_after_the_step_and_keeps_what_is_finished()
    {
        using var model = new VisionTransformer(Small, seed: 1);
        using var stop = new CancellationTokenSource();
        var seen = new Recorder(report =>
        {
            if (report is { Phase: TrainingPhase.Training, Epoch: 2, Step: 2 }) stop.Cancel();
        });
        var result = new Trainer(Options).Fit(model, _train, _validation, seen, stop.Token);

        Assert.True(result.Cancelled);
        Assert.Single(result.Epochs);
        Assert.Equal((2, 2), (seen.Reports[^1].Epoch, seen.Reports[^1].Step));
    }

    [Fact]
    public void A_run_stopped_before_its_first_epoch_has_no_best()
    {
        using var model = new VisionTransformer(Small, seed: 1);
        var result = new Trainer(Options).Fit(model, _train, _validation, cancellationToken: new CancellationToken(canceled: true));

        Assert.True(result.Cancelled);
        Assert.StartsWith("The run was stopped before its first epoch ended", Assert.Throws<TrainingException>(() => result.Best).Message);
    }

    [Fact]
    public void A_model_whose_outputs_do_not_fit_the_labels_is_refused_before_anything_is_read()
    {
        using var model = new VisionTransformer(Small with { Outputs = 5 });
        var missing = new ImageDataset("gone", ["bright", "even"], [new ImageRecord { Path = Path.Combine(_folder, "gone.png"), Labels = [0, 1] }]);

        Assert.Equal(
            "The model returns [1, 5] for one image; 2 labels need [1, 2] (bright, even). Make the model with as many outputs as labels, for a VisionTransformer by Outputs = train.Labels.Count.",
            Assert.Throws<TrainingException>(() => new Trainer(Options).Fit(model, missing, missing)).Message);
    }

    [Fact]
    public void Empty_and_differing_sets_are_refused()
    {
        using var model = new VisionTransformer(Small);
        var empty = new ImageDataset("empty", ["bright", "even"], []);
        var other = new ImageDataset("other", ["even", "bright"], [.. _validation]);
        string Message(ImageDataset train, ImageDataset validation) => Assert.Throws<TrainingException>(() => new Trainer(Options).Fit(model, train, validation)).Message;

        Assert.Equal("The training set has no images. Check its list and filters.", Message(empty, _validation));
        Assert.Equal("The validation set has no images, so no best epoch can be picked. Check its list and filters.", Message(_train, empty));
        Assert.Equal("Training and validation must have the same labels in the same order; found [bright, even] and [even, bright].", Message(_train, other));
    }

    [Fact]
    public void A_failing_image_is_named()
    {
        using var model = new VisionTransformer(Small);
        var broken = Path.Combine(_folder, "broken.png");
        File.WriteAllText(broken, "<html>");
        var data = new ImageDataset("broken", _train.Labels, [.. _train, new ImageRecord { Path = broken, Labels = [0, 1] }]);

        Assert.Equal(broken, Assert.Throws<ImageException>(() => new Trainer(Options with { DropLast = false }).Fit(model, data, _validation)).File);
    }

    [Fact]
    public void A_loss_that_is_no_number_ends_the_run()
    {
        using var model = new VisionTransformer(Small);
        using (no_grad()) model.named_parameters().First(p => p.name == "head.bias").parameter.fill_(float.NaN);

        Assert.Equal(
            "The loss became NaN in epoch 1, step 1 of 3, at a learning rate of 0. Lower LearningRate or lengthen WarmupEpochs.",
            Assert.Throws<TrainingException>(() => new Trainer(Options).Fit(model, _train, _validation)).Message);
    }

    private static LoraAdapter Inject(VisionTransformer model) => TinyRun.Inject(model);

    private sealed class Recorder(Action<TrainingProgress>? then = null) : IProgress<TrainingProgress>
    {
        public List<TrainingProgress> Reports { get; } = [];

        public void Report(TrainingProgress value)
        {
            Reports.Add(value);
            then?.Invoke(value);
        }
    }
}
