using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using MedPeft.Lora.Checkpoints.Pickle;

namespace MedPeft.Lora.Checkpoints;

/// <summary>The stream form of torch.save before PyTorch 1.6: five pickles (mark, version, system, value, keys), then each storage as its count and its bytes.</summary>
internal static class TorchLegacy
{
    private const int Version = 1001;
    private static readonly BigInteger Mark = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Reads and checks everything but the storages' bytes.</summary>
    public static TorchFile Read(FileSource source)
    {
        var reader = new PickleReader(source, 0, source.Length);
        if (Next(reader) is not BigInteger mark || mark != Mark)
            throw new CheckpointException(source.Path, "this is a plain Python pickle, not a file of torch.save. Load it in Python where it comes from, and save its weights: torch.save(weights, \"weights.pth\").");
        if (Next(reader) is not (long)Version) throw reader.Fault($"the version of the stream is not {Version}");
        if (Next(reader) is not PickleDict) throw reader.Fault("the stream does not say on which system it was written");

        // Elements lie with the lowest byte first on every system: torch.save turned them around where it had to.
        var objects = new TorchObjects(reader);
        var value = new PickleMachine(reader, objects).Run();
        if (objects.PickledModule is { } type) throw StateDictView.WholeModule(source.Path, type);
        if (Next(reader) is not PickleList keys) throw reader.Fault("the stream does not list its storages");
        if (reader.Position > Limits.Pickle) throw reader.Fault($"the pickles have {reader.Position} bytes; at most {Limits.Pickle} are read");
        return new TorchFile("PyTorch legacy stream", value, Regions(source, reader, objects, keys.Items), BigEndian: false);
    }

    private static object? Next(PickleReader reader) => new PickleMachine(reader, new TorchObjects(reader)).Run();

    private static Dictionary<string, StorageRegion> Regions(FileSource source, PickleReader reader, TorchObjects objects, List<object?> keys)
    {
        var regions = new Dictionary<string, StorageRegion>(StringComparer.Ordinal);
        Span<byte> number = stackalloc byte[8];
        var position = reader.Position;
        foreach (var item in keys)
        {
            if (item is not string key || !objects.Storages.TryGetValue(key, out var storage)) throw new CheckpointException(source.Path, "the stream lists a storage that no tensor names. The file is damaged: fetch it again.", item?.ToString(), position);
            var entry = $"storage {key}";
            if (source.Length - position < 8) throw Cut(source, entry, position);
            source.Read(position, number);
            var count = BinaryPrimitives.ReadInt64LittleEndian(number);
            if (count != storage.Count) throw new CheckpointException(source.Path, $"the storage should hold {storage.Count} elements, but says {count}. The file is damaged: fetch it again.", entry, position);
            position += 8;
            if (storage.Bytes > source.Length - position) throw Cut(source, entry, position);
            if (!regions.TryAdd(key, new StorageRegion(entry, position, storage.Bytes, null))) throw new CheckpointException(source.Path, "the stream lists this storage twice. The file is damaged: fetch it again.", entry, position);
            position += storage.Bytes;
        }

        if (objects.Storages.Keys.FirstOrDefault(key => !regions.ContainsKey(key)) is { } missing) throw new CheckpointException(source.Path, "a tensor names this storage, but the stream does not hold it. The file is damaged: fetch it again.", $"storage {missing}");
        if (position != source.Length) throw new CheckpointException(source.Path, $"{source.Length - position} unknown bytes follow the last storage. The file is damaged: fetch it again.", offset: position);
        return regions;
    }

    private static CheckpointException Cut(FileSource source, string entry, long position) =>
        new(source.Path, $"the file ends at {source.Length}, in the middle of the storage. Its download or copy was interrupted: fetch it again.", entry, position);
}
