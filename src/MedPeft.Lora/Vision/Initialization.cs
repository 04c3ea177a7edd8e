using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>Layers with the initial weights of timm's and MAE's vision transformers, from a generator of their own.</summary>
internal static class Initialization
{
    /// <summary>A linear layer with weights from N(0, std²) and no bias at first. timm truncates at ±2, which at std .02 is 100 deviations: never.</summary>
    public static nn.Module<Tensor, Tensor> Linear(long inputs, long outputs, Generator? generator, double std = .02) =>
        nn.Linear(Normal([outputs, inputs], generator, std), Own(zeros(outputs)));

    /// <summary>A linear layer by Xavier's uniform rule, as MAE pre-trains.</summary>
    public static nn.Module<Tensor, Tensor> XavierLinear(long inputs, long outputs, Generator generator)
    {
        var bound = Math.Sqrt(6.0 / (inputs + outputs));
        return nn.Linear(Own(empty(outputs, inputs).uniform_(-bound, bound, generator)), Own(zeros(outputs)));
    }

    /// <summary>A trained parameter from N(0, std²); without a generator its values are still to come, from a file.</summary>
    public static Parameter Normal(long[] shape, Generator? generator, double std) => Own(generator is null ? empty(shape) : empty(shape).normal_(0, std, generator));

    /// <summary>A parameter that outlives the dispose scope it is made in.</summary>
    public static Parameter Own(Tensor values, bool trained = true) => (Parameter)new Parameter(values, trained).DetachFromDisposeScope();
}
