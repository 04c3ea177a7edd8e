using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection.NativeLayers;

public class NativeEncoderTests
{
    private static readonly LoraConfig All = new() { Rank = 2, Alpha = 6, AllLinear = true, Seed = 5 };
    private static readonly string[] Parts = ["self_attn.in_proj", "self_attn.out_proj", "linear1", "linear2"];

    [Theory]
    [InlineData(1, nn.Activations.ReLU)]
    [InlineData(4, nn.Activations.GELU)]
    public void With_B_zero_an_encoder_layer_equals_the_native_code(int heads, nn.Activations activation)
    {
        using var layer = Layer(heads, .1, activation);
        layer.eval();
        using var x = Noise(1, 5, 3, 8);
        using var native = layer.call(x);
        var lora = layer.InjectLora(All);
        using var output = layer.call(x);
        Assert.True(Near(native, output) && output.is_contiguous());
        Fill(lora);
        using var adapted = layer.call(x);
        Assert.False(allclose(native, adapted));
        using (lora.Disable())
        using (var disabled = layer.call(x)) Assert.True(Bits.Equal(native, disabled));
        lora.Remove();
        using var after = layer.call(x);
        Assert.True(Bits.Equal(native, after));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void With_B_zero_an_encoder_equals_the_native_code_with_masks(bool masked, bool padded)
    {
        using var encoder = Encoder(2, 3, 0, nn.Activations.GELU);
        using var x = Noise(1, 4, 3, 8);
        using var mask = masked ? Noise(2, 4, 4) : null;
        using var padding = padded ? tensor(new[] { false, false, false, true, false, true, false, false, false, false, true, true }).view(3, 4) : null;
        using var native = encoder.call(x, mask, padding);
        using var plain = encoder.call(x);
        var lora = encoder.InjectLora(All);
        Assert.Equal(Enumerable.Range(0, 3).SelectMany(i => Parts.Select(part => $"layers.{i}.{part}")), lora.Layers.Select(layer => layer.Path));
        using var output = encoder.call(x, mask, padding);
        using var again = encoder.call(x);
        Assert.True(Near(native, output) && Near(plain, again));
    }

    [Theory]
    [InlineData(1, 0, nn.Activations.ReLU)]
    [InlineData(2, .1, nn.Activations.ReLU)]
    [InlineData(4, .35, nn.Activations.GELU)]
    [InlineData(8, 1, nn.Activations.GELU)]
    public void Heads_dropout_and_activation_are_read_from_the_native_code(int heads, double dropout, nn.Activations activation)
    {
        using var layer = Layer(heads, dropout, activation);
        using var encoder = Encoder(heads, 2, dropout, activation);
        foreach (var host in new nn.Module[] { layer, encoder })
        {
            var last = host is TransformerEncoderLayer ? "" : "layers.1.";
            host.get_parameter($"{last}linear1.weight")!.requires_grad = false;
            host.get_parameter($"{last}linear2.bias")!.grad = ones(8);
            host.eval();
            random.manual_seed(7);
            using var expected = rand(3);
            random.manual_seed(7);
            Assert.Equal(new NativeSettings(heads, dropout, activation == nn.Activations.GELU), NativeLayer.Of(host)!.Settings);
            using var drawn = rand(3);
            Assert.True(Bits.Equal(expected, drawn) && !host.training);
            Assert.All(host.named_parameters(), entry => Assert.Equal(entry.name != $"{last}linear1.weight", entry.parameter.requires_grad));
            Assert.All(host.named_parameters(), entry => Assert.Equal(entry.name != $"{last}linear2.bias", entry.parameter.grad is null));
            Assert.True(Bits.Equal(ones(8), host.get_parameter($"{last}linear2.bias")!.grad!));
        }
    }

    [Theory]
    [InlineData(nn.Activations.ReLU)]
    [InlineData(nn.Activations.GELU)]
    public void In_half_precision_the_adapters_stay_in_single(nn.Activations activation)
    {
        using var encoder = Encoder(2, 2, 0, activation);
        encoder.eval();
        using var x = Noise(1, 5, 3, 8);
        using var exact = encoder.call(x);
        encoder.to(ScalarType.BFloat16);
        using var half = x.to(ScalarType.BFloat16);
        using var native = encoder.call(half);
        var lora = encoder.InjectLora(All);
        using var output = encoder.call(half);
        Assert.Equal(ScalarType.BFloat16, output.dtype);
        var rounding = (exact - native.to(ScalarType.Float32)).abs().max().item<float>();
        Assert.InRange((exact - output.to(ScalarType.Float32)).abs().max().item<float>(), 0, 2 * rounding);
        Assert.All(lora.TrainableParameters(), entry => Assert.Equal(ScalarType.Float32, entry.Parameter.dtype));
        using var trained = encoder.call(half).to(ScalarType.Float32);
        trained.sum().backward();
        Assert.All(lora.TrainableParameters(), entry => Assert.NotNull(entry.Parameter.grad));
    }

    [Fact]
    public void Dropout_acts_in_training_and_in_the_native_distribution()
    {
        using var layer = Layer(2, .3, nn.Activations.ReLU);
        using var x = Noise(1, 6, 1, 8).expand(6, 4096, 8);
        (Tensor Mean, Tensor Deviation) Moments() => layer.call(x) is var y ? (y.mean([1]), y.std(1)) : default;
        layer.train();
        random.manual_seed(3);
        var native = Moments();
        layer.InjectLora(All);
        random.manual_seed(4);
        var own = Moments();
        Assert.InRange((native.Mean - own.Mean).abs().max().item<float>(), 0, .06);
        Assert.InRange((native.Deviation - own.Deviation).abs().max().item<float>(), 0, .06);
        Assert.True(own.Deviation.min().item<float>() > .1);
        layer.eval();
        Assert.True(Moments().Deviation.max().item<float>() < 1e-5);
    }

    [Theory]
    [InlineData(nn.Activations.ReLU)]
    [InlineData(nn.Activations.GELU)]
    public void Gradients_equal_finite_differences(nn.Activations activation)
    {
        random.manual_seed(1);
        using var encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0, activation), 2);
        encoder.to(ScalarType.Float64);
        var lora = encoder.InjectLora(All with { Trainable = ["layers.0.norm1.weight"] });
        Fill(lora);
        using Tensor x = Noise(2, 3, 2, 4).to(ScalarType.Float64).requires_grad_(), w = Noise(3, 3, 2, 4).to(ScalarType.Float64), mask = Noise(4, 3, 3).to(ScalarType.Float64);
        LayerChecks.GradientsEqualFiniteDifferences(() => encoder.call(x, mask).tanh().mul(w).sum(), [.. lora.TrainableParameters().Select(entry => (Tensor)entry.Parameter), x]);
        Assert.Equal(17, lora.TrainableParameters().Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_merges_into_what_the_native_code_reads_and_back_bit_for_bit(bool dora)
    {
        using var encoder = Encoder(2, 2, .1, nn.Activations.ReLU);
        encoder.eval();
        var names = encoder.state_dict().Keys.ToList();
        var lora = encoder.InjectLora(All with { Dora = dora });
        Fill(lora, .1);
        var before = names.Select(name => encoder.get_parameter(name)!.clone()).ToList();
        using var x = Noise(1, 5, 3, 8);
        using var adapted = encoder.call(x);
        lora.Merge();
        using var merged = encoder.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        using (var native = encoder.forward(x, null!, null!)) Assert.True(Bits.Equal(merged, native));
        lora.Unmerge();
        Assert.All(before.Zip(names), pair => Assert.True(Bits.Equal(pair.First, encoder.get_parameter(pair.Second)!)));
        using (var again = encoder.call(x)) Assert.True(Bits.Equal(adapted, again));
        lora.MergeAndRemove();
        Assert.Equal(names, encoder.state_dict().Keys);
        using var left = encoder.call(x);
        Assert.True(Bits.Equal(merged, left));
    }

    [Fact]
    public void In_a_model_its_parts_are_named_chosen_saved_and_loaded()
    {
        using var model = new Model();
        using var twin = new Model();
        var config = new LoraConfig { Rank = 2, Targets = ["in_proj", "linear2"], Within = ["layers.1..2"], Trainable = ["head"], Bias = LoraBias.All };
        Assert.Equal("No module matches Within [\"layers.2\"]. Modules here: encoder, encoder.layers.0.self_attn.in_proj, encoder.layers.0.self_attn.out_proj, encoder.layers.0.linear1, encoder.layers.0.linear2, head, … (10).",
            Assert.Throws<LoraException>(() => model.InjectLora(config)).Message);
        Assert.Equal(["encoder.layers.1.self_attn.in_proj", "encoder.layers.1.linear2"], model.PlanLora(config with { Within = ["layers.0..1"], Exclude = ["layers.0"] }).Layers.Select(layer => layer.Path));
        config = config with { Within = [], Exclude = ["layers.0.linear2"] };
        var names = model.state_dict().Keys.ToList();
        var lora = model.InjectLora(config);
        string[] adapted = ["encoder.layers.0.self_attn.in_proj", "encoder.layers.1.self_attn.in_proj", "encoder.layers.1.linear2"];
        Assert.Equal(adapted, lora.Layers.Select(layer => layer.Path));
        Assert.Equal(names.Concat(adapted.SelectMany(path => new[] { $"{path}.lora_A.weight", $"{path}.lora_B.weight" })).Order(), model.state_dict().Keys.Order());
        Assert.True(model.get_parameter("encoder.layers.0.self_attn.in_proj_bias")!.requires_grad && model.get_parameter("encoder.layers.0.norm1.bias")!.requires_grad);
        Fill(lora);
        using (no_grad()) model.get_parameter("encoder.layers.0.self_attn.in_proj_bias")!.add_(.1);
        using var x = Noise(1, 5, 3, 8);
        model.train(false);
        using var output = model.call(x);
        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            lora.Save(folder);
            Assert.Contains("\"MEDPEFT_LORA\"", File.ReadAllText(Path.Combine(folder, "adapter_config.json")), StringComparison.Ordinal);
            twin.LoadLora(folder);
            twin.eval();
            using var other = twin.call(x);
            Assert.True(Bits.Equal(output, other));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Linear_layers_of_an_encoder_layer_are_saved_in_the_form_of_PEFT()
    {
        using var model = nn.Sequential(("layer", Layer(2, 0, nn.Activations.ReLU)));
        var lora = model.InjectLora(All with { AllLinear = false, Targets = ["linear1", "linear2"] });
        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            lora.Save(folder);
            Assert.Contains("\"LORA\"", File.ReadAllText(Path.Combine(folder, "adapter_config.json")), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_layer_that_is_called_with_a_mask_is_found_out()
    {
        using var model = new Masked();
        model.InjectLora(All);
        using var x = Noise(1, 5, 3, 8);
        Assert.Equal("The adapter of 'layer.self_attn.in_proj' was not reached in a pass through the model, nor were 3 others, so it would train nothing. "
            + "It lies in a TransformerEncoderLayer, which the model ran by forward, or by call with a mask, where TorchSharp skips hooks, or not at all. "
            + "Run it by call(src), or with a mask as a TransformerEncoder of one layer, or leave it out of Targets.",
            Assert.Throws<LoraException>(() => model.call(x)).Message);
    }

    [Fact]
    public void Training_lowers_the_loss_and_leaves_the_native_weights()
    {
        using var encoder = Encoder(2, 2, .1, nn.Activations.GELU);
        var names = encoder.state_dict().Keys.ToList();
        var lora = encoder.InjectLora(All with { Dropout = .1 });
        var before = names.Select(name => encoder.get_parameter(name)!.clone()).ToList();
        using Tensor x = Noise(1, 5, 3, 8), target = Noise(2, 5, 3, 8);
        using var adam = optim.AdamW([.. lora.TrainableParameters().Select(entry => entry.Parameter)], .02);
        double Loss()
        {
            using var scope = NewDisposeScope();
            adam.zero_grad();
            var loss = (encoder.call(x) - target).square().mean();
            loss.backward();
            return loss.item<float>();
        }

        random.manual_seed(5);
        encoder.eval();
        var first = Loss();
        encoder.train();
        for (var i = 0; i < 30; i++)
        {
            Loss();
            adam.step();
        }
        encoder.eval();
        Assert.True(Loss() < .8 * first);
        Assert.All(before.Zip(names), pair => Assert.True(Bits.Equal(pair.First, encoder.get_parameter(pair.Second)!)));
    }

    public static TheoryData<AdapterConfig> Methods =>
    [
        new VeraConfig { Rank = 4, AllLinear = true }, new AdaLoraConfig { InitialRank = 4, TargetRank = 2, AllLinear = true }, new SsfConfig { AllLinear = true },
        new Ia3Config { Targets = ["in_proj", "linear2"], Feedforward = ["linear2"] },
    ];

    [Theory, MemberData(nameof(Methods))]
    public void Other_methods_for_linear_layers_fit_its_parts(AdapterConfig config)
    {
        using var encoder = Encoder(2, 2, 0, nn.Activations.ReLU);
        encoder.eval();
        using var x = Noise(1, 5, 3, 8);
        using var native = encoder.call(x);
        var before = encoder.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        var adapter = encoder.InjectAdapter(config);
        using (var output = encoder.call(x)) Assert.True(Near(native, output));
        foreach (var (_, layer) in adapter.Entries) LayerChecks.Fill(layer, .1);
        using var adapted = encoder.call(x);
        Assert.False(allclose(native, adapted));
        adapter.Merge();
        using var merged = encoder.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        adapter.Unmerge();
        adapter.Remove();
        Assert.All(before, entry => Assert.True(Bits.Equal(entry.Value, encoder.state_dict()[entry.Key])));
    }

    [Fact]
    public void Eva_sees_what_its_parts_take()
    {
        using var model = new Model();
        using var x = Noise(1, 5, 3, 8);
        model.eval();
        using var native = model.call(x);
        var lora = model.InjectLora(All with { Initialization = LoraInitialization.Eva, Rank = 2, Exclude = ["head"] }, [x]);
        Assert.True(lora.Layers.Count > 1);
        using var output = model.call(x);
        Assert.True(Near(native, output));
        lora.Remove();
        using var after = model.call(x);
        Assert.True(Bits.Equal(native, after));
    }

    [Fact]
    public void An_adapter_is_extracted_from_two_encoders()
    {
        using var encoder = Encoder(2, 2, 0, nn.Activations.ReLU);
        using var tuned = Encoder(2, 2, 0, nn.Activations.ReLU);
        var teacher = tuned.InjectLora(All);
        Fill(teacher, .2);
        teacher.MergeAndRemove();
        var report = LoraExtraction.FromDifference(encoder, tuned, All);
        Assert.Empty(report.LeftOut);
        using var x = Noise(1, 5, 3, 8);
        Assert.True(allclose(tuned.call(x), encoder.call(x), rtol: 1e-3, atol: 1e-4));
    }

    private static TransformerEncoderLayer Layer(int heads, double dropout, nn.Activations activation)
    {
        random.manual_seed(1);
        return nn.TransformerEncoderLayer(8, heads, 16, dropout, activation);
    }

    private static TransformerEncoder Encoder(int heads, int count, double dropout, nn.Activations activation)
    {
        var encoder = nn.TransformerEncoder(Layer(heads, dropout, activation), count);
        using var none = no_grad();
        using var generator = new Generator(9);
        foreach (var (name, parameter) in encoder.named_parameters()) // its layers are copies, and its biases zeros
            parameter.add_(empty(parameter.shape).normal_(0, name.EndsWith("weight", StringComparison.Ordinal) ? .1 : .5, generator));
        return encoder;
    }

    private static void Fill(LoraAdapter lora, double by = .3)
    {
        foreach (var (_, layer) in lora.Entries) LayerChecks.Fill(layer, by);
    }

    private static Tensor Noise(ulong seed, params long[] shape)
    {
        using var generator = new Generator(seed);
        return empty(shape).normal_(0, 1, generator);
    }

    private static bool Near(Tensor a, Tensor b) => allclose(a, b, rtol: 1e-6, atol: 2e-6);

    private sealed class Model : nn.Module<Tensor, Tensor>
    {
        private readonly TransformerEncoder encoder = Encoder(2, 2, .1, nn.Activations.GELU);
        private readonly Linear head = nn.Linear(8, 4);

        public Model() : base(nameof(Model))
        {
            using (no_grad()) foreach (var parameter in head.parameters()) parameter.fill_(.1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => head.call(encoder.call(x));
    }

    private sealed class Masked : nn.Module<Tensor, Tensor>
    {
        private readonly TransformerEncoderLayer layer = Layer(2, 0, nn.Activations.ReLU);

        public Masked() : base(nameof(Masked)) => RegisterComponents();

        public override Tensor forward(Tensor x) => layer.call(x, zeros(x.shape[0], x.shape[0]));
    }
}
