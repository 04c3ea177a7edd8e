using System.Text.Json;
using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>A checkpoint in several files beside its index (<c>model.safetensors.index.json</c>): tensor names to file names.</summary>
internal sealed class ShardedFile : TensorFile
{
    private const int Largest = 64_000_000, MostShards = 1000;
    private readonly Dictionary<string, TensorFile> shards;
    private readonly Dictionary<string, string> map;

    private ShardedFile(string path, Dictionary<string, TensorFile> shards, Dictionary<string, string> map, Dictionary<string, TensorInfo> tensors)
        : base(path, tensors, new Dictionary<string, string>()) => (this.shards, this.map) = (shards, map);

    /// <inheritdoc/>
    public override string Kind => $"{shards.Values.First().Kind}, {shards.Count} shard{(shards.Count == 1 ? "" : "s")}";

    /// <summary>Reads the index and opens every shard that it names.</summary>
    public static ShardedFile Open(FileSource source)
    {
        var map = ReadMap(source);
        var shards = new Dictionary<string, TensorFile>(StringComparer.Ordinal);
        try
        {
            var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(source.Path))!;
            var tensors = new Dictionary<string, TensorInfo>(map.Count, StringComparer.Ordinal);
            foreach (var (name, file) in map)
            {
                if (!shards.TryGetValue(file, out var shard)) shards.Add(file, shard = OpenShard(source, folder, file, shards.Count));
                if (!shard.Tensors.TryGetValue(name, out var info)) throw new CheckpointException(source.Path, $"the index says that {Quoted.Text(file)} holds this tensor, but it does not. Index and files do not belong together.", name);
                tensors.Add(name, info);
            }

            foreach (var (file, shard) in shards)
                if (shard.Tensors.Keys.FirstOrDefault(name => !map.TryGetValue(name, out var listed) || listed != file) is { } unlisted)
                    throw new CheckpointException(source.Path, $"{Quoted.Text(file)} holds this tensor, but the index does not say so. Index and files do not belong together.", unlisted);
            return new ShardedFile(source.Path, shards, map, tensors);
        }
        catch
        {
            foreach (var shard in shards.Values) shard.Dispose();
            throw;
        }
    }

    private protected override Tensor ReadCore(TensorInfo info) => shards[map[info.Name]].Read(info.Name);

    private protected override Tensor MapCore(TensorInfo info) => shards[map[info.Name]].Map(info.Name);

    private protected override void Close()
    {
        foreach (var shard in shards.Values) shard.Dispose();
    }

    private static TensorFile OpenShard(FileSource source, string folder, string file, int already)
    {
        if (already == MostShards) throw new CheckpointException(source.Path, $"the index names more than {MostShards} files; no checkpoint has so many.");

        // Only a plain name: an index must not lead to files elsewhere on the machine.
        var plain = file.Length > 0 && file is not ("." or "..") && file.IndexOfAny(['/', '\\', ':']) < 0 && !file.Any(char.IsControl);
        if (!plain) throw new CheckpointException(source.Path, $"the index leads to {Quoted.Text(file)}; only files beside it are opened, named without a path.");
        var path = System.IO.Path.Combine(folder, file);
        if (!File.Exists(path)) throw new CheckpointException(source.Path, $"the index names {Quoted.Text(file)}, which is not beside it. Fetch all files of the checkpoint.");
        return Checkpoint.OpenFile(path, allowIndex: false);
    }

    private static Dictionary<string, string> ReadMap(FileSource source)
    {
        if (source.Length > Largest) throw new CheckpointException(source.Path, $"this JSON text has {source.Length} bytes; an index has at most {Largest}.");
        var json = new byte[source.Length];
        source.Read(0, json);
        var bytes = json.AsSpan();
        if (bytes.StartsWith("\ufeff"u8)) bytes = bytes[3..];
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 16 });
        try
        {
            return System.Text.Unicode.Utf8.IsValid(bytes) && ReadRoot(ref reader, source.Path) is { Count: > 0 } map ? map
                : throw new CheckpointException(source.Path, "this is a JSON text without 'weight_map', not a checkpoint. Of a sharded checkpoint open the index, e.g. model.safetensors.index.json; of a PEFT folder the file adapter_model.safetensors.");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException(source.Path, "this looks like the index of a sharded checkpoint, but is not valid JSON. The file is damaged: fetch it again.", offset: reader.BytesConsumed, innerException: error);
        }
    }

    private static Dictionary<string, string>? ReadRoot(ref Utf8JsonReader reader, string path)
    {
        Dictionary<string, string>? map = null;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMap = reader.ValueTextEquals("weight_map"u8);
            reader.Read();
            if (!isMap || reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            if (map is not null) throw new CheckpointException(path, "the index holds two lists of tensors (weight_map). The file is damaged: fetch it again.");
            map = new Dictionary<string, string>(StringComparer.Ordinal);
            var files = new Dictionary<string, string>(StringComparer.Ordinal);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                reader.Read();
                if (reader.TokenType != JsonTokenType.String) throw new CheckpointException(path, "the index names no file for this tensor. The file is damaged: fetch it again.", name);
                var file = reader.GetString()!;
                if (!files.TryAdd(file, file)) file = files[file];
                if (map.Count == Limits.Entries || !map.TryAdd(name, file)) throw new CheckpointException(path, "the index lists this tensor twice, or more tensors than any checkpoint has. The file is damaged: fetch it again.", name);
            }
        }

        while (reader.Read()) reader.Skip();
        return map;
    }
}
