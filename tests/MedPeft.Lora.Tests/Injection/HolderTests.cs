using MedPeft.Lora.Injection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection;

public class HolderTests
{
    // Drawn afresh, a small net with a ReLU is now and then dead on all five samples, and then no gradient flows.
    public HolderTests() => random.manual_seed(7).Dispose();

    public static TheoryData<string> Names => [.. Holders.All.Keys];

    [Theory, MemberData(nameof(Names))]
    public void A_fresh_adapter_changes_no_bit_of_the_output(string holder)
    {
        using var model = Holders.All[holder]();
        using var x = randn(5, 4);
        using var before = model.call(x);

        model.InjectLora(Holders.ConfigFor(model));

        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
    }

    [Theory, MemberData(nameof(Names))]
    public void Every_adapter_is_reached_and_acts_exactly_once_a_call(string holder)
    {
        using var model = Holders.All[holder]();
        using var x = randn(5, 4);
        var lora = model.InjectLora(Holders.ConfigFor(model));
        Randomise(lora);

        using var adapted = model.call(x);
        Assert.All(lora.Layers, layer => Assert.True(lora.Layer(layer.Path).Reached));

        lora.MergeAndRemove(); // the plain model with W + sBA
        using var expected = model.call(x);
        Assert.True(allclose(adapted, expected, rtol: 1e-4, atol: 1e-5));
    }

    [Theory, MemberData(nameof(Names))]
    public void Gradients_reach_the_adapters_only(string holder)
    {
        using var model = Holders.All[holder]();
        using var x = randn(5, 4);
        var lora = model.InjectLora(Holders.ConfigFor(model));
        Randomise(lora);

        using var y = model.call(x);
        using var loss = y.square().sum();
        loss.backward();

        var adapters = lora.Layers.SelectMany(layer => lora.Layer(layer.Path).Adapter).Select(entry => entry.Value).ToList();
        Assert.Equal(lora.Layers.Count * 2, adapters.Count);
        Assert.All(adapters, parameter => Assert.True(parameter.grad!.abs().sum().item<float>() > 0));
        Assert.Equal(adapters.Count, model.parameters().Count(parameter => parameter.grad is not null));
        Assert.Equal(adapters, lora.TrainableParameters().Select(entry => entry.Parameter));
    }

    [Theory, MemberData(nameof(Names))]
    public void Converting_the_model_converts_its_adapters(string holder)
    {
        using var model = Holders.All[holder]();
        using var x = randn(5, 4).bfloat16();
        var lora = model.InjectLora(Holders.ConfigFor(model));
        Randomise(lora);

        if (model.named_modules().Any(entry => entry.module is ModuleDict<nn.Module<Tensor, Tensor>> or ModuleDict<Linear>))
        {
            // TorchSharp 0.107's ModuleDict has two indexers and cannot be converted itself, adapted or not: its children can.
            Assert.Throws<ArgumentException>(() => Holders.All[holder]().to(ScalarType.BFloat16));
            foreach (var leaf in model.named_modules().Select(entry => entry.module).Where(module => !module.named_children().Any())) leaf.to(ScalarType.BFloat16);
        }
        else model.to(ScalarType.BFloat16);

        Assert.All(model.parameters(), parameter => Assert.Equal(ScalarType.BFloat16, parameter.dtype));
        Assert.Equal(lora.Layers.Count * 2, lora.TrainableParameters().Count);
        using var y = model.call(x);
        using var loss = y.square().sum();
        loss.backward();
        Assert.All(lora.TrainableParameters(), entry => Assert.NotNull(entry.Parameter.grad));
    }

    [Theory, MemberData(nameof(Names))]
    public void The_state_dict_keeps_its_names_and_order_and_lists_the_factors_after_their_layer(string holder)
    {
        using var model = Holders.All[holder]();
        var before = model.state_dict().Keys.ToList();
        var paths = model.named_modules().Where(entry => entry.module is Linear).Select(entry => entry.name).ToList();

        var lora = model.InjectLora(Holders.ConfigFor(model));

        var expected = before.SelectMany(key => paths.FirstOrDefault(path => key == before.Last(other => other.StartsWith(path + ".", StringComparison.Ordinal))) is { } path
            ? new[] { key, $"{path}.lora_A.weight", $"{path}.lora_B.weight" }
            : [key]).ToList();
        if (holder.StartsWith("one layer in", StringComparison.Ordinal)) // TorchSharp lists a module under its second name after all parameters
            Assert.Equal(expected.Order(), model.state_dict().Keys.Order());
        else
            Assert.Equal(expected, model.state_dict().Keys);
        Assert.Equal(lora.TrainableParameters().Select(entry => entry.Name), model.named_parameters().Where(entry => entry.parameter.requires_grad).Select(entry => entry.name));
        Assert.All(model.named_parameters(), entry => Assert.Same(entry.parameter, model.get_parameter(entry.name)));
    }

    [Theory, MemberData(nameof(Names))]
    public void Removal_restores_each_object_in_its_slot_and_each_bit_of_the_output(string holder)
    {
        using var model = Holders.All[holder]();
        using var x = randn(5, 4);
        using var before = model.call(x);
        var (slots, keys, trained) = (Slots(model), model.state_dict().Keys.ToList(), model.parameters().Select(parameter => parameter.requires_grad).ToList());

        var lora = model.InjectLora(Holders.ConfigFor(model));
        Randomise(lora);
        using (var adapted = model.call(x)) Assert.False(Bits.Equal(before, adapted));
        lora.Remove();

        Assert.Equal(slots, Slots(model));
        Assert.Equal(keys, model.state_dict().Keys);
        Assert.Equal(trained, model.parameters().Select(parameter => parameter.requires_grad));
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
    }

    [Theory, MemberData(nameof(Names))]
    public void The_mode_of_the_model_reaches_the_adapters(string holder)
    {
        using var model = Holders.All[holder]();
        var lora = model.InjectLora(Holders.ConfigFor(model));

        model.eval();
        Assert.All(lora.Layers, layer => Assert.False(lora.Layer(layer.Path).training));
        model.train();
        Assert.All(lora.Layers, layer => Assert.True(lora.Layer(layer.Path).training && lora.Layer(layer.Path).Base.training));
    }

    [Theory, MemberData(nameof(Names))]
    public void Disposing_the_model_disposes_layers_and_adapters(string holder)
    {
        var model = Holders.All[holder]();
        var lora = model.InjectLora(Holders.ConfigFor(model));
        var parameters = model.parameters().ToList();

        model.Dispose();

        Assert.All(parameters, parameter => Assert.True(parameter.IsInvalid));
        Assert.NotNull(lora);
    }

    [Fact]
    public void A_slot_that_can_hold_the_adapter_holds_it()
    {
        using var model = new Holders.ModuleField();
        model.InjectLora(Holders.ConfigFor(model));
        Assert.All(SlotFinder.Find(model, module => module is LoraLinear), slot => Assert.IsType<LoraLinear>(slot.Value));
        Assert.Equal(4, SlotFinder.Find(model, module => module is LoraLinear).Count()); // two names in the registry, two fields
    }

    [Fact]
    public void A_property_is_matched_by_its_own_name()
    {
        using var model = new Holders.Property();
        var lora = model.InjectLora(new LoraConfig { Rank = 1, Targets = ["First"] });
        Assert.Equal("<First>k__BackingField", Assert.Single(lora.Layers).Path);
        Assert.IsType<LoraLinear>(model.First);
    }

    private static void Randomise(LoraAdapter lora)
    {
        using var none = no_grad();
        foreach (var layer in lora.Layers) lora.Layer<LoraLayer>(layer.Path).B.normal_(0, .5);
    }

    private static List<(string, object?)> Slots(nn.Module model) => [.. ModuleTree.Read(model).Select(node => node.Module).Prepend(model)
        .SelectMany(owner => SlotFinder.Find(owner, module => module is Linear or LoraLinear)).Select(slot => (slot.Name, slot.Value))];
}
