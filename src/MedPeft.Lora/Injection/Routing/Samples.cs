using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Routing;

/// <summary>Which adapter each sample of a batch uses.</summary>
internal sealed class Samples(IReadOnlyList<string?> names)
{
    /// <summary>The adapter of each sample; null for the plain model.</summary>
    public IReadOnlyList<string?> Names => names;

    /// <summary>The adapters that occur.</summary>
    public IReadOnlyList<string> Used { get; } = [.. names.OfType<string>().Distinct()];

    /// <summary>Rows of a tensor that belong to one sample: more than one where a model folds windows or tokens into the batch.</summary>
    /// <exception cref="LoraException">The tensor's first dimension is not that of the batch, or gradients are recorded.</exception>
    public long RowsOfEach(Tensor input, string path)
    {
        if (is_grad_enabled()) throw new LoraException("A batch whose samples use different adapters trains none of them. Run it under torch.no_grad().");
        var size = input.dim() == 0 ? 0 : input.shape[0];
        if (size > 0 && size % names.Count == 0) return size / names.Count;
        throw new LoraException($"Route names the adapters of {names.Count} samples, but '{path}' sees [{string.Join(", ", input.shape)}], which is no batch of so many. Name one adapter for each sample of the batch; the batch must be the first dimension.");
    }

    /// <summary>The rows of the samples that use an adapter, as an index on a device; caller owns.</summary>
    public Tensor Index(string? name, long rowsOfEach, Device device) =>
        tensor(Enumerable.Range(0, names.Count).Where(i => names[i] == name).SelectMany(i => Enumerable.Range(0, (int)rowsOfEach).Select(row => i * rowsOfEach + row)).ToArray(), ScalarType.Int64, device);
}
