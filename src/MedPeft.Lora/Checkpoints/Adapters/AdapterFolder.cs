namespace MedPeft.Lora.Checkpoints.Adapters;

/// <summary>The files of an adapter: PEFT's two and one of our own beside them.</summary>
internal static class AdapterFolder
{
    public const string Weights = "adapter_model.safetensors";
    public const string PickledWeights = "adapter_model.bin";
    public const string Config = "adapter_config.json";
    public const string OwnConfig = "medpeft_config.json";
    public const string DefaultName = "default";

    /// <summary>The folder of a named adapter: PEFT keeps all but <c>default</c> in folders of their names.</summary>
    public static string Of(string folder, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name is "." or ".." || name.IndexOfAny(['/', '\\', ':']) >= 0 || name.Any(char.IsControl))
            throw new ArgumentException($"{Quoted.Text(name)} is no name of an adapter: it becomes a folder's name, so leave out / \\ and :.", nameof(name));
        return name == DefaultName ? folder : Path.Combine(folder, name);
    }

    /// <summary>The configuration file of an adapter.</summary>
    /// <exception cref="CheckpointException">There is none; the message says what is there instead.</exception>
    public static string ConfigOf(string folder)
    {
        if (File.Exists(folder)) throw new CheckpointException(folder, $"this is a file; an adapter is a folder with {Config} and {Weights}. Name the folder.");
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, $"there is no such folder. An adapter is a folder with {Config} and {Weights}.");
        var path = FolderCommit.Current(folder, Config);
        if (File.Exists(path)) return path;
        var named = Directory.EnumerateDirectories(folder).Where(inner => File.Exists(Path.Combine(inner, Config))).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        throw new CheckpointException(folder, $"the folder has no {Config}. " + (named.Count > 0
            ? $"Adapters in it by other names: {Quoted.Some(named!, named.Count)}; name the one wanted."
            : "Name the folder that PEFT's save_pretrained or Save has written."));
    }

    /// <summary>The weights of an adapter, in safetensors or as PEFT wrote them before.</summary>
    public static TensorFile OpenWeights(string folder)
    {
        var path = FolderCommit.Current(folder, Weights);
        if (File.Exists(path)) return Safetensors.Open(path);
        path = Path.Combine(folder, PickledWeights);
        return File.Exists(path) ? Checkpoint.OpenFile(path, allowIndex: false)
            : throw new CheckpointException(folder, $"the folder has {Config}, but neither {Weights} nor {PickledWeights}. Fetch all files of the adapter.");
    }

    /// <summary>Our own file of an adapter; null where another program has made it.</summary>
    public static string? OwnConfigOf(string folder) => FolderCommit.Current(folder, OwnConfig) is var path && File.Exists(path) ? path : null;
}
