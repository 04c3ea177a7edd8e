using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests.Injection;

public class InjectorTests
{
    [Fact]
    public void A_module_that_hides_adapters_from_the_tree_is_refused_and_left_as_it_was()
    {
        using var model = Sequential(("hidden", new OwnListing()), ("fc", Linear(4, 4)));
        using var x = randn(2, 4);
        using var before = model.call(x);
        Assert.Equal("'hidden.fc' cannot be adapted: OwnListing lists its children by code of its own and would hide the adapter from state_dict and to. Register the layer by register_module or hold it in a field.",
            Assert.Throws<LoraException>(() => model.InjectLora(new LoraConfig { Rank = 2, Targets = ["fc"] })).Message);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
        Assert.IsType<Linear>(((Sequential)model)[1]);
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
        model.InjectLora(new LoraConfig { Rank = 2, Targets = ["fc"], Exclude = ["hidden"] }).Remove();
    }

    [Fact]
    public void The_same_seed_gives_the_same_adapters_and_another_one_others()
    {
        static List<Tensor> Start(ulong seed)
        {
            var model = new Holders.ModuleField();
            return [.. model.InjectLora(Holders.ConfigFor(model) with { Seed = seed }).TrainableParameters().Select(entry => entry.Parameter)];
        }

        Assert.All(Start(1).Zip(Start(1)), pair => Assert.True(Bits.Equal(pair.First, pair.Second)));
        Assert.False(Bits.Equal(Start(1)[0], Start(2)[0]));
        Assert.False(Bits.Equal(Start(1)[0], Start(1)[2])); // and each layer has its own
    }

    [Fact]
    public void Several_threads_may_make_the_first_pass()
    {
        using var model = new Holders.Nested();
        using var x = randn(2, 4);
        using var expected = model.call(x);
        model.InjectLora(Holders.ConfigFor(model));
        Parallel.For(0, 16, _ =>
        {
            using var none = no_grad();
            using var y = model.call(x);
            Assert.True(Bits.Equal(expected, y));
        });
    }

    private sealed class OwnListing : Module<Tensor, Tensor>
    {
        private readonly Func<Linear> layer;

        public OwnListing() : base("Net")
        {
            var fc = Linear(4, 4);
            layer = () => fc;
        }

        public override IEnumerable<(string name, Module module)> named_children() => [("fc", layer())];
        public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true) => layer().named_parameters(recurse).Select(entry => ($"fc.{entry.name}", entry.parameter));
        public override Tensor forward(Tensor x) => layer().call(x);
    }
}
