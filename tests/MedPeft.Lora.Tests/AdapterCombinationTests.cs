using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests;

public sealed class AdapterCombinationTests
{
    public static TheoryData<LoraConfig> Configs =>
    [
        new() { Rank = 2, Alpha = 6, Trainable = ["head"] },
        new() { Rank = 2, Alpha = 5, RankStabilized = true, Blocks = [LoraBlock.Query, LoraBlock.Value] },
        new() { Rank = 2, Alpha = 6, Initialization = LoraInitialization.Pissa },
        new() { Rank = 2, Dora = true },
    ];

    [Theory]
    [MemberData(nameof(Configs))]
    public void One_adapter_of_weight_1_is_itself(LoraConfig config)
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        AdapterSetTests.Randomize(model.InjectLora(config, "one"), 1);
        using var expected = model.call(x);
        if (!config.Dora)
        {
            var same = model.Adapters().Combine("cat", new Dictionary<string, double> { ["one"] = 1 });
            using var y = model.call(x);
            Assert.True(config.Initialization == LoraInitialization.Pissa ? allclose(expected, y, rtol: 1e-4, atol: 1e-5) : Bits.Equal(expected, y));
            Assert.Equal(["cat"], model.Adapters().InUse);
        }
        foreach (var method in new[] { CombinationMethod.Svd, CombinationMethod.Ties, CombinationMethod.Dare, CombinationMethod.DareTies, CombinationMethod.MagnitudePruning })
        {
            var full = new CombinationOptions { Method = method, Density = 1, Rank = config.Dora || config.Initialization == LoraInitialization.Pissa ? 8 : null };
            var report = model.Adapters().Combine(method.ToString(), new Dictionary<string, double> { ["one"] = 1 }, full);
            using var y = model.call(x);
            Assert.True(allclose(expected, y, rtol: 1e-4, atol: 1e-5));
            Assert.All(report.Layers, layer => Assert.Equal(1, layer.EnergyKept, 1e-9));
        }
    }

    [Theory]
    [InlineData(CombinationMethod.Concatenation)]
    [InlineData(CombinationMethod.Svd)]
    [InlineData(CombinationMethod.Linear)]
    [InlineData(CombinationMethod.Ties)]
    [InlineData(CombinationMethod.MagnitudePruning)]
    [InlineData(CombinationMethod.Dare)]
    public void The_change_is_that_of_dense_matrices(CombinationMethod method)
    {
        using var model = Sequential(("qkv", Linear(7, 9)), ("conv", Conv2d(4, 6, 3, groups: 2)), ("table", Embedding(5, 4)));
        var one = model.InjectLora(new LoraConfig { Rank = 2, Alpha = 6, Targets = ["qkv", "conv", "table"] }, "one");
        AdapterSetTests.Randomize(one, 1);
        var two = model.InjectLora(new LoraConfig { Rank = 1, Alpha = 3, RankStabilized = true, Blocks = [LoraBlock.Key] }, "two");
        AdapterSetTests.Randomize(two, 2);
        var weights = new Dictionary<string, double> { ["one"] = .7, ["two"] = -1.5 };
        var rank = method is CombinationMethod.Concatenation or CombinationMethod.Svd or CombinationMethod.Linear ? (int?)null : 7;
        var report = model.Adapters().Combine("both", weights, new CombinationOptions { Method = method, Rank = rank, Density = .5, Seed = 5 });
        using var a = one.Delta("qkv").to(ScalarType.Float64);
        using var b = two.Delta("qkv").to(ScalarType.Float64);
        using var actual = report.Adapter.Delta("qkv").to(ScalarType.Float64);
        using var sum = a * .7 - b * 1.5;
        switch (method)
        {
            case CombinationMethod.Concatenation or CombinationMethod.Svd:
                Assert.True(allclose(sum, actual, rtol: 1e-5, atol: 1e-6));
                break;
            case CombinationMethod.Linear:
                var (u, s, vh) = linalg.svd(sum, fullMatrices: false);
                Assert.True(allclose((u.narrow(1, 0, 2) * s.narrow(0, 0, 2)).mm(vh.narrow(0, 0, 2)), actual, rtol: 1e-5, atol: 1e-6));
                Assert.Equal((s.narrow(0, 0, 2).square().sum() / s.square().sum()).item<double>(), report.Layers[0].EnergyKept, 1e-6); // Delta rounds to float32
                break;
            case CombinationMethod.Dare:
                Assert.Equal(1, report.Layers[0].EnergyKept, 1e-9);
                var kept = actual.abs().ge(1e-6).to(ScalarType.Float64).mean().item<double>();
                Assert.InRange(kept, .3, .8);
                break;
            default:
                var (p, q) = (Entries(a), Entries(b));
                double Cut(double[] values) => values.Select(Math.Abs).OrderDescending().ElementAt((int)Math.Ceiling(.5 * values.Length) - 1);
                var (cutA, cutB) = (Cut(p), Cut(q));
                var expected = p.Zip(q, (left, right) =>
                {
                    double[] parts = [Math.Abs(left) >= cutA ? .7 * left : 0, Math.Abs(right) >= cutB ? -1.5 * right : 0];
                    if (method == CombinationMethod.MagnitudePruning) return parts.Sum();
                    var agree = parts.Where(part => part != 0 && Math.Sign(part) == Math.Sign(parts.Sum())).ToList();
                    return agree.Count == 0 ? 0 : agree.Average();
                });
                Assert.All(expected.Zip(Entries(actual)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
                break;
        }
        if (rank is not null) return;
        foreach (var path in new[] { "conv", "table" })
        {
            using var only = one.Delta(path) * .7;
            Assert.True(allclose(only, report.Adapter.Delta(path), rtol: 1e-5, atol: 1e-6));
        }
    }

    [Fact]
    public void Heads_are_combined_as_changes_of_the_plain_head()
    {
        using var model = SelectionTests.Transformer();
        using var plain = model.get_parameter("head.weight")!.detach().clone();
        var config = AdapterSetTests.Config;
        var heads = new List<Tensor>();
        foreach (var name in new[] { "one", "two" })
        {
            AdapterSetTests.Randomize(model.InjectLora(config, name), name[0]);
            heads.Add(model.get_parameter("head.weight")!.detach().clone());
        }
        model.Adapters().Combine("both", new Dictionary<string, double> { ["one"] = .5, ["two"] = .5 });
        Assert.True(allclose((heads[0] + heads[1]) / 2, model.get_parameter("head.weight")!, rtol: 1e-5, atol: 1e-6));
        model.Adapters().Use("two");
        Assert.True(Bits.Equal(heads[1], model.get_parameter("head.weight")!));
        model.Adapters().Use();
        Assert.True(Bits.Equal(plain, model.get_parameter("head.weight")!));
    }

    [Fact]
    public void What_cannot_be_combined_is_refused_and_changes_nothing()
    {
        using var model = SelectionTests.Transformer();
        var set = model.Adapters();
        model.InjectAdapter(new VeraConfig { Rank = 4, Targets = ["qkv"] }, "vera");
        model.InjectLora(new LoraConfig { Rank = 6, Dora = true }, "dora");
        model.InjectLora(new LoraConfig { Rank = 6 }, "six");
        string Refused(string part, CombinationOptions? options = null, string name = "new") =>
            Assert.Throws<LoraException>(() => set.Combine(name, new Dictionary<string, double> { [part] = 1, ["six"] = 2 }, options)).Message;
        Assert.Equal("Adapter 'vera' is made by VeraConfig; only those of LoraConfig have a low-rank update to combine.", Refused("vera"));
        Assert.Equal("Adapter 'dora' is DoRA, whose change of a weight is of full rank: its factors alone are not all of it. Choose Svd, or another method, with a Rank.", Refused("dora"));
        Assert.Equal("There is an adapter 'six' already. Choose another name, or delete it first.", Refused("dora", null, "six"));
        model.InjectLora(new LoraConfig { Rank = 6 }, "seven");
        Assert.Equal("Rank 12 is above what 'blocks.0.attn.qkv' can hold (8 inputs, 24 outputs); choose a rank of at most 8.", Refused("seven"));
        Assert.Equal(["vera", "dora", "six", "seven"], set.Names);
        Assert.Equal(["seven"], set.InUse);
        Assert.Equal("Density is 0; it must be above 0 and at most 1. (Parameter 'Density')", Assert.Throws<ArgumentOutOfRangeException>(() => new CombinationOptions { Density = 0 }).Message);
    }

    private static double[] Entries(Tensor tensor) => tensor.contiguous().data<double>().ToArray();
}
