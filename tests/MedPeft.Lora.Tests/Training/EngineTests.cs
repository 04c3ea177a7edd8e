using MedPeft.Lora.Data;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

/// <summary>What a step is made of: accumulation, clipping, averages, scaling, mixing.</summary>
public sealed class EngineTests : TinyRunTest
{
    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.AdamW)]
    public void One_buffer_of_small_parameters_steps_bit_for_bit_as_each_by_itself(OptimizerKind kind)
    {
        using var scope = NewDisposeScope();
        using var draws = new Generator(3, CPU);
        var options = new TrainingOptions { Optimizer = kind, WeightDecay = .05 };
        (string, Parameter)[] Make(Generator generator) => [.. Enumerable.Range(0, 9).Select(i => ($"p{i}", new Parameter(randn(7 + i, 13, generator: generator))))];
        using var same = new Generator(3, CPU);
        var (together, alone) = (Make(draws), Make(same));
        using var one = Optimizer.For([new ParameterGroup(together, .5, .05)], options);
        using var many = Optimizer.For([.. alone.Select(entry => new ParameterGroup([entry], .5, .05))], options);
        Assert.Single(one.Units);
        Assert.Equal(9, many.Units.Count);
        for (var step = 0; step < 5; step++)
        {
            for (var i = 0; i < together.Length; i++)
            {
                if (step == 2 && i == 4) continue; // a parameter that a pass did not reach
                var gradient = randn(together[i].Item2.shape, generator: draws);
                (together[i].Item2.grad, alone[i].Item2.grad) = (gradient.clone(), gradient.clone());
            }

            one.Step(.1);
            many.Step(.1);
            one.ClearGradients();
            many.ClearGradients();
        }

        for (var i = 0; i < together.Length; i++) TensorAssert.Same(alone[i].Item2, together[i].Item2, $"p{i}");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void Gradients_of_micro_batches_add_up_to_that_of_the_batch(int rows)
    {
        using var scope = NewDisposeScope();
        var labels = tensor(new float[] { 1, float.NaN, 0, 1, float.NaN, float.NaN, 1, 0, 0, 1, 1, 1, 0, float.NaN, 1, 0 }, [8, 2]);
        var whole = Gradient(8, labels);
        var pieces = Gradient(rows, labels);

        TensorAssert.Close(whole.Weights, pieces.Weights, 1e-6, "weights after the step");
        Assert.Equal(whole.Loss, pieces.Loss, 6);
        Assert.Equal(whole.Norm, pieces.Norm, 6);
    }

    [Fact]
    public void A_long_gradient_is_shortened_to_the_limit()
    {
        using var scope = NewDisposeScope();
        var labels = tensor(new float[] { 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0 }, [8, 2]);
        var (free, clipped) = (Gradient(8, labels), Gradient(8, labels, clip: .01));
        var shortened = (clipped.Weights - free.Start).norm().item<float>();

        Assert.True(free.Norm > .01);
        Assert.Equal(free.Norm, clipped.Norm, 9); // what is told is the norm before
        Assert.Equal(.01, shortened, 5); // rate 1, no momentum: the step is the gradient
        TensorAssert.Close((free.Weights - free.Start) * (.01 / free.Norm), clipped.Weights - clipped.Start, 1e-4, "direction");
    }

    [Fact]
    public void The_average_follows_its_formula_and_takes_the_models_place_and_back()
    {
        using var linear = nn.Linear(3, 2, hasBias: false);
        using var optimizer = Optimizer.For(ParameterGroup.Of(linear, new TrainingOptions()), new TrainingOptions());
        using var average = new MovingAverage(optimizer.Units, .75);
        using var guard = no_grad();
        var expected = linear.weight.data<float>().ToArray();
        for (var step = 1; step <= 3; step++)
        {
            linear.weight.fill_(step);
            average.Update();
            for (var i = 0; i < expected.Length; i++) expected[i] = .75f * expected[i] + .25f * step;
        }

        average.Swap();
        Assert.All(linear.weight.data<float>().ToArray().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 6));
        average.Swap();
        Assert.All(linear.weight.data<float>().ToArray(), value => Assert.Equal(3, value));
    }

    [Fact]
    public void The_loss_scale_halves_on_overflow_and_doubles_after_two_thousand_steps()
    {
        var scaler = new LossScaler(1024);
        Assert.False(scaler.Judge(double.PositiveInfinity));
        Assert.Equal(512, scaler.Scale);
        for (var step = 0; step < 1999; step++) Assert.True(scaler.Judge(1));
        Assert.Equal(512, scaler.Scale);
        Assert.True(scaler.Judge(1));
        Assert.Equal((1024.0, 0), (scaler.Scale, scaler.Growth));
    }

    [Fact]
    public void A_scaled_loss_gives_the_gradient_of_the_loss()
    {
        using var scope = NewDisposeScope();
        var labels = tensor(new float[] { 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0 }, [8, 2]);
        var (plain, scaled) = (Gradient(8, labels), Gradient(8, labels, scale: 1024));

        Assert.Equal(plain.Norm, scaled.Norm, 6);
        TensorAssert.Close(plain.Weights, scaled.Weights, 1e-6, "weights");
    }

    [Fact]
    public void Mixing_is_linear_and_a_label_missing_in_one_is_missing_in_the_mixture()
    {
        using var scope = NewDisposeScope();
        var mixed = Mixup.Mix(tensor(new float[] { 1, 0, float.NaN, 2, 4, 8 }, [3, 2]), .75).data<float>().ToArray();

        Assert.Equal([.75f + .25f * 4, .25f * 8, float.NaN, 2, .75f * 4 + .25f, .75f * 8], mixed);
        var shares = Enumerable.Range(0, 2000).Select(batch => Mixup.Share(.4, 3, 1, batch)).ToList();
        Assert.All(shares, share => Assert.InRange(share, 0, 1));
        Assert.InRange(shares.Average(), .48, .52);
        Assert.InRange(shares.Average(share => (share - .5) * (share - .5)), .125, .153); // Beta(.4, .4): 1 / (4·(2·.4 + 1)) = .1389
        Assert.Equal(shares[5], Mixup.Share(.4, 3, 1, 5));
    }

    [Fact]
    public void The_B_factors_learn_at_a_rate_of_their_own_and_adapters_may_go_undecayed()
    {
        using var model = new VisionTransformer(TinyRun.Model);
        TinyRun.Inject(model);
        var groups = ParameterGroup.Of(model, new TrainingOptions { LoraPlusRatio = 16, WeightDecay = .05, DecayAdapters = false });
        (double, double) Of(string name) => groups.Where(group => group.Parameters.Any(p => p.Name == name)).Select(group => (group.Scale, group.WeightDecay)).Single();

        Assert.Equal((16.0, 0.0), Of("blocks.1.attn.qkv.lora_B.weight"));
        Assert.Equal((1.0, 0.0), Of("blocks.1.attn.qkv.lora_A.weight"));
        Assert.Equal((1.0, .05), Of("head.weight"));
    }

    [Fact]
    public void When_memory_runs_out_the_micro_batch_is_halved_and_the_batch_kept()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        TinyRun.Inject(model);
        var rows = new List<int>();
        var trainer = new Trainer(TinyRun.Options with { Epochs = 1 })
        {
            BeforePass = images =>
            {
                rows.Add(images);
                if (images > 2) throw new InvalidOperationException("CUDA out of memory. Tried to allocate 2.00 GiB");
            },
        };

        Assert.Single(trainer.Fit(model, _train, _validation).Epochs);
        Assert.Equal([8, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2], rows);
    }

    [Fact]
    public void Memory_that_does_not_suffice_for_one_image_ends_the_run()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        var trainer = new Trainer(TinyRun.Options) { BeforePass = _ => throw new InvalidOperationException("DefaultCPUAllocator: can't allocate memory") };

        Assert.StartsWith("Memory ran out with a single image at a time.", Assert.Throws<TrainingException>(() => trainer.Fit(model, _train, _validation)).Message);
    }

    private (Tensor Start, Tensor Weights, double Loss, double Norm) Gradient(int rows, Tensor labels, double clip = 0, double scale = 0)
    {
        var options = TinyRun.Options with { MicroBatchSize = rows, ClipNorm = clip, Momentum = 0 };
        using var model = new VisionTransformer(TinyRun.Model with { DropPath = 0 }, seed: 1);
        TinyRun.Inject(model, dropout: 0);
        using var optimizer = Optimizer.For(ParameterGroup.Of(model, options), options);
        using var objective = new LabelObjective(options, CPU);
        var step = new GradientStep(model, objective, optimizer, null, options, CPU) { Scaler = scale > 0 ? new LossScaler(scale) : null };
        using var draws = new Generator(9, CPU);
        using var batch = new ImageBatch(randn([8, 3, 16, 16], generator: draws), labels.clone(), [0, 1, 2, 3, 4, 5, 6, 7]);
        model.train();
        var start = Flat(model);
        var (loss, norm) = step.Take(batch, 1, null, 1, 1, () => { });
        return (start, Flat(model), loss, norm);
    }

    private static Tensor Flat(nn.Module model)
    {
        using var guard = no_grad();
        return cat([.. ParameterGroup.Trained(model).Select(entry => entry.Parameter.reshape(-1))], 0);
    }
}
