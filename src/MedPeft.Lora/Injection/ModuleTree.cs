using System.Runtime.CompilerServices;
using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>A place in a module tree: a child under its name in its owner. A child that is registered twice has two.</summary>
/// <param name="Owner">The module that has registered it.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Module">The child.</param>
/// <param name="Path">Its name from the root, e.g. <c>blocks.0.attn.qkv</c>.</param>
internal sealed record ModuleNode(nn.Module Owner, string Name, nn.Module Module, string Path);

/// <summary>Reads the tree of modules below a root.</summary>
internal static class ModuleTree
{
    /// <summary>All places below the root, each owner's children in the order they are registered in, parents before children. A layer in native code has its projections for children.</summary>
    public static IReadOnlyList<ModuleNode> Read(nn.Module root)
    {
        var nodes = new List<ModuleNode>();
        var entered = new HashSet<nn.Module>(ReferenceEqualityComparer.Instance);
        Enter(root, "");
        return nodes;

        void Enter(nn.Module owner, string prefix)
        {
            if (!entered.Add(owner)) return; // shared: its children have their paths already
            foreach (var (name, module) in NativeLayer.Of(owner)?.Children ?? owner.named_children())
            {
                var path = prefix + name;
                nodes.Add(new ModuleNode(owner, name, module, path));
                Enter(module is AdapterLayer adapted ? adapted.Base : module, path + "."); // an adapted block is not in the way of what lies in it
            }
        }
    }

    /// <summary>A module's own list of children, the one that <c>state_dict</c>, <c>to</c> and <c>train</c> follow.</summary>
    public static OrderedDict<string, nn.Module> Registry(nn.Module module) => RegistryField(module);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_internal_submodules")]
    private static extern ref OrderedDict<string, nn.Module> RegistryField(nn.Module module);
}
