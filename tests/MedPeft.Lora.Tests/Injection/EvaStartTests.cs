using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection;

/// <summary>EVA, by the checks of its paper.</summary>
public class EvaStartTests
{
    private static readonly LoraConfig Eva = new() { Rank = 3, Alpha = 6, Targets = ["qkv", "proj"], Initialization = LoraInitialization.Eva };

    [Theory]
    [InlineData(6, 1e-4)]
    [InlineData(3, 2e-1)] // what is cut off in between is lost
    public void Components_from_batches_span_what_those_of_all_rows_do(int most, double tolerance)
    {
        using var generator = new Generator(5);
        using var spread = tensor(new float[] { 9, 7, 5, 1, .5f, .1f });
        using var rows = empty(90, 6).normal_(0, 1, generator) * spread + 3;
        using var pca = new IncrementalPca(most);
        for (var i = 0; i < 3; i++) pca.Add(rows.narrow(0, 30 * i, 30));
        var (_, s, vh) = linalg.svd((rows - rows.mean([0L])).@double(), fullMatrices: false);
        using var first = pca.First(3).@double();
        using var projection = first.t().mm(first);
        using var expected = vh[0..3].t().mm(vh[0..3]);
        Assert.InRange((projection - expected).abs().max().item<double>(), 0, tolerance);
        using var identity = first.mm(first.t());
        Assert.True(allclose(identity, eye(3, dtype: ScalarType.Float64), atol: 1e-5));
        var all = s.square().sum().item<double>();
        Assert.Equal(s[0].item<double>() * s[0].item<double>() / all, pca.Shares()[0], tolerance);
        Assert.Equal(90, pca.Count);
    }

    [Fact]
    public void A_starts_at_directions_of_the_inputs_and_the_sum_of_the_ranks_stays()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(16, 5, 8);
        using var before = model.call(x);
        var adapter = model.InjectLora(Eva, Enumerable.Repeat(x, 3));
        var layers = adapter.Layers.Select(layer => adapter.Layer<LoraLinear>(layer.Path)).ToList();
        Assert.Equal(4 * 3, layers.Sum(layer => layer.Rank));
        Assert.All(layers, layer => Assert.InRange(layer.Rank, 1, 6));
        Assert.All(layers, layer => Assert.Equal(2, layer.Scale, 1e-12)); // α follows r
        Assert.All(layers, layer => Assert.True(allclose(layer.A.mm(layer.A.t()), eye(layer.Rank), atol: 1e-5)));
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.Contains("EVA", adapter.Layers[0].ToString(), StringComparison.Ordinal);
        var config = Assert.IsType<LoraConfig>(adapter.Config);
        Assert.Equal(layers.Select(layer => layer.Rank), adapter.Layers.Select(layer => config.RankPattern[layer.Path]));
        Assert.True(model.training);
    }

    [Fact]
    public void Both_blocks_of_a_fused_layer_start_at_the_same_directions()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(16, 5, 8);
        var adapter = model.InjectLora(Eva with { Targets = ["qkv"], Rank = 2, Blocks = [LoraBlock.Query, LoraBlock.Value] }, [x], rho: 1, name: "chest");
        Assert.Equal("chest", adapter.Name);
        var layer = adapter.Layer<LoraLinear>("blocks.0.attn.qkv");
        Assert.Equal([4, 8], layer.A.shape);
        Assert.True(Bits.Equal(layer.A[0..2], layer.A[2..4]));
    }

    [Fact]
    public void It_stops_when_the_directions_have_been_found()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(16, 5, 8);
        var read = 0;
        IEnumerable<Tensor> Batches()
        {
            for (; read < 50; read++) yield return x;
        }
        model.InjectLora(Eva, Batches());
        Assert.InRange(read, 1, 5); // the same batch again and again turns nothing
    }

    [Fact]
    public void A_layer_whose_inputs_explain_nothing_is_left_as_it_is()
    {
        using var model = nn.Sequential(("first", nn.Linear(8, 8)), ("second", nn.Linear(8, 8)));
        using (no_grad()) model.get_parameter("first.weight")!.zero_(); // so that the second layer sees a constant
        using var x = randn(32, 8);
        var adapter = model.InjectLora(Eva with { Targets = ["first", "second"], Rank = 2 }, [x]);
        Assert.Equal("first Linear r=4 α=12 EVA 64", Assert.Single(adapter.Layers).ToString());
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_changes_nothing()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var keys = model.state_dict().Keys.ToList();
        Assert.Equal("Initialization Eva starts from what the layers see: call InjectLora(config, batches) with a few batches of images, or take another Initialization.",
            Assert.Throws<LoraException>(() => model.InjectLora(Eva)).Message);
        Assert.Equal("Initialization is KaimingUniform, which looks at no batches. Set it to Eva, or leave the batches out.",
            Assert.Throws<LoraException>(() => model.InjectLora(new LoraConfig { Rank = 2 }, [x])).Message);
        Assert.Equal("The batches are none, and Eva starts from what the layers see. Give at least one batch of images.", Assert.Throws<LoraException>(() => model.InjectLora(Eva, [])).Message);
        Assert.Equal("rho is 0.5; it must be at least 1: the most that a layer's rank may grow by. (Parameter 'rho')", Assert.Throws<ArgumentOutOfRangeException>(() => model.InjectLora(Eva, [x], rho: .5)).Message);
        Assert.Equal("tau is 2; it is a cosine in (0, 1]. (Parameter 'tau')", Assert.Throws<ArgumentOutOfRangeException>(() => model.InjectLora(Eva, [x], tau: 2)).Message);
        Assert.Equal(keys, model.state_dict().Keys);
    }
}
