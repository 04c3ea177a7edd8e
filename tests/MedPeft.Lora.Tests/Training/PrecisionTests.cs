using MedPeft.Lora.Common;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

public sealed class PrecisionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Where_nothing_is_frozen_nobody_listens_to_a_layer()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);

        using var precision = PrecisionScope.Enter(model, new TrainingOptions { Precision = Precision.BFloat16 }, CPU);

        Assert.All(model.modules().OfType<Linear>(), layer => Assert.Equal(0, ForwardHooks.On(layer)));
    }

    [Fact]
    public void Frozen_layers_compute_in_bfloat16_and_get_every_bit_back()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        TinyRun.Inject(model);
        var before = model.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        using (PrecisionScope.Enter(model, new TrainingOptions { Precision = Precision.BFloat16 }, CPU))
        {
            var types = model.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.dtype);
            Assert.Equal(ScalarType.BFloat16, types["blocks.0.attn.qkv.weight"]);
            Assert.Equal(ScalarType.BFloat16, types["blocks.1.mlp.fc2.bias"]);
            Assert.Equal(ScalarType.Float32, types["patch_embed.proj.weight"]); // three channels: see PrecisionScope.IsSafe
            Assert.All(
                (string[])["blocks.0.attn.qkv.lora_A.weight", "blocks.0.attn.qkv.lora_B.weight", "blocks.0.norm1.weight", "head.weight", "fc_norm.weight", "pos_embed"],
                name => Assert.Equal(ScalarType.Float32, types[name]));
            model.train();
            using var images = ones(4, 3, 16, 16);
            using var logits = model.call(images);
            Assert.Equal(ScalarType.Float32, logits.dtype);
            logits.sum().backward();
            using var gradient = model.get_parameter("head.weight")!.grad;
            Assert.Equal(ScalarType.Float32, gradient!.dtype);
        }

        Assert.Equal(before.Keys, model.state_dict().Keys);
        foreach (var (name, values) in before) TensorAssert.Same(values, model.state_dict()[name], name);
    }

    [Fact]
    public void Parts_of_native_attention_stay_float32_and_whole()
    {
        using var attention = TorchSharp.torch.nn.MultiheadAttention(8, 2);
        using var x = ones(3, 2, 8);
        var lora = attention.InjectLora(new LoraConfig { Rank = 2, Targets = ["in_proj"] });
        using var before = attention.call(x, x, x).Item1;
        using (PrecisionScope.Enter(attention, new TrainingOptions { Precision = Precision.BFloat16 }, CPU))
        {
            Assert.All(attention.parameters(), parameter => Assert.Equal(ScalarType.Float32, parameter.dtype));
            using var during = attention.call(x, x, x).Item1;
            TensorAssert.Same(before, during, "output");
        }
        lora.Merge();
        lora.Unmerge();
        using var after = attention.call(x, x, x).Item1;
        TensorAssert.Same(before, after, "output");
    }

    [Fact]
    public void A_bfloat16_run_learns_as_a_float32_run_does_and_leaves_the_frozen_weights_alone()
    {
        var (train, validation) = (TinyRun.Images(_folder, "train", 28, 1), TinyRun.Images(_folder, "validation", 20, 2));
        TrainingResult Fit(Precision precision, out float difference)
        {
            using var model = new VisionTransformer(TinyRun.Model, seed: 1);
            TinyRun.Inject(model);
            using var frozen = model.get_parameter("blocks.0.mlp.fc1.weight")!.clone();
            var trainer = new Trainer(TinyRun.Options with { Epochs = 8, Precision = precision });
            var result = trainer.Fit(model, train, validation);
            TensorAssert.Same(frozen, model.get_parameter("blocks.0.mlp.fc1.weight")!, "fc1");
            Assert.Equal(result.Best.Auroc, trainer.Evaluate(model, validation));
            difference = 0;
            return result;
        }

        var (full, half) = (Fit(Precision.Float32, out _), Fit(Precision.BFloat16, out _));
        Assert.NotEqual(full.Epochs[0].TrainingLoss, half.Epochs[0].TrainingLoss);
        Assert.Equal(full.Epochs[0].TrainingLoss, half.Epochs[0].TrainingLoss, .01);
        Assert.True(half.Best.Auroc.PerLabel[0].Value > .8, half.Best.Auroc.ToString());
    }

    [Fact]
    public void Full_fine_tuning_stays_in_float32()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        using var scope = PrecisionScope.Enter(model, new TrainingOptions { Precision = Precision.BFloat16 }, CPU);

        Assert.All(model.parameters(), parameter => Assert.Equal(ScalarType.Float32, parameter.dtype));
    }

    [Fact]
    public void Float16_wants_cuda()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);

        Assert.Equal(
            "Precision Float16 needs a CUDA device; this run is on cpu. Choose BFloat16, which needs no loss scaler, or Device \"cuda\".",
            Assert.Throws<TrainingException>(() => PrecisionScope.Enter(model, new TrainingOptions { Precision = Precision.Float16 }, CPU)).Message);
    }

    [CudaTheory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    [InlineData(Precision.Float16)]
    public void A_run_on_a_gpu_learns_in_every_precision_and_resumes(Precision precision)
    {
        var (train, validation) = (TinyRun.Images(_folder, "train", 28, 1), TinyRun.Images(_folder, "validation", 20, 2));
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        TinyRun.Inject(model);
        var options = TinyRun.Options with { Epochs = 12, Precision = precision, Device = "cuda", TensorFloat32 = true, RunFolder = Path.Combine(_folder, "run") };
        var allowed = backends.cuda.matmul.allow_tf32;
        var result = new Trainer(options).Fit(model, train, validation);

        Assert.True(result.Best.Auroc.PerLabel[0].Value > .8, result.Best.Auroc.ToString());
        Assert.Equal(allowed, backends.cuda.matmul.allow_tf32);
        Assert.True(new Trainer(options).Fit(model, train, validation).Resumed);
    }
}
