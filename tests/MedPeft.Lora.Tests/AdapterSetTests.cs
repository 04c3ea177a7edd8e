using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests;

public sealed class AdapterSetTests
{
    internal static readonly LoraConfig Config = new() { Rank = 2, Alpha = 8, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] };

    [Fact]
    public void A_second_adapter_comes_beside_the_first_under_its_own_name()
    {
        using var model = SelectionTests.Transformer();
        var keys = model.state_dict().Keys.ToList();
        model.InjectLora(Config);
        var two = model.InjectLora(Config with { Rank = 3, Targets = ["qkv", "fc1"], Blocks = null }, "nih");
        Assert.Equal(["default", "nih"], model.Adapters().Names);
        Assert.Equal("default, nih (in use)", model.Adapters().ToString());
        Assert.Equal(keys, model.state_dict().Keys.Where(key => !key.Contains("lora_", StringComparison.Ordinal)));
        Assert.Equal(
            ["blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.bias", "blocks.0.attn.qkv.lora_A.weight", "blocks.0.attn.qkv.lora_B.weight", "blocks.0.attn.qkv.lora_A.nih.weight", "blocks.0.attn.qkv.lora_B.nih.weight"],
            model.state_dict().Keys.Where(key => key.StartsWith("blocks.0.attn.qkv", StringComparison.Ordinal)));
        Assert.Equal(12, two.TrainableParameters().Count);
        Assert.All(two.TrainableParameters(), entry => Assert.True(entry.Name.Contains(".nih.", StringComparison.Ordinal) || entry.Name.StartsWith("head", StringComparison.Ordinal) || entry.Name.StartsWith("fc_norm", StringComparison.Ordinal)));
        Assert.Equal("Adapter 'default' is not in use and receives no gradients. Call Adapters().Use(\"default\") first.",
            Assert.Throws<LoraException>(model.Adapters()["default"].TrainableParameters).Message);
    }

    [Fact]
    public void Each_adapter_has_its_update_and_its_head_and_training_leaves_the_others_alone()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        using var plain = model.call(x);
        var set = model.Adapters();
        var one = model.InjectLora(Config, "one");
        Randomize(one, 1);
        using var first = model.call(x);
        var two = model.InjectLora(Config with { Dora = true }, "two");
        using (var fresh = model.call(x)) Assert.True(Bits.Equal(plain, fresh)); // its head is the plain model's, not that of one
        Randomize(two, 2);
        using var second = model.call(x);
        var bits = Snapshot(one);
        Train(model, two, x);
        using var trained = model.call(x);
        Assert.False(Bits.Equal(second, trained));

        set.Use("one");
        Assert.Equal(bits, Snapshot(one));
        using (var again = model.call(x)) Assert.True(Bits.Equal(first, again));
        set.Use("two");
        using (var again = model.call(x)) Assert.True(Bits.Equal(trained, again));
        set.Use();
        using (var again = model.call(x)) Assert.True(Bits.Equal(plain, again));
        Assert.All(model.parameters(), parameter => Assert.False(parameter.requires_grad));
    }

    [Fact]
    public void An_optimizer_goes_on_when_its_adapter_is_back()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var one = model.InjectLora(Config, "one");
        var two = model.InjectLora(Config, "two");
        model.Adapters().Use("one");
        using var adam = optim.Adam(one.TrainableParameters().Select(entry => entry.Parameter).ToList(), .01);
        Step(model, adam, x);
        model.Adapters().Use("two");
        Train(model, two, x);
        var before = Snapshot(two);
        model.Adapters().Use("one");
        Step(model, adam, x);
        model.Adapters().Use("two");
        Assert.Equal(before, Snapshot(two));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Several_in_use_add_up_relative_to_the_plain_model(bool dora)
    {
        using var linear = Linear(6, 9);
        using var model = Sequential(("qkv", linear), ("act", Identity()));
        using var x = randn(4, 6);
        using var plain = model.call(x);
        using var w = linear.weight.detach().clone();
        var one = model.InjectLora(new LoraConfig { Rank = 2, Dora = dora, Blocks = [LoraBlock.Key] }, "one");
        var two = model.InjectLora(new LoraConfig { Rank = 3, Alpha = 6 }, "two");
        var three = model.InjectLora(new LoraConfig { Rank = 1, Dora = dora }, "three");
        foreach (var (lora, i) in new[] { one, two, three }.Select((lora, i) => (lora, i))) Randomize(lora, i, ofValuesInUse: false);
        model.Adapters().Use("one", "two", "three");
        using var sum = one.Delta("qkv") + two.Delta("qkv") + three.Delta("qkv");
        using var expected = plain + functional.linear(x, sum);
        using var y = model.call(x);
        Assert.True(allclose(expected, y, rtol: 1e-4, atol: 1e-5));

        one.Merge();
        two.Merge();
        three.Merge();
        Assert.True(allclose(w + sum, linear.weight, rtol: 1e-5, atol: 1e-6));
        using var merged = model.call(x);
        Assert.True(allclose(expected, merged, rtol: 1e-4, atol: 1e-5));
        two.Unmerge();
        using (var alone = one.Delta("qkv") + three.Delta("qkv")) Assert.True(allclose(w + alone, linear.weight, rtol: 1e-5, atol: 1e-6));
        one.Unmerge();
        three.Unmerge();
        Assert.True(Bits.Equal(w, linear.weight));
    }

    [Fact]
    public void Gradients_of_several_in_use_equal_finite_differences()
    {
        using var model = Sequential(("qkv", Linear(5, 6, dtype: ScalarType.Float64)), ("act", Identity()));
        using var x = randn([3, 5], ScalarType.Float64);
        foreach (var (config, name) in new[] { (new LoraConfig { Rank = 2, Dora = true }, "a"), (new LoraConfig { Rank = 1, Alpha = 3 }, "b"), (new LoraConfig { Rank = 2, Dora = true, Blocks = [LoraBlock.Value] }, "c") })
            Randomize(model.InjectLora(config, name), name[0]);
        model.Adapters().Use("a", "b", "c");
        double Loss() => model.call(x).square().sum().item<double>();
        model.call(x).square().sum().backward();
        foreach (var (name, parameter) in model.Adapters()["b"].TrainableParameters().Where(entry => !entry.Name.Contains("lora_A.a", StringComparison.Ordinal) && entry.Name.Contains(".b.", StringComparison.Ordinal)))
        {
            using var gradient = parameter.grad!;
            for (var i = 0L; i < parameter.numel(); i++)
            {
                using var none = no_grad();
                using var flat = parameter.view(-1);
                var value = flat[i].item<double>();
                flat[i] = value + 1e-6;
                var above = Loss();
                flat[i] = value - 1e-6;
                var below = Loss();
                flat[i] = value;
                Assert.Equal((above - below) / 2e-6, gradient.view(-1)[i].item<double>(), 1e-4);
            }
        }
    }

    public static TheoryData<string> Orders => ["abc", "acb", "bac", "bca", "cab", "cba"];

    [Theory]
    [MemberData(nameof(Orders))]
    public void They_leave_in_any_order_and_the_last_restores_every_bit(string order)
    {
        foreach (var make in new Func<Module<Tensor, Tensor>>[] { () => new Holders.ModuleField(), () => new Holders.SealedField(), () => new Holders.Tied(), () => new Holders.Nested() })
        {
            using var model = make();
            using var x = randn(2, 4);
            using var before = model.call(x);
            var modules = model.named_modules().Select(entry => entry.module).ToList();
            var config = Holders.ConfigFor(model);
            foreach (var letter in "abc") Randomize(model.InjectLora(config with { Rank = letter == 'b' ? 1 : 2 }, letter.ToString()), letter);
            var outputs = "abc".ToDictionary(letter => letter, letter =>
            {
                model.Adapters().Use(letter.ToString());
                return model.call(x);
            });
            for (var i = 0; i < order.Length; i++)
            {
                model.Adapters().Delete(order[i].ToString());
                foreach (var left in order[(i + 1)..])
                {
                    model.Adapters().Use(left.ToString());
                    using var y = model.call(x);
                    Assert.True(Bits.Equal(outputs[left], y));
                }
            }
            using var after = model.call(x);
            Assert.True(Bits.Equal(before, after));
            Assert.True(modules.SequenceEqual(model.named_modules().Select(entry => entry.module), ReferenceEqualityComparer.Instance));
            Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
            Assert.Equal("no adapters", model.Adapters().ToString());
        }
    }

    [Fact]
    public void They_follow_the_model_to_another_type_and_die_with_it()
    {
        var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var one = model.InjectLora(Config, "one");
        Randomize(one, 1);
        using var y = model.call(x);
        var two = model.InjectLora(Config, "two");
        model.to(ScalarType.Float64);
        Assert.All(model.named_parameters(), entry => Assert.Equal(ScalarType.Float64, entry.parameter.dtype));
        model.Adapters().Use("one");
        using var z = model.call(x.to(ScalarType.Float64));
        Assert.True(allclose(y, z.to(ScalarType.Float32), rtol: 1e-4, atol: 1e-5));
        var layer = two.Layer("blocks.0.attn.qkv");
        model.Dispose();
        Assert.Empty(layer.named_parameters());
    }

    [Fact]
    public void One_that_is_not_in_use_is_saved_and_loaded_with_its_own_head()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var one = model.InjectLora(Config, "one");
        Randomize(one, 1);
        using var first = model.call(x);
        var folder = Directory.CreateTempSubdirectory("medpeft").FullName;
        try
        {
            var two = model.InjectLora(Config, "two");
            Randomize(two, 2);
            using var second = model.call(x);
            one.Save(folder);
            two.Load(folder); // hot swap
            using (var swapped = model.call(x)) Assert.True(Bits.Equal(first, swapped));
            model.LoadLora(folder, name: "three");
            using (var loaded = model.call(x)) Assert.True(Bits.Equal(first, loaded));
            Assert.Equal(["one", "two", "three"], model.Adapters().Names);
            Randomize(two, 2, ofValuesInUse: false);
            one.Load(folder); // not in use: the model does not change
            using (var loaded = model.call(x)) Assert.True(Bits.Equal(first, loaded));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void What_cannot_be_is_refused_and_changes_nothing()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var set = model.Adapters();
        Assert.Equal("There is no adapter 'nih'. Adapters here: none.", Assert.Throws<LoraException>(() => set.Use("nih")).Message);
        var one = model.InjectLora(Config, "one");
        var two = model.InjectLora(Config, "two");
        Assert.Equal("There is no adapter 'nih'. Adapters here: one, two.", Assert.Throws<LoraException>(() => set.Delete("nih")).Message);
        Assert.Equal("'two' is named twice; an adapter is in use or not.", Assert.Throws<LoraException>(() => set.Use("two", "two")).Message);
        Assert.Equal("'blocks.0.attn.qkv' is adapted already. Remove its adapter first, leave the layer out, or give the new adapter a name of its own.", Assert.Throws<LoraException>(() => model.InjectLora(Config, "one")).Message);
        Assert.Equal("'a.b' cannot name an adapter: the name is part of the names in the state dict and of a folder. Use letters, digits, '_' and '-'. (Parameter 'name')", Assert.Throws<ArgumentException>(() => model.InjectLora(Config, "a.b")).Message);
        Assert.Equal("'head' is adapted and cannot be trained in full as well. Take it out of Targets or out of Trainable.",
            Assert.Throws<LoraException>(() => model.InjectLora(Config with { Targets = ["head"], Blocks = null, Trainable = ["head"] }, "three")).Message);
        two.Merge();
        Assert.Equal("Adapter 'two' is merged; call Unmerge() before using others.", Assert.Throws<LoraException>(() => set.Use("one")).Message);
        Assert.Equal("Adapter 'two' is merged; call Unmerge() before adding another adapter.", Assert.Throws<LoraException>(() => model.InjectLora(Config, "three")).Message);
        two.Unmerge();
        Assert.Equal("'blocks.0.attn.qkv' is adapted by 'one' as well, which stands on the weight without this update. Delete that adapter first, or combine the two into one.", Assert.Throws<LoraException>(two.MergeAndRemove).Message);
        Assert.False(two.Merged);
        Assert.Equal(["two"], set.InUse);
        one.Remove();
        two.MergeAndRemove();
    }

    internal static void Randomize(LoraAdapter lora, int seed, bool ofValuesInUse = true)
    {
        using var none = no_grad();
        using var generator = new Generator((ulong)seed + 100);
        foreach (var info in lora.Layers)
            foreach (var (name, parameter) in lora.Layer(info.Path).Adapter)
            {
                using var noise = empty(parameter.shape).normal_(0, .3, generator);
                parameter.add_(noise.to(parameter.dtype));
            }
        if (!ofValuesInUse) return;
        foreach (var (name, parameter) in lora.TrainableParameters().Where(entry => !entry.Name.Contains("lora_", StringComparison.Ordinal)))
        {
            using var noise = empty(parameter.shape).normal_(0, .3, generator);
            parameter.add_(noise.to(parameter.dtype));
        }
    }

    private static List<byte[]> Snapshot(LoraAdapter lora) =>
        [.. lora.Layers.SelectMany(info => lora.Layer(info.Path).Adapter).Select(entry => entry.Value.detach().clone().bytes.ToArray())];

    private static void Train(Module<Tensor, Tensor> model, LoraAdapter lora, Tensor x)
    {
        using var sgd = optim.SGD(lora.TrainableParameters().Select(entry => entry.Parameter).ToList(), .1);
        for (var i = 0; i < 3; i++) Step(model, sgd, x);
    }

    private static void Step(Module<Tensor, Tensor> model, optim.Optimizer optimizer, Tensor x)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        model.call(x).square().mean().backward();
        optimizer.step();
    }
}
