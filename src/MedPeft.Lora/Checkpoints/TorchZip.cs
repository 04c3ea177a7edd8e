using System.Text;
using MedPeft.Lora.Checkpoints.Pickle;

namespace MedPeft.Lora.Checkpoints;

/// <summary>The zip form of torch.save (PyTorch 1.6 and later): <c>name/data.pkl</c>, <c>name/data/KEY</c>, <c>name/byteorder</c>.</summary>
internal static class TorchZip
{
    /// <summary>Reads and checks everything but the storages' bytes.</summary>
    public static TorchFile Read(FileSource source)
    {
        var zip = ZipTable.Read(source).Entries;
        var pickle = zip.Values.FirstOrDefault(entry => entry.Name.EndsWith("/data.pkl", StringComparison.Ordinal) && entry.Name.IndexOf('/') == entry.Name.Length - 9);
        if (pickle.Name is null) throw new CheckpointException(source.Path, $"this zip archive is no PyTorch checkpoint: it has no data.pkl. It holds {Quoted.Some(zip.Keys, zip.Count)}. If the checkpoint is inside, unpack it first.");
        var root = pickle.Name[..^8];
        if (zip.ContainsKey(root + "constants.pkl"))
            throw new CheckpointException(source.Path, "this is a TorchScript archive (it holds constants.pkl): a program, not weights. In Python, save its weights: torch.save(torch.jit.load(path).state_dict(), \"weights.pth\").", root + "constants.pkl");
        if (zip.Keys.FirstOrDefault(name => !name.StartsWith(root, StringComparison.Ordinal)) is { } stray)
            throw new CheckpointException(source.Path, $"the entry lies outside of {Quoted.Text(root)}. The file is damaged: fetch it again.", stray);
        if (zip.Values.FirstOrDefault(entry => entry.Method != 0) is { Name: not null } packed)
            throw new CheckpointException(source.Path, $"the entry is compressed (method {packed.Method}); torch.save stores its entries. Load the file in Python and save it again by torch.save.", packed.Name, packed.DataOffset);
        if (pickle.Size > Limits.Pickle) throw new CheckpointException(source.Path, $"the pickle has {pickle.Size} bytes; at most {Limits.Pickle} are read.", pickle.Name, pickle.DataOffset);

        var bigEndian = zip.TryGetValue(root + "byteorder", out var order) && ReadText(source, order) switch
        {
            "little" => false,
            "big" => true,
            var other => throw new CheckpointException(source.Path, $"the byte order is {Quoted.Text(other)}; known are little and big. The file is damaged: fetch it again.", order.Name, order.DataOffset),
        };
        Verify(source, pickle);
        var reader = new PickleReader(source, pickle.DataOffset, pickle.DataOffset + pickle.Size);
        var objects = new TorchObjects(reader);
        var value = new PickleMachine(reader, objects).Run();
        if (reader.Left > 0) throw reader.Fault($"{reader.Left} bytes follow the pickle's end");
        if (objects.PickledModule is { } type) throw StateDictView.WholeModule(source.Path, type);
        var regions = objects.Storages.Values.ToDictionary(storage => storage.Key, storage => Region(source, zip, root, storage), StringComparer.Ordinal);
        return new TorchFile("PyTorch zip", value, regions, bigEndian);
    }

    private static StorageRegion Region(FileSource source, Dictionary<string, ZipEntry> zip, string root, PickleStorage storage)
    {
        var name = $"{root}data/{storage.Key}";
        if (!zip.TryGetValue(name, out var entry)) throw new CheckpointException(source.Path, "the checkpoint names this storage, but the archive does not hold it. The file is damaged: fetch it again.", name);
        if (entry.Size != storage.Bytes) throw new CheckpointException(source.Path, $"the storage should be {storage.Count} elements of {storage.Type.Name}, which are {storage.Bytes} bytes, but the archive holds {entry.Size}. The file is damaged: fetch it again.", name, entry.DataOffset);
        return new StorageRegion(name, entry.DataOffset, entry.Size, entry.Crc);
    }

    private static string ReadText(FileSource source, ZipEntry entry)
    {
        var bytes = new byte[(int)Math.Min(entry.Size, 64)];
        source.Read(entry.DataOffset, bytes);
        Verify(source, entry);
        return Encoding.Latin1.GetString(bytes);
    }

    private static void Verify(FileSource source, ZipEntry entry) => StorageReader.Verify(source, new StorageRegion(entry.Name, entry.DataOffset, entry.Size, entry.Crc));
}
