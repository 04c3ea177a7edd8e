using MedPeft.Lora.Common;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>
/// Lets the frozen linear and convolution layers of a model compute in half precision until it is disposed; then their float32 weights are back, bit
/// for bit. Norms, the residual stream and all that trains stay float32: each layer casts its own input.
/// </summary>
internal sealed class PrecisionScope : IDisposable
{
    private readonly List<(nn.Module Layer, List<Tensor> Weights)> _kept = [];
    private readonly List<Action> _unhook = [];
    private readonly (bool Products, bool Convolutions)? _callersTf32;
    private bool _casts;

    private PrecisionScope(nn.Module model, TrainingOptions options, Device device)
    {
        if (options.TensorFloat32 && device.type == DeviceType.CUDA)
        {
            _callersTf32 = (backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32);
            (backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32) = (true, true);
        }

        if (options.Precision == Precision.Float32) return;
        var half = options.Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float16;
        foreach (var layer in Layers(model)) Convert(layer, half, device);
        if (_casts) return;
        foreach (var unhook in _unhook) unhook(); // everything computes in float32, so nothing needs a cast: hooks would only keep layers from the faster product
        _unhook.Clear();
    }

    /// <exception cref="TrainingException">The device cannot compute so.</exception>
    public static PrecisionScope Enter(nn.Module model, TrainingOptions options, Device device)
    {
        if (!Enum.IsDefined(options.Precision)) throw new TrainingException($"Precision {options.Precision} is unknown; choose Float32, BFloat16 or Float16.");
        if (options.Precision == Precision.Float16 && device.type != DeviceType.CUDA)
            throw new TrainingException($"Precision Float16 needs a CUDA device; this run is on {device}. Choose BFloat16, which needs no loss scaler, or Device \"cuda\".");
        return new PrecisionScope(model, options, device);
    }

    public void Dispose()
    {
        using var guard = no_grad();
        foreach (var unhook in _unhook) unhook();
        foreach (var (layer, weights) in _kept)
        {
            layer.to(ScalarType.Float32);
            foreach (var (parameter, weight) in layer.parameters().Zip(weights))
            {
                parameter.copy_(weight);
                weight.Dispose();
            }
        }

        if (_callersTf32 is { } tf32) (backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32) = tf32;
    }

    // An adapter hides the layer that it adapts from the tree.
    private static IEnumerable<nn.Module<Tensor, Tensor>> Layers(nn.Module model) =>
        model.modules().Prepend(model)
            .Where(module => module is not AdapterLayer { IsPartOfNative: true }) // its parameters are those of a layer in native code, which cannot follow
            .Select(module => module is AdapterLayer adapter ? adapter.Base : module)
            .OfType<nn.Module<Tensor, Tensor>>()
            .Where(module => module.GetType().Assembly == typeof(Linear).Assembly && module.parameters(false).Any())
            .Distinct<nn.Module<Tensor, Tensor>>(ReferenceEqualityComparer.Instance);

    private static bool IsSafe(nn.Module layer, Device device) =>
        layer is not Convolution convolution || layer.get_parameter("weight")!.shape is var shape && (!SmallConvolutions.NeedsLanes(device.type, convolution.groups, shape)
            || (shape[0] % SmallConvolutions.Lanes == 0 && shape[1] % SmallConvolutions.Lanes == 0));

    private void Convert(nn.Module<Tensor, Tensor> layer, ScalarType half, Device device)
    {
        var parameters = layer.parameters(false).ToList();
        var type = parameters[0].dtype;
        if (layer is Linear or Conv1d or Conv2d && IsSafe(layer, device) && parameters.TrueForAll(parameter => !parameter.requires_grad && parameter.dtype == ScalarType.Float32))
        {
            using var guard = no_grad();
            _kept.Add((layer, [.. parameters.Select(parameter => parameter.detach().clone().DetachFromDisposeScope())]));
            layer.to(half);
            type = half;
        }

        _casts |= type != ScalarType.Float32;
        if (layer is Embedding) return; // takes positions, not numbers
        Tensor? cast = null;
        _unhook.Add(layer.register_forward_pre_hook((_, input) => input.dtype == type ? input : cast = input.to(type)).remove);
        _unhook.Add(layer.register_forward_hook((_, _, output) =>
        {
            // Whatever autograd needs of it, it holds by itself.
            cast?.Dispose();
            cast = null;
            return output;
        }).remove);
    }
}
