using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>An open checkpoint: its tensors by name, read one at a time and only when asked for.</summary>
/// <remarks>Opening reads and checks the table of contents only. Reading is safe from several threads.</remarks>
public abstract class TensorFile : IDisposable
{
    private bool disposed;

    private protected TensorFile(string path, IReadOnlyDictionary<string, TensorInfo> tensors, IReadOnlyDictionary<string, string> metadata) =>
        (Path, Tensors, Metadata) = (path, tensors, metadata);

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>What kind of file it is, e.g. <c>safetensors</c> or <c>PyTorch zip</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>The tensors by name, in the order of the file.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>Text that the file carries beside its tensors (safetensors' <c>__metadata__</c>); empty if it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads one tensor into memory of its own.</summary>
    /// <param name="name">A key of <see cref="Tensors"/>.</param>
    /// <returns>A new contiguous CPU tensor of the stored type and shape; the caller owns it, and no dispose scope does.</returns>
    /// <exception cref="CheckpointException">There is no such tensor, TorchSharp has no such type, or the file is damaged.</exception>
    public Tensor Read(string name) => Open(name, ReadCore);

    /// <summary>Maps one tensor from the file without copying it, where the file's alignment permits; otherwise reads it.</summary>
    /// <remarks>
    /// The values come from the disk when they are first touched and take no memory of the process that the system could not drop.
    /// Writing to the tensor never changes the file. While the tensor lives, nobody may cut the file short:
    /// the process would end at the next access.
    /// </remarks>
    /// <param name="name">A key of <see cref="Tensors"/>.</param>
    /// <returns>A CPU tensor that outlives this object; the caller owns it, and no dispose scope does.</returns>
    /// <exception cref="CheckpointException">As for <see cref="Read"/>.</exception>
    public Tensor Map(string name) => Open(name, MapCore);

    /// <summary>Closes the file. Tensors that were read or mapped stay valid.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        Close();
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads a tensor that is known to exist and to have a type.</summary>
    private protected abstract Tensor ReadCore(TensorInfo info);

    /// <summary>Maps it, or reads it where it cannot be mapped.</summary>
    private protected abstract Tensor MapCore(TensorInfo info);

    /// <summary>Releases what the file holds open.</summary>
    private protected abstract void Close();

    private Tensor Open(string name, Func<TensorInfo, Tensor> open)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!Tensors.TryGetValue(name, out var info))
            throw new CheckpointException(Path, $"the checkpoint has no such tensor. It has {Quoted.Some(Tensors.Keys, Tensors.Count)}.", name);
        return Use(info, open);
    }

    /// <summary>Opens a tensor outside of all scopes, or refuses its type.</summary>
    private protected Tensor Use(TensorInfo info, Func<TensorInfo, Tensor> open)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (info.DType is null)
            throw new CheckpointException(Path, $"its type {info.DTypeName} has no counterpart in TorchSharp. Convert the tensor to F32 or BF16 before.", info.Name);
        using var none = no_grad();
        return open(info).DetachFromDisposeScope();
    }
}
