using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Vision;

public class CheckpointedBlockTests
{
    private static readonly ViTConfig Small = new() { ImageSize = 16, PatchSize = 8, EmbedDim = 24, Depth = 3, Heads = 3, Outputs = 2, DropPath = .3 };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gradients_with_dropout_and_stochastic_depth_are_the_same_bits(bool adapters)
    {
        using var scope = NewDisposeScope();
        var (expected, actual) = (Gradients(adapters, checkpoint: false), Gradients(adapters, checkpoint: true));

        Assert.Equal(expected.Keys, actual.Keys);
        Assert.Contains(expected.Keys, name => name.StartsWith("blocks.0.", StringComparison.Ordinal));
        foreach (var (name, gradient) in expected) TensorAssert.Same(gradient, actual[name], name);
    }

    [Fact]
    public void Nothing_is_left_behind()
    {
        using var model = new VisionTransformer(Small, seed: 1) { CheckpointActivations = true };
        using var images = ones(4, 3, 16, 16);
        model.train();
        void Pass()
        {
            using var scope = NewDisposeScope();
            model.call(images).sum().backward();
            model.zero_grad(true);
        }

        Pass();
        Collect();
        var before = Tensor.TotalCount;
        for (var i = 0; i < 12; i++) Pass();
        Collect();

        Assert.InRange(Tensor.TotalCount - before, -1000, 5);
    }

    [Fact]
    public void An_error_in_the_second_pass_reaches_the_caller_and_not_the_process()
    {
        using var model = new VisionTransformer(Small with { DropPath = 0 }, seed: 1) { CheckpointActivations = true };
        var passes = 0;
        var hook = ((nn.Module<Tensor, Tensor>)model.named_modules().First(m => m.name == "blocks.2").module)
            .register_forward_hook((_, _, output) => ++passes == 2 ? throw new InvalidOperationException("no memory") : output);
        using var images = ones(2, 3, 16, 16);
        model.train();
        using var scope = NewDisposeScope();
        model.call(images).sum().backward();

        Assert.Equal("no memory", Assert.Throws<InvalidOperationException>(() => model.call(images)).Message);
        hook.remove();
        model.call(images).sum().backward();
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    private static Dictionary<string, Tensor> Gradients(bool adapters, bool checkpoint)
    {
        var model = new VisionTransformer(Small, seed: 1) { CheckpointActivations = checkpoint };
        if (adapters)
        {
            model.InjectLora(new LoraConfig { Rank = 2, Dropout = .2, Targets = ["qkv"], Trainable = ["head"] });
            // B starts at zero, which would leave A without a gradient.
            using (no_grad())
                foreach (var (name, parameter) in model.named_parameters().Where(p => p.name.Contains("lora_B"))) parameter.fill_(.1);
        }

        using var callers = random.get_rng_state();
        random.manual_seed(5);
        model.train();
        using var draws = new Generator(3, CPU);
        model.call(randn([6, 3, 16, 16], generator: draws)).pow(2).sum().backward();
        random.set_rng_state(callers);
        return model.named_parameters().Where(p => p.parameter.grad is not null).ToDictionary(p => p.name, p => p.parameter.grad!);
    }
}
