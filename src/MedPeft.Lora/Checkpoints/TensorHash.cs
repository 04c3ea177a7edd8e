using System.Security.Cryptography;
using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Feeds the bytes of tensors to a hash.</summary>
internal static class TensorHash
{
    public static void Append(IncrementalHash hash, Tensor tensor)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        foreach (var piece in TensorBytes.Pieces(tensor.detach().cpu().contiguous()))
            using (piece)
                hash.AppendData(piece.bytes);
    }
}
