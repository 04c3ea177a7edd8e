using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>One open safetensors file.</summary>
internal sealed class SafetensorsFile(FileSource source, SafetensorsHeader header) : TensorFile(source.Path, header.Tensors, header.Metadata)
{
    /// <inheritdoc/>
    public override string Kind => "safetensors";

    private protected override Tensor ReadCore(TensorInfo info)
    {
        var tensor = empty(info.Shape, dtype: info.DType);
        try
        {
            source.Read(header.Offset(info.Name), tensor);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    private protected override Tensor MapCore(TensorInfo info)
    {
        var type = ElementType.Of(info.DType!.Value)!;
        using var flat = source.TryMap(header.Offset(info.Name), info.Bytes / type.Bytes, type);
        return flat is null ? ReadCore(info) : flat.view(info.Shape);
    }

    private protected override void Close() => source.Dispose();
}
