using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Routing;

/// <summary>A module of which each adapter has its own values, for a batch whose samples use different adapters.</summary>
/// <remarks>Linear layers, normalisations and biases run as one product; other modules run once for each adapter of the batch, with its samples.</remarks>
internal sealed class RoutedModule : IDisposable
{
    private readonly Samples _samples;
    private readonly string _path;
    private readonly nn.Module<Tensor, Tensor> _module;
    private readonly IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>> _values; // by owner, by name below the module
    private readonly Tensor? _weight, _bias; // of all samples
    private readonly Action _unhook;

    public RoutedModule(Samples samples, string path, nn.Module<Tensor, Tensor> module, IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>> values)
    {
        (_samples, _path, _module) = (samples, path, module);
        // Copies: one of the owners' values lie in the model, where running the others would overwrite them.
        _values = values.ToDictionary(owner => owner.Key, owner => (IReadOnlyDictionary<string, Tensor>)owner.Value.ToDictionary(entry => entry.Key, entry => entry.Value.detach().clone().DetachFromDisposeScope()));
        var keys = values.Values.First().Keys.ToHashSet();
        using var none = no_grad();
        if (module is Linear or LayerNorm || (module is Conv2d && keys.SetEquals(["bias"])))
        {
            if (keys.Contains("weight")) _weight = Stacked("weight");
            if (keys.Contains("bias")) _bias = Stacked("bias");
            if (module is Linear && _weight is null && _bias is not null) _bias.sub_(((Linear)module).bias!);
            if (module is Conv2d convolution) _bias!.sub_(convolution.bias!);
        }
        _unhook = module.register_forward_hook((_, input, output) => Apply(input, output)).remove;
    }

    /// <summary>True once a pass has run through the module.</summary>
    public bool Reached { get; set; }

    /// <summary>Where it is.</summary>
    public string Path => _path;

    public void Dispose()
    {
        _unhook();
        foreach (var value in _values.Values.SelectMany(own => own.Values)) value.Dispose();
        _weight?.Dispose();
        _bias?.Dispose();
    }

    private Tensor Apply(Tensor input, Tensor output)
    {
        Reached = true;
        var each = _samples.RowsOfEach(input, _path);
        var count = _samples.Names.Count;
        switch (_module)
        {
            case Linear when _weight is not null:
                using (output)
                using (var x = input.reshape(count, -1, input.shape[^1])) // [S, n, in]
                using (var y = x.bmm(_weight)) // [S, n, out]
                {
                    if (_bias is not null) y.PlusInPlace(_bias);
                    else if (((Linear)_module).bias is { } shared) y.PlusInPlace(shared);
                    return y.reshape(output.shape);
                }
            case Linear:
                using (var y = output.view(count, -1, output.shape[^1])) y.PlusInPlace(_bias!);
                return output;
            case Conv2d:
                using (var y = output.view(count, each, output.shape[1], -1)) // [S, k, C, H·W]
                using (var shift = _bias!.unsqueeze(-1)) // [S, 1, C, 1]
                    y.PlusInPlace(shift);
                return output;
            case LayerNorm norm when _weight is not null || _bias is not null:
                var shape = norm.normalized_shape;
                using (output)
                using (var plain = nn.functional.layer_norm(input, shape, _weight is null ? norm.weight : null, null, norm.eps))
                using (var y = plain.reshape([count, -1, .. shape]))
                {
                    if (_weight is not null) y.mul_(_weight);
                    if (_bias is not null) y.PlusInPlace(_bias);
                    else if (norm.bias is { } shared) y.PlusInPlace(shared);
                    return y.reshape(output.shape);
                }
            default:
                return Grouped(input, output, each);
        }
    }

    private Tensor Grouped(Tensor input, Tensor output, long each)
    {
        var state = _module.state_dict();
        var before = _values.Values.First().Keys.ToDictionary(key => key, key => state[key].detach().clone());
        try
        {
            foreach (var name in _samples.Names.Distinct())
            {
                foreach (var (key, value) in _values[name ?? OwnValues.Plain]) state[key].copy_(value);
                using var index = _samples.Index(name, each, input.device);
                using var own = input.index_select(0, index);
                using var result = _module.forward(own);
                output.index_copy_(0, index, result);
            }
            return output;
        }
        finally
        {
            foreach (var (key, value) in before)
                using (value)
                    state[key].copy_(value);
        }
    }

    // [S, 1, ...] in the module's own type; the weight of a linear layer transposed, [S, in, out].
    private Tensor Stacked(string key)
    {
        using var scope = NewDisposeScope();
        var like = _module.get_parameter(key)!;
        var all = stack([.. _samples.Names.Select(name => _values[name ?? OwnValues.Plain][key].detach().to(like.dtype, like.device))], 0);
        return (key == "weight" && _module is Linear ? all.transpose(1, 2).contiguous() : all.unsqueeze(1)).DetachFromDisposeScope();
    }
}
