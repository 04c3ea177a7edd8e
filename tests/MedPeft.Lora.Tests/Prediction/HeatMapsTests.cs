using MedPeft.Lora.Prediction;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Prediction;

public class HeatMapsTests
{
    private const double Step = 1e-5;

    private static readonly ViTConfig ClassToken = TinyModels.Config with { Pooling = ViTPooling.ClassToken, RegisterTokens = 2, LayerScale = .7 };

    public static TheoryData<bool> Poolings => [false, true];

    [Theory]
    [MemberData(nameof(Poolings))]
    public void A_watched_pass_gives_what_the_model_gives(bool classToken)
    {
        var config = classToken ? ClassToken : TinyModels.Config;
        using var model = TinyModels.Make(config);
        using var image = TinyModels.Image(config);
        var blocks = new List<long[]>();
        using var guard = no_grad();
        using Tensor expected = model.call(image), plain = model.Watch(image, new VisionWatch());
        using var watched = model.Watch(image, new VisionWatch { Attention = (_, weights) => blocks.Add(weights.shape) });

        TensorAssert.Same(expected, plain, "without anything to watch");
        TensorAssert.Close(expected, watched, 1e-5, "with the attention formed");
        Assert.Equal(config.Depth, blocks.Count);
        Assert.All(blocks, shape => Assert.Equal([1, config.Heads, config.PrefixTokens + config.Patches, config.PrefixTokens + config.Patches], shape));
    }

    [Theory]
    [MemberData(nameof(Poolings))]
    public void Rollout_is_the_product_of_the_mean_attentions_with_the_identity(bool classToken)
    {
        var config = classToken ? ClassToken : TinyModels.Config;
        using var model = TinyModels.Make(config);
        using var image = TinyModels.Image(config);
        var attentions = PlainAttentions(model, image);
        var n = config.PrefixTokens + config.Patches;
        var flow = new double[n, n];
        for (var i = 0; i < n; i++) flow[i, i] = 1;
        foreach (var attention in attentions)
        {
            var next = new double[n, n];
            for (var i = 0; i < n; i++)
                for (var j = 0; j < n; j++)
                    for (var k = 0; k < n; k++) next[i, j] += .5 * (attention[i, k] + (i == k ? 1 : 0)) * flow[k, j];
            flow = next;
        }

        int[] rows = classToken ? [0] : [.. Enumerable.Range(config.PrefixTokens, config.Patches)];

        var map = HeatMaps.AttentionRollout(model, image);

        for (var patch = 0; patch < config.Patches; patch++)
            Assert.Equal(rows.Average(row => flow[row, config.PrefixTokens + patch]), map.Values[patch], 6);
        Assert.Equal((HeatMapMethod.AttentionRollout, 4, null), (map.Method, map.Grid, map.Label));
        Assert.Equal(map.Values[6], map[1, 2]);
        Assert.InRange(map.Values.Sum(), 0, 1);
    }

    [Fact]
    public void Grad_cam_of_a_mean_pooled_model_is_the_derivative_of_the_logit_by_a_scaling_of_each_token()
    {
        using var model = TinyModels.Make();
        using var moved = model.to(ScalarType.Float64);
        using var image = TinyModels.Image(TinyModels.Config).to(ScalarType.Float64);

        var map = HeatMaps.GradCam(model, image, 1, "Mass");

        for (var patch = 0; patch < TinyModels.Config.Patches; patch++)
        {
            var token = patch + 1;
            var slope = (Logit(1 + Step) - Logit(1 - Step)) / (2 * Step);
            Assert.Equal(Math.Max(0, slope), map.Values[patch], 6);

            double Logit(double factor)
            {
                using var guard = no_grad();
                Tensor? kept = null;
                using var logits = model.Watch(image, new VisionWatch { LastTokens = tokens => kept = Scaled(tokens, token, factor) });
                kept!.Dispose();
                return logits[0, 1].item<double>();
            }
        }

        Assert.Contains(map.Values, value => value > 0);
        Assert.Equal("Mass", map.Label);
    }

    [Fact]
    public void Grad_cam_of_a_class_token_weighs_the_last_normed_tokens_by_their_mean_slopes()
    {
        using var model = TinyModels.Make(ClassToken);
        using var moved = model.to(ScalarType.Float64);
        using var image = TinyModels.Image(ClassToken).to(ScalarType.Float64);
        var (patches, channels, first) = (ClassToken.Patches, ClassToken.EmbedDim, ClassToken.PrefixTokens);
        var tokens = new double[patches, channels];
        Logit((token, channel, value) =>
        {
            if (token >= first) tokens[token - first, channel] = value;
            return value;
        });
        var weights = Enumerable.Range(0, channels).Select(channel => Enumerable.Range(first, patches).Average(token =>
            (Logit((t, c, value) => t == token && c == channel ? value + Step : value) - Logit((t, c, value) => t == token && c == channel ? value - Step : value)) / (2 * Step))).ToArray();

        var map = HeatMaps.GradCam(model, image, 2);

        for (var patch = 0; patch < patches; patch++)
            Assert.Equal(Math.Max(0, Enumerable.Range(0, channels).Sum(channel => weights[channel] * tokens[patch, channel])), map.Values[patch], 6);
        Assert.Contains(map.Values, value => value > 0);

        double Logit(Func<int, int, double, double> change)
        {
            using var guard = no_grad();
            Tensor? kept = null;
            using var logits = model.Watch(image, new VisionWatch { LastNormed = normed => kept = Changed(normed, change) });
            kept!.Dispose();
            return logits[0, 2].item<double>();
        }
    }

    [Fact]
    public void Grad_cam_leaves_no_gradient_and_trains_nothing()
    {
        using var model = TinyModels.Make();
        using var image = TinyModels.Image(TinyModels.Config);
        var before = model.parameters().Select(parameter => parameter.requires_grad).ToArray();

        HeatMaps.GradCam(model, image, 0);

        Assert.Equal(before, model.parameters().Select(parameter => parameter.requires_grad));
        Assert.All(model.parameters(), parameter => Assert.Null(parameter.grad));
        Assert.True(is_grad_enabled());
    }

    [Fact]
    public void Heat_maps_leave_no_tensor_behind()
    {
        using var model = TinyModels.Make();
        using var image = TinyModels.Image(TinyModels.Config);
        HeatMaps.GradCam(model, image, 0);
        HeatMaps.AttentionRollout(model, image);
        DisposeScopeManager.Statistics.Reset();

        HeatMaps.GradCam(model, image, 0);
        HeatMaps.AttentionRollout(model, image);

        Assert.Equal(0, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        using var model = TinyModels.Make();
        using Tensor two = zeros(2, 3, 16, 16), one = zeros(1, 3, 16, 16);

        Assert.StartsWith("A heat map is of one image, [1, 3, 16, 16]; found [2, 3, 16, 16].", Assert.Throws<ArgumentException>(() => HeatMaps.AttentionRollout(model, two)).Message);
        Assert.StartsWith("The model has 3 outputs; choose one from 0 on.", Assert.Throws<ArgumentOutOfRangeException>(() => HeatMaps.GradCam(model, one, 3)).Message);
        model.train();
        Assert.Equal(
            "The model is in training mode, where dropout and stochastic depth change what is seen. Call eval() first.",
            Assert.Throws<InvalidOperationException>(() => HeatMaps.AttentionRollout(model, one)).Message);
    }

    private static Tensor Scaled(Tensor tokens, int token, double factor)
    {
        using var scope = NewDisposeScope();
        var result = tokens.clone();
        result[0, token].mul_(factor);
        return result.DetachFromDisposeScope();
    }

    private static Tensor Changed(Tensor tokens, Func<int, int, double, double> change)
    {
        using var values = tokens.cpu();
        var numbers = values.data<double>().ToArray();
        var channels = (int)tokens.shape[2];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = change(i / channels, i % channels, numbers[i]);
        return tensor(numbers, tokens.shape, dtype: ScalarType.Float64);
    }

    /// <summary>The mean attention of each block, by the formulas and the weights alone.</summary>
    private static List<double[,]> PlainAttentions(VisionTransformer model, Tensor image)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var config = model.Config;
        var weights = model.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.to(ScalarType.Float64));
        var (C, H, D) = (config.EmbedDim, config.Heads, config.EmbedDim / config.Heads);
        var patches = nn.functional.conv2d(image.to(ScalarType.Float64), weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], strides: [4L, 4L]).flatten(2).transpose(1, 2);
        var x = (cat([weights["cls_token"], patches], 1) + weights["pos_embed"])[0]; // [N, C]
        if (config.RegisterTokens > 0) x = cat([x.narrow(0, 0, 1), weights["register_tokens"][0], x.narrow(0, 1, config.Patches)], 0);
        var result = new List<double[,]>();
        for (var block = 0; block < config.Depth; block++)
        {
            var qkv = Linear(Norm(x, "norm1"), "attn.qkv"); // [N, 3·C]
            var (mean, heads) = (new double[x.shape[0], x.shape[0]], new List<Tensor>());
            for (var head = 0; head < H; head++)
            {
                Tensor Part(int which) => qkv.narrow(1, which * C + head * D, D);
                var attention = (mm(Part(0), Part(1).t()) / Math.Sqrt(D)).softmax(1);
                heads.Add(mm(attention, Part(2)));
                for (var i = 0; i < x.shape[0]; i++)
                    for (var j = 0; j < x.shape[0]; j++) mean[i, j] += attention[i, j].item<double>() / H;
            }

            result.Add(mean);
            x += Linear(cat(heads, 1), "attn.proj") * Scale("ls1");
            x += Linear(nn.functional.gelu(Linear(Norm(x, "norm2"), "mlp.fc1")), "mlp.fc2") * Scale("ls2");

            Tensor Norm(Tensor t, string name) => nn.functional.layer_norm(t, [C], weights[$"blocks.{block}.{name}.weight"], weights[$"blocks.{block}.{name}.bias"], config.LayerNormEps);
            Tensor Linear(Tensor t, string name) => nn.functional.linear(t, weights[$"blocks.{block}.{name}.weight"], weights[$"blocks.{block}.{name}.bias"]);
            Tensor Scale(string name) => weights.TryGetValue($"blocks.{block}.{name}.gamma", out var gamma) ? gamma : ones(C, ScalarType.Float64);
        }

        return result;
    }
}
