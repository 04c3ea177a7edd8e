using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen transformer block that sees trained tokens after those it is given: [x; P].</summary>
/// <remarks>Jia et al. 2022, §3.2, arXiv:2203.12119. The state dict has <c>prompt</c>, [tokens, C].</remarks>
public sealed class PromptLayer : AdapterLayer
{
    /// <summary>Name of the prompts.</summary>
    internal const string Prompt = "prompt";

    private readonly bool _endsHere;
    private readonly Action _unhookInput;
    private readonly Action? _unhookEnd;
    private readonly ThreadLocal<Tensor?> _joined = new(); // the input at hand, between the hook before the block and the one after it

    internal PromptLayer(nn.Module<Tensor, Tensor> block, PromptConfig config, Generator generator) : base(nameof(PromptLayer), block, Start(block, config, generator))
    {
        _unhookInput = block.register_forward_pre_hook((_, input) => Join(input)).remove;
        _endsHere = config.End is null || ReferenceEquals(config.End, block);
        if (!_endsHere) _unhookEnd = config.End!.register_forward_hook((_, _, output) => TakesPart ? Leave(output) : output).remove;
    }

    /// <inheritdoc/>
    public override string Kind => Base.GetType().Name;

    /// <summary>The prompts, [tokens, C]. Read them again after <c>to</c>, which replaces them.</summary>
    public Parameter Prompts => Adapter[0].Value;

    internal override string MergeObstacle => "Prompts are tokens beside the image's and are part of no weight, so that they cannot be merged. Use the adapter as it is, or remove it.";

    internal override string? SharingObstacle => $"The prompts of adapter '{AdapterName}' are tokens that all samples and adapters would see. Use one adapter of prompts at a time.";

    private protected override Parameter Weight => Prompts;

    /// <summary>The norm of the prompts; they change no weight that it could be compared with.</summary>
    internal override (double Delta, double Weight) Norms() => (Norm(Prompts), 0);

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        if (ReferenceEquals(_joined.Value, input)) input.Dispose(); // made by the hook before the block, which nobody else sees
        _joined.Value = null;
        return _endsHere ? Leave(output) : output;
    }

    private protected override Tensor ExactDelta() => throw new LoraException(MergeObstacle);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _unhookInput();
            _unhookEnd?.Invoke();
            _joined.Dispose();
        }
        base.Dispose(disposing);
    }

    private Tensor Join(Tensor tokens)
    {
        if (!TakesPart) return tokens;
        if (tokens.dim() != 3 || tokens.shape[2] != Prompts.shape[1])
            throw new LoraException($"A block with prompts of {Prompts.shape[1]} channels takes tokens of [B, N, {Prompts.shape[1]}]; found [{string.Join(", ", tokens.shape)}]. Name the blocks of a transformer in Targets.");
        using Tensor typed = Prompts.to(tokens.dtype), batch = typed.expand(tokens.shape[0], -1, -1);
        return _joined.Value = cat([tokens, batch], 1); // [B, N + tokens, C]
    }

    private Tensor Leave(Tensor output)
    {
        using (output) return output.narrow(1, 0, output.shape[1] - Prompts.shape[0]);
    }

    private static (string, Tensor) Start(nn.Module<Tensor, Tensor> block, PromptConfig config, Generator generator)
    {
        var like = block.parameters().First();
        var shape = config.Shapes(block)[0].Shape;
        var bound = Math.Sqrt(6 / (3.0 * config.PatchSize * config.PatchSize + shape[1]));
        using var values = empty(shape, AdapterType(like)).uniform_(-bound, bound, generator);
        return (Prompt, values.to(like.device, copy: true));
    }
}
