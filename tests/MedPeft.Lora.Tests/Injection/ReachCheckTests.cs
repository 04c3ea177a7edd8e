using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests.Injection;

/// <summary>No adapter trains nothing in silence.</summary>
public class ReachCheckTests
{
    private const string Sealed = "The adapter of 'fc' was not reached in a pass through the model, so it would train nothing. "
        + "'SealedForward.fc' is declared as Linear, which cannot hold an adapter, and is run by forward, which skips hooks. "
        + "Declare it Module<Tensor, Tensor>, or run it by call, or leave it out of Targets.";

    private static readonly LoraConfig Config = new() { Rank = 2, Targets = ["fc"] };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_bypassed_adapter_is_an_error_in_every_pass_from_the_first_on(bool training)
    {
        using var model = new SealedForward();
        model.train(training);
        using var x = randn(2, 4);
        model.InjectLora(Config);
        for (var pass = 0; pass < 2; pass++) Assert.Equal(Sealed, Assert.Throws<LoraException>(() => model.call(x)).Message);
        Assert.Equal(training, model.training);
    }

    [Fact]
    public void A_bypassed_adapter_is_found_when_only_its_owner_is_called()
    {
        using var model = new Holders.Holder(new SealedForward());
        using var x = randn(2, 4);
        model.InjectLora(Config);
        Assert.Contains("'inner.fc' was not reached", Assert.Throws<LoraException>(() => model.forward(x)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_no_hook_runs_verifying_finds_it()
    {
        using var model = new Holders.Holder(new SealedForward(), byForward: true);
        using var x = randn(2, 4);
        var lora = model.InjectLora(Config);
        model.forward(x).Dispose(); // nothing can notice this one
        Assert.Contains("'inner.fc' was not reached", Assert.Throws<LoraException>(() => lora.Verify(x)).Message, StringComparison.Ordinal);
        Assert.Contains("'inner.fc' was not reached", Assert.Throws<LoraException>(() => lora.Verify(() => model.forward(x).Dispose())).Message, StringComparison.Ordinal);
        Assert.True(model.training);
    }

    [Fact]
    public void Where_no_hook_runs_saving_after_training_finds_it()
    {
        using var model = Sequential(("body", new Holders.Holder(new SealedForward(), byForward: true)), ("head", Linear(4, 2)));
        using var x = randn(2, 4);
        var lora = model.InjectLora(Config with { Trainable = ["head"] });
        model.forward(x).sum().backward();
        Assert.Contains("'body.inner.fc' was not reached", Assert.Throws<LoraException>(() => lora.Save("unwritten.safetensors")).Message, StringComparison.Ordinal);
        Assert.False(File.Exists("unwritten.safetensors"));
    }

    [Fact]
    public void A_layer_that_the_model_never_runs_is_an_error()
    {
        using var model = new Unused();
        using var x = randn(2, 4);
        model.InjectLora(Config);
        Assert.Equal("The adapter of 'fc' was not reached in a pass through the model, so it would train nothing. "
            + "The model ran it by forward through a reference of its own, or not at all. Run it by call, or leave it out of Targets.",
            Assert.Throws<LoraException>(() => model.call(x)).Message);
    }

    [Fact]
    public void A_layer_skipped_in_training_only_is_no_error()
    {
        using var model = new StochasticDepth();
        using var x = randn(2, 4);
        var lora = model.InjectLora(Config);
        model.call(x).Dispose();
        Assert.True(lora.Layer("fc").Reached && model.training);
    }

    [Fact]
    public void A_root_that_takes_several_tensors_is_checked_too()
    {
        using var model = new TwoInputs(byForward: true);
        using var x = randn(2, 4);
        var lora = model.InjectLora(Config);
        Assert.Contains("'fc' was not reached", Assert.Throws<LoraException>(() => model.call(x, x)).Message, StringComparison.Ordinal);
        Assert.Equal("TwoInputs is no Module<Tensor, Tensor>; run it yourself: Verify(() => model.call(...)).", Assert.Throws<LoraException>(() => lora.Verify(x)).Message);

        using var good = new TwoInputs(byForward: false);
        var other = good.InjectLora(Config);
        good.call(x, x).Dispose();
        other.Verify(() => good.call(x, x).Dispose());
    }

    [Fact]
    public void The_check_costs_nothing_once_it_has_passed()
    {
        using var model = new Holders.ModuleField();
        using var x = randn(2, 4);
        model.InjectLora(Holders.ConfigFor(model));
        model.call(x).Dispose();
        Assert.Empty(Hooks(model));
    }

    private static IEnumerable<object> Hooks(Module<Tensor, Tensor> model)
    {
        var field = typeof(Module<Tensor, Tensor>).BaseType!.GetField("post_hooks", System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic)!;
        return ((System.Collections.IDictionary)field.GetValue(model)!).Values.Cast<object>();
    }

    private sealed class SealedForward : Module<Tensor, Tensor>
    {
        private readonly Linear fc = Linear(4, 4);
        public SealedForward() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => fc.forward(x);
    }

    private sealed class Unused : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> fc = Linear(4, 4), used = Linear(4, 4);
        public Unused() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => used.call(x);
        public Module<Tensor, Tensor> Spare => fc;
    }

    private sealed class StochasticDepth : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> fc = Linear(4, 4);
        public StochasticDepth() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => training ? x.alias() : fc.call(x);
    }

    private sealed class TwoInputs : Module<Tensor, Tensor, Tensor>
    {
        private readonly Linear fc = Linear(4, 4);
        private readonly bool byForward;

        public TwoInputs(bool byForward) : base("Net")
        {
            this.byForward = byForward;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x, Tensor y) => (byForward ? fc.forward(x) : fc.call(x)) + y;
    }
}
