namespace MedPeft.Lora.Injection;

/// <summary>Names of modules: paths whose parts are joined by dots.</summary>
internal static class ModulePath
{
    /// <summary>True if the name is the path, or its end from a dot on. A match never crosses a dot: <c>kv</c> is no end of <c>attn.qkv</c>.</summary>
    /// <remarks>TorchSharp registers an automatic property under its backing field, <c>&lt;Head&gt;k__BackingField</c>; it may be called <c>Head</c>.</remarks>
    public static bool Matches(string name, string path) => IsEnd(name, path) || (path.Contains('<', StringComparison.Ordinal) && IsEnd(name, Plain(path)));

    /// <summary>The path with properties under their own names.</summary>
    public static string Plain(string path) => Checkpoints.StateDictFile.Plain(path);

    private static bool IsEnd(string name, string path) =>
        path.EndsWith(name, StringComparison.Ordinal) && (path.Length == name.Length || path[path.Length - name.Length - 1] == '.');

    /// <summary>The part after the last dot.</summary>
    public static string Last(string path) => path[(path.LastIndexOf('.') + 1)..];

    /// <summary>True if the path is the module or lies below it.</summary>
    public static bool IsWithin(string path, string module) =>
        path.StartsWith(module, StringComparison.Ordinal) && (path.Length == module.Length || path[module.Length] == '.');
}
