using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>An open file that is read by position: safe from several threads, and a file cut off meanwhile is an error, not a fault.</summary>
internal sealed class FileSource : IDisposable
{
    private readonly SafeFileHandle handle;
    private readonly Dictionary<ScalarType, Tensor> maps = [];

    private FileSource(string path, SafeFileHandle handle) => (Path, this.handle, Length) = (path, handle, RandomAccess.GetLength(handle));

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>Bytes of the file when it was opened.</summary>
    public long Length { get; }

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="CheckpointException">There is no such file, it is a folder, it is empty or may not be read.</exception>
    public static FileSource Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new CheckpointException(path, "this is a folder. Name the checkpoint file in it.");
        FileSource source;
        try
        {
            source = new FileSource(path, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete));
        }
        catch (Exception error) when (IoFault.Is(error) || error is ArgumentException)
        {
            throw new CheckpointException(path, $"the file cannot be opened: {IoFault.Reason(error)}.", innerException: error);
        }

        if (source.Length > 0) return source;
        source.Dispose();
        throw new CheckpointException(path, "the file is empty. Its download or copy was interrupted: fetch it again.");
    }

    /// <summary>Reads exactly as many bytes as the destination holds.</summary>
    public void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read;
            try
            {
                read = RandomAccess.Read(handle, destination, offset);
            }
            catch (Exception error) when (IoFault.Is(error))
            {
                throw new CheckpointException(Path, $"the file cannot be read: {IoFault.Reason(error)}.", offset: offset, innerException: error);
            }

            if (read == 0) throw new CheckpointException(Path, $"the file ends here; it had {Length} bytes when it was opened. Fetch it again.", offset: offset);
            destination = destination[read..];
            offset += read;
        }
    }

    /// <summary>Fills a contiguous tensor from the file.</summary>
    /// <param name="offset">First byte in the file.</param>
    /// <param name="tensor">On the CPU and contiguous.</param>
    /// <param name="seen">Called with each piece, in order, while it is still in the processor's cache.</param>
    public void Read(long offset, Tensor tensor, SpanAction? seen = null)
    {
        foreach (var piece in TensorBytes.Pieces(tensor))
        {
            using (piece)
            {
                var bytes = piece.bytes;
                Read(offset, bytes);
                seen?.Invoke(bytes);
                offset += bytes.Length;
            }
        }
    }

    /// <summary>Maps elements of the file as a tensor: pages come from the disk when they are touched, writes stay private.</summary>
    /// <returns>[count], caller owns; or null when the position is not a multiple of the element size.</returns>
    public Tensor? TryMap(long offset, long count, ElementType type)
    {
        if (type.Torch is not { } torchType || count == 0 || offset % type.Bytes != 0) return null;
        lock (maps)
        {
            if (!maps.TryGetValue(torchType, out var whole))
            {
                whole = from_file(MapPath(), shared: false, size: Length / type.Bytes, dtype: torchType).DetachFromDisposeScope();
                maps.Add(torchType, whole);
            }

            // The last elements may share an incomplete one with the end of the file; then the map is one element short.
            return offset / type.Bytes + count <= Length / type.Bytes ? whole.narrow(0, offset / type.Bytes, count) : null;
        }
    }

    /// <summary>Closes the file. Tensors already mapped stay valid.</summary>
    public void Dispose()
    {
        handle.Dispose();
        lock (maps)
        {
            foreach (var map in maps.Values) map.Dispose();
            maps.Clear();
        }
    }

    // libtorch opens by name, and by then the name may belong to another file (an atomic save replaces it): go through our open file.
    private string MapPath() => OperatingSystem.IsLinux() ? $"/proc/self/fd/{handle.DangerousGetHandle()}"
        : OperatingSystem.IsMacOS() ? $"/dev/fd/{handle.DangerousGetHandle()}"
        : System.IO.Path.GetFullPath(Path);
}

/// <summary>Sees a piece of memory.</summary>
internal delegate void SpanAction(ReadOnlySpan<byte> bytes);
