using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Vision;

/// <summary>
/// The whole model with LoRA on q and v against tensors that the paper's own code computed (shared/golden/medpeft_vit_qv): logits, loss, every
/// gradient, the parameters after a step of SGD and after a step of AdamW with layer-wise decay, and the merged weights.
/// </summary>
public sealed class MedPeftGoldenTests : IDisposable
{
    private const double Tolerance = 1e-5;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TensorFile _expected = Checkpoint.Open(Golden.Path("medpeft_vit_qv/expected.safetensors"));
    private readonly VisionTransformer _vit = VisionTransformer.FromCheckpoint(
        Golden.Path("medpeft_vit_qv/pretrained.pth"),
        new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3, Outputs = 14 });

    private readonly LoraAdapter _lora;

    public MedPeftGoldenTests()
    {
        _lora = _vit.InjectLora(new LoraConfig
        {
            Rank = 4,
            Alpha = 32,
            Targets = ["qkv"],
            Blocks = [LoraBlock.Query, LoraBlock.Value],
            Trainable = ["head", "fc_norm"],
        });
        using var trained = Checkpoint.Open(Golden.Path("medpeft_vit_qv/trainable.safetensors"));
        using var guard = no_grad();
        foreach (var name in trained.Tensors.Keys) Live(name).copy_(trained.Read(name));
    }

    public void Dispose()
    {
        _vit.Dispose();
        _expected.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void The_counts_are_those_of_the_reference()
    {
        Assert.Equal(3_086, _lora.Parameters.Trained);
        Assert.Equal(98_030, _lora.Parameters.Total);
    }

    [Fact]
    public void Logits_loss_and_every_gradient_agree()
    {
        var loss = Backward();

        TensorAssert.Close(_expected.Read("loss"), loss.reshape(1), Tolerance, "loss");
        foreach (var name in Expected("grad.")) TensorAssert.Close(_expected.Read("grad." + name), Live(name).grad!, Tolerance, "gradient of " + name);
        Assert.All(_vit.named_parameters().Where(p => !p.parameter.requires_grad), p => Assert.Null(p.parameter.grad));
    }

    [Fact]
    public void A_step_of_SGD_agrees()
    {
        var options = new TrainingOptions { Optimizer = OptimizerKind.Sgd, LearningRate = .05, Momentum = .9 };
        using var optimizer = Optimizer.For(ParameterGroup.Of(_vit, options), options);
        Backward();
        optimizer.Step(.05);

        foreach (var name in Expected("sgd.")) TensorAssert.Close(_expected.Read("sgd." + name), Live(name), Tolerance, name);
    }

    [Fact]
    public void A_step_of_AdamW_with_layer_decay_agrees()
    {
        var options = new TrainingOptions { Optimizer = OptimizerKind.AdamW, WeightDecay = .05, LayerDecay = .65 };
        using var optimizer = Optimizer.For(ParameterGroup.Of(_vit, options), options);
        Backward();
        optimizer.Step(LearningRate.WarmupCosine(7.5, epochs: 100, warmupEpochs: 5, peak: .001, floor: 1e-6));

        foreach (var name in Expected("adamw.")) TensorAssert.Close(_expected.Read("adamw." + name), Live(name), Tolerance, name);
    }

    [Fact]
    public void Merged_weights_and_their_logits_agree_and_unmerging_gives_the_old_ones_back()
    {
        _vit.eval();
        using var guard = no_grad();
        var image = _expected.Read("x");
        var apart = _vit.call(image);
        var weight = Weight().clone();
        _lora.Merge();

        TensorAssert.Close(_expected.Read("qkv0_merged_weight"), Weight(), Tolerance, "weight");
        TensorAssert.Close(_expected.Read("logits_eval_merged"), _vit.call(image), Tolerance, "logits");

        _lora.Unmerge();
        TensorAssert.Same(weight, Weight(), "weight");
        TensorAssert.Same(apart, _vit.call(image), "logits");

        Tensor Weight() => _vit.named_parameters().First(p => p.name == "blocks.0.attn.qkv.weight").parameter;
    }

    private Tensor Backward()
    {
        _vit.train();
        var logits = _vit.call(_expected.Read("x"));
        TensorAssert.Close(_expected.Read("logits_train"), logits, Tolerance, "logits");
        var loss = MaskedLoss.Of(logits, _expected.Read("y"));
        loss.backward();
        return loss;
    }

    private IEnumerable<string> Expected(string prefix)
    {
        var names = _expected.Tensors.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]).ToList();
        Assert.Equal(10, names.Count);
        return names;
    }

    // The reference calls them lora_A and lora_B, Hugging Face (and we) lora_A.weight and lora_B.weight.
    private TorchSharp.Modules.Parameter Live(string name) =>
        _vit.named_parameters().First(p => p.name == name || p.name == name + ".weight").parameter;
}
