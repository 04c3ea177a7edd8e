using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

/// <summary>What must hold for the layers of every method.</summary>
internal static class LayerChecks
{
    /// <summary>Moves everything that is trained away from its start.</summary>
    public static void Fill(AdapterLayer layer, double by = .3, ulong seed = 11)
    {
        using var none = no_grad();
        using var generator = new Generator(seed);
        foreach (var (name, parameter) in layer.Adapter)
            if (layer.Trains(name))
                using (var noise = empty(parameter.shape, parameter.dtype).normal_(0, by, generator)) parameter.add_(noise);
    }

    /// <summary>The gradients of every trained parameter, and of the input, are the finite differences in float64; what is frozen has none.</summary>
    public static void GradientsEqualFiniteDifferences(AdapterLayer layer, params long[] inputShape) => GradientsEqualFiniteDifferences(layer, 2e-7, inputShape);

    /// <summary>As above, to within a tolerance.</summary>
    public static void GradientsEqualFiniteDifferences(AdapterLayer layer, double tolerance, params long[] inputShape)
    {
        Fill(layer);
        using var generator = new Generator(3);
        using var x = empty(inputShape, ScalarType.Float64).normal_(0, 1, generator).requires_grad_();
        using var plain = layer.call(x);
        using var weights = empty(plain.shape, ScalarType.Float64).normal_(0, 1, generator);
        var trained = layer.Adapter.ToLookup(entry => layer.Trains(entry.Name), entry => (Tensor)entry.Value);
        GradientsEqualFiniteDifferences(() => (layer.call(x).tanh() * weights).sum(), [.. trained[true], x], tolerance);
        foreach (var frozen in trained[false])
        {
            Assert.Equal(ScalarType.Float64, frozen.dtype);
            Assert.False(frozen.requires_grad);
            Assert.Null(frozen.grad);
        }
        Assert.All(layer.Base.parameters(), parameter => Assert.Null(parameter.grad));
    }

    /// <summary>The gradients of tensors in float64 are the finite differences of a loss.</summary>
    public static void GradientsEqualFiniteDifferences(Func<Tensor> loss, IReadOnlyList<Tensor> tensors, double tolerance = 2e-7)
    {
        loss().backward();
        foreach (var tensor in tensors)
        {
            Assert.Equal(ScalarType.Float64, tensor.dtype);
            using var flat = tensor.detach().view(-1); // shares memory
            for (var i = 0; i < flat.numel(); i++)
            {
                var value = flat[i].item<double>();
                double At(double at)
                {
                    flat[i] = at;
                    return loss().item<double>();
                }

                var numeric = (At(value + 1e-6) - At(value - 1e-6)) / 2e-6;
                flat[i] = value;
                Assert.Equal(numeric, tensor.grad!.reshape(-1)[i].item<double>(), tolerance);
            }
        }
    }

    /// <summary>Training lowers the loss, and no frozen bit changes: neither the layer's nor the adapter's.</summary>
    public static void TrainingChangesOnlyWhatIsTrained(AdapterLayer layer, params long[] inputShape)
    {
        using var x = randn(inputShape);
        using var target = randn_like(layer.call(x));
        var frozen = layer.named_parameters().Where(entry => !entry.parameter.requires_grad).Select(entry => (entry.name, Before: entry.parameter.clone())).ToList();
        var trained = layer.parameters().Where(parameter => parameter.requires_grad).ToList();
        using var adam = optim.AdamW(trained, .02, weight_decay: .01);
        double Step()
        {
            using var scope = NewDisposeScope();
            adam.zero_grad();
            var loss = (layer.call(x) - target).square().mean();
            loss.backward();
            adam.step();
            return loss.item<float>();
        }

        var first = Step();
        for (var i = 0; i < 20; i++) Step();
        Assert.True(Step() < first);
        Assert.All(frozen, entry => Assert.True(Bits.Equal(entry.Before, layer.get_parameter(entry.name)!)));
    }

    /// <summary>Merged, the layer gives the same and so does the plain layer; unmerged and detached, every bit is back.</summary>
    public static void MergesAndUnmerges(AdapterLayer layer, params long[] inputShape)
    {
        Fill(layer);
        layer.eval();
        using var x = randn(inputShape);
        var before = layer.Base.named_parameters().Select(entry => (entry.name, Bits: entry.parameter.clone())).ToList();
        using var adapted = layer.call(x);
        using var delta = layer.Delta();

        layer.Merge();
        using var merged = layer.call(x);
        using var plain = ((nn.Module<Tensor, Tensor>)layer.Base).forward(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        Assert.True(Bits.Equal(merged, plain));
        Assert.True(allclose(layer.Base.get_parameter("weight")! - before[0].Bits, delta, rtol: 1e-4, atol: 1e-5));
        layer.to(ScalarType.Float64);
        layer.to(ScalarType.Float32);

        layer.Unmerge();
        Assert.All(before, entry => Assert.True(Bits.Equal(entry.Bits, layer.Base.get_parameter(entry.name)!)));
        using var again = layer.call(x);
        Assert.True(Bits.Equal(adapted, again));
        layer.Enabled = false;
        using var disabled = layer.call(x);
        var layerItself = layer.Base;
        layer.Detach();
        using var old = layerItself.call(x);
        Assert.True(Bits.Equal(disabled, old));
        Assert.False(allclose(adapted, old));
    }

    /// <summary>A half-precision layer is adapted in float32, gives its own type and starts bit-equal; converted to float64 it still computes.</summary>
    public static void FollowsTheTypeOfItsLayer(Func<ScalarType, nn.Module<Tensor, Tensor>> make, Func<nn.Module<Tensor, Tensor>, AdapterLayer> adapt, params long[] inputShape)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float64 })
        {
            using var module = make(type);
            using var x = randn(inputShape).to(type);
            using var before = module.call(x);
            using var layer = adapt(module);
            using var after = layer.call(x);
            Assert.True(Bits.Equal(before, after));
            Assert.All(layer.Adapter, entry => Assert.Equal(type == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32, entry.Value.dtype));
            Fill(layer);
            using var y = layer.call(x);
            Assert.Equal(type, y.dtype);
            y.sum().backward();
            layer.to(ScalarType.Float64);
            using var z = layer.call(x.to(ScalarType.Float64));
            layer.Enabled = false;
            using var own = layer.call(x.to(ScalarType.Float64));
            var rounding = (own - before.to(ScalarType.Float64)).abs().max().item<double>(); // of the layer itself: convolutions in half precision are far off on some CPUs
            Assert.InRange((z - y.to(ScalarType.Float64)).abs().max().item<double>(), 0, .1 + 3 * rounding);
            Assert.Equal(layer.state_dict().Keys, layer.named_parameters().Concat(layer.named_buffers().Select(entry => (entry.name, (TorchSharp.Modules.Parameter)null!))).Select(entry => entry.Item1));
        }
    }
}
