using MedPeft.Lora.Injection.NativeLayers;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Adapters put in the place of their layers, and the way back.</summary>
internal sealed class Placement
{
    private readonly List<AdapterLayer> _placed = [];

    /// <summary>What the check of reached adapters needs to know about each layer.</summary>
    public IReadOnlyList<ReachCheck.Entry> Entries { get; private set; } = [];

    /// <summary>
    /// Puts each adapter into every slot of the tree that holds its layer and can hold the adapter; where none can, the hook on the layer remains. On a layer that is adapted
    /// already it goes behind the adapter that lies there.
    /// </summary>
    public static Placement Put(nn.Module root, IReadOnlyList<ModuleNode> tree, IReadOnlyList<(string Path, AdapterLayer Layer)> layers)
    {
        var placement = new Placement();
        var there = tree.Select(node => node.Module).OfType<AdapterLayer>().DistinctBy(layer => layer.Base, ReferenceEqualityComparer.Instance)
            .ToDictionary(layer => layer.Base, (IEqualityComparer<nn.Module>)ReferenceEqualityComparer.Instance);
        var byBase = layers.Where(entry => !there.ContainsKey(entry.Layer.Base)).ToDictionary(entry => entry.Layer.Base, entry => entry.Layer, (IEqualityComparer<nn.Module>)ReferenceEqualityComparer.Instance);
        try
        {
            foreach (var (_, layer) in layers)
            {
                placement._placed.Add(layer);
                if (there.TryGetValue(layer.Base, out var first)) first.Join(layer);
            }
            foreach (var owner in tree.Select(node => node.Module is AdapterLayer adapted ? adapted.Base : node.Module).Prepend(root).Distinct(ReferenceEqualityComparer.Instance).Cast<nn.Module>())
            foreach (var slot in SlotFinder.Find(owner, byBase.ContainsKey).ToList()) // to a list: the slots change what is enumerated
            {
                var layer = byBase[(nn.Module)slot.Value!];
                if (slot.DeclaredType.IsInstanceOfType(layer))
                {
                    slot.Value = layer;
                    layer.Slots.Taken.Add(slot);
                }
                else if (!layer.Slots.Sealed.Contains(slot.Name)) layer.Slots.Sealed.Add(slot.Name);
            }
            DemandRegistered(tree, byBase);
        }
        catch
        {
            placement.Undo();
            throw;
        }
        placement.Entries = [.. layers.Select(entry => new ReachCheck.Entry(
            entry.Path, entry.Layer, Owners(tree, NativePart.Of(entry.Layer.Base)?.Layer.Host ?? entry.Layer.Base), entry.Layer.Slots.Sealed))];
        return placement;
    }

    /// <summary>Puts the layers, or the adapters behind the ones that leave, back where they were.</summary>
    public void Undo()
    {
        foreach (var layer in Enumerable.Reverse(_placed)) layer.Leave();
        _placed.Clear();
    }

    // Of a part of a layer in native code it is the owners of the layer, which runs its parts itself whenever it is called.
    private static IReadOnlyList<nn.Module> Owners(IReadOnlyList<ModuleNode> tree, nn.Module layer) =>
        [.. tree.Where(node => ReferenceEquals(node.Module is AdapterLayer adapted ? adapted.Base : node.Module, layer)).Select(node => node.Owner)];

    // A module may answer for its children by code of its own. If the adapter is not listed there, to() and state_dict() would miss it.
    private static void DemandRegistered(IReadOnlyList<ModuleNode> tree, Dictionary<nn.Module, AdapterLayer> byBase)
    {
        foreach (var node in tree)
            if (byBase.TryGetValue(node.Module, out var layer) && !node.Owner.named_children().Any(child => child.name == node.Name && ReferenceEquals(child.module, layer)))
                throw new LoraException($"'{node.Path}' cannot be adapted: {node.Owner.GetType().Name} lists its children by code of its own and would hide the adapter from state_dict and to. "
                    + "Register the layer by register_module or hold it in a field.");
    }
}
