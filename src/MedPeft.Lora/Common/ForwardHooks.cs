using System.Collections;
using System.Reflection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>How many hooks a call of a layer would run: who goes round the call must know that nobody listens. TorchSharp keeps them in protected fields.</summary>
internal static class ForwardHooks
{
    private static readonly FieldInfo?[] Fields =
        [Field("pre_hooks"), Field("post_hooks"), Field("module_pre_hooks"), Field("module_post_hooks")];

    /// <summary>The number of hooks on a layer, before and after its pass; <see cref="int.MaxValue"/> where a TorchSharp of another make does not tell.</summary>
    public static int On(nn.Module<Tensor, Tensor> layer)
    {
        var count = 0;
        foreach (var field in Fields)
        {
            if (field?.GetValue(layer) is not ICollection hooks) return int.MaxValue;
            count += hooks.Count;
        }

        return count;
    }

    private static FieldInfo? Field(string name) => typeof(nn.Module<Tensor, Tensor>).BaseType?.GetField(name, BindingFlags.Instance | BindingFlags.NonPublic);
}
