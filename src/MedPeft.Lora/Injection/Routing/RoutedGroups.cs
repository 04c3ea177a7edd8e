using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Routing;

/// <summary>The updates of a layer of any kind for a batch whose samples use different adapters: the samples of each adapter by themselves.</summary>
internal sealed class RoutedGroups(Samples samples, string path, IReadOnlyDictionary<string, AdapterLayer> layers)
{
    /// <summary>Puts each sample's update into the output, in place.</summary>
    public Tensor Apply(Tensor input, Tensor output)
    {
        var each = samples.RowsOfEach(input, path);
        foreach (var (name, layer) in layers)
        {
            using var index = samples.Index(name, each, input.device);
            using Tensor own = input.index_select(0, index), plain = output.index_select(0, index);
            var updated = layer.UpdateOf(own, plain);
            output.index_copy_(0, index, updated);
            if (!ReferenceEquals(updated, plain)) updated.Dispose();
        }
        return output;
    }
}
