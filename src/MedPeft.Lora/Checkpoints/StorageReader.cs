using System.Buffers;
using MedPeft.Lora.Checkpoints.Pickle;
using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Brings tensors out of a PyTorch file: contiguous ones straight from the disk, strided ones through their part of the storage.</summary>
internal sealed class StorageReader(FileSource source, TorchFile file) : IDisposable
{
    /// <summary>Reads the bytes of a region once and compares them with its checksum.</summary>
    public static void Verify(FileSource source, StorageRegion region)
    {
        if (region.Crc is null || region.Verified) return;
        var crc = new Crc32();
        var buffer = ArrayPool<byte>.Shared.Rent(Limits.Chunk);
        try
        {
            for (long done = 0; done < region.Bytes;)
            {
                var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, region.Bytes - done));
                source.Read(region.Offset + done, piece);
                crc.Append(piece);
                done += piece.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Conclude(source, region, crc.Value);
    }

    /// <summary>Reads a tensor into memory of its own.</summary>
    public Tensor Read(PickleTensor tensor)
    {
        var dtype = tensor.Type.Torch!.Value;
        if (tensor.Count == 0) return empty(tensor.Shape, dtype: dtype);
        var region = file.Regions[tensor.Storage.Key];
        var flat = empty([tensor.Span], dtype: dtype);
        try
        {
            Fill(flat, region, Start(tensor), tensor.Span * tensor.Type.Bytes);
            if (file.BigEndian) SwapBytes(flat, tensor);
            if (tensor.IsContiguous) return flat.view(tensor.Shape);
            using var strided = flat.as_strided(tensor.Shape, tensor.Stride, 0);
            return strided.contiguous();
        }
        finally
        {
            flat.Dispose();
        }
    }

    /// <summary>Maps a tensor where its bytes can be used as they lie, else reads it.</summary>
    public Tensor Map(PickleTensor tensor)
    {
        if (tensor.Count == 0 || (file.BigEndian && tensor.Type.Bytes > 1)) return Read(tensor);
        var region = file.Regions[tensor.Storage.Key];
        using var flat = source.TryMap(region.Offset + Start(tensor), tensor.Span, tensor.Type);
        if (flat is null) return Read(tensor);
        Verify(source, region);
        return tensor.IsContiguous ? flat.view(tensor.Shape) : flat.as_strided(tensor.Shape, tensor.Stride, flat.storage_offset());
    }

    /// <inheritdoc/>
    public void Dispose() => source.Dispose();

    private static long Start(PickleTensor tensor) => tensor.Storage.Start * tensor.Storage.Type.Bytes + tensor.Offset * tensor.Type.Bytes;

    private void Fill(Tensor flat, StorageRegion region, long start, long bytes)
    {
        // One pass over the disk where the tensor is all of its storage, as most are.
        if (region.Crc is null || region.Verified || bytes != region.Bytes)
        {
            Verify(source, region);
            source.Read(region.Offset + start, flat);
            return;
        }

        var crc = new Crc32();
        source.Read(region.Offset, flat, piece => crc.Append(piece));
        Conclude(source, region, crc.Value);
    }

    private static void Conclude(FileSource source, StorageRegion region, uint found)
    {
        if (found != region.Crc)
            throw new CheckpointException(source.Path, $"the checksum of the bytes is {found:x8}, but the archive states {region.Crc:x8}. The file is damaged: fetch it again.", region.Entry, region.Offset);
        region.Verified = true;
    }

    private void SwapBytes(Tensor flat, PickleTensor tensor)
    {
        if (tensor.Storage.Type != tensor.Type)
            throw new CheckpointException(source.Path, "an untyped storage written on a big-endian machine. Save it again on another machine.", file.Regions[tensor.Storage.Key].Entry);
        var part = tensor.Type.Name is "C64" or "C128" ? tensor.Type.Bytes / 2 : tensor.Type.Bytes;
        if (part == 1) return;
        foreach (var piece in TensorBytes.Pieces(flat))
        {
            using (piece)
                for (var bytes = piece.bytes; !bytes.IsEmpty; bytes = bytes[part..]) bytes[..part].Reverse();
        }
    }
}
