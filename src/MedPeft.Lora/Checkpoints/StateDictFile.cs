using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>A model whose weights have other names or another form in files than in its state dict.</summary>
internal interface IStateDictFile
{
    /// <summary>The entries of the file; new tensors belong to the caller's dispose scope.</summary>
    IEnumerable<KeyValuePair<string, Tensor>> InFile(IEnumerable<KeyValuePair<string, Tensor>> state);
}

/// <summary>The weights of a module as a file.</summary>
internal static class StateDictFile
{
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    /// <summary>Writes entries of a module's state dict in the form that the module has in files.</summary>
    public static void Write(string path, nn.Module model, IEnumerable<KeyValuePair<string, Tensor>> state)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var plain = state.Select(entry => KeyValuePair.Create(Plain(entry.Key), entry.Value));
        Safetensors.Write(path, model is IStateDictFile form ? form.InFile(plain) : plain, Metadata);
    }

    /// <summary>A name with properties under their own names: TorchSharp registers an automatic one under its backing field, <c>&lt;Head&gt;k__BackingField</c>.</summary>
    public static string Plain(string name) => name.Replace("<", "", StringComparison.Ordinal).Replace(">k__BackingField", "", StringComparison.Ordinal);
}
