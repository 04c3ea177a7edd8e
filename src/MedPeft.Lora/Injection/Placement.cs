using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Adapters put in the place of their layers, and the way back.</summary>
internal sealed class Placement
{
    private readonly List<(Slot Slot, AdapterLayer Layer)> _taken = [];

    /// <summary>What the check of reached adapters needs to know about each layer.</summary>
    public IReadOnlyList<ReachCheck.Entry> Entries { get; private set; } = [];

    /// <summary>Puts each adapter into every slot of the tree that holds its layer and can hold the adapter. Where none can, the hook on the layer remains.</summary>
    public static Placement Put(nn.Module root, IReadOnlyList<ModuleNode> tree, IReadOnlyList<(string Path, AdapterLayer Layer)> layers)
    {
        var placement = new Placement();
        var byBase = layers.ToDictionary(entry => entry.Layer.Base, entry => entry.Layer, (IEqualityComparer<nn.Module>)ReferenceEqualityComparer.Instance);
        var sealedSlots = layers.ToDictionary(entry => entry.Layer, _ => new List<string>());
        try
        {
            foreach (var owner in tree.Select(node => node.Module is AdapterLayer adapted ? adapted.Base : node.Module).Prepend(root).Distinct(ReferenceEqualityComparer.Instance).Cast<nn.Module>())
            foreach (var slot in SlotFinder.Find(owner, byBase.ContainsKey).ToList()) // to a list: the slots change what is enumerated
            {
                var layer = byBase[(nn.Module)slot.Value!];
                if (slot.DeclaredType.IsInstanceOfType(layer))
                {
                    slot.Value = layer;
                    placement._taken.Add((slot, layer));
                }
                else if (!sealedSlots[layer].Contains(slot.Name)) sealedSlots[layer].Add(slot.Name);
            }
            DemandRegistered(tree, byBase);
        }
        catch
        {
            placement.Undo();
            throw;
        }
        placement.Entries = [.. layers.Select(entry => new ReachCheck.Entry(
            entry.Path, entry.Layer, [.. tree.Where(node => ReferenceEquals(node.Module, entry.Layer.Base)).Select(node => node.Owner)], sealedSlots[entry.Layer]))];
        return placement;
    }

    /// <summary>Puts the layers back where they were, unless someone has put something else there since.</summary>
    public void Undo()
    {
        foreach (var (slot, layer) in Enumerable.Reverse(_taken))
            if (ReferenceEquals(slot.Value, layer))
                slot.Value = layer.Base;
        _taken.Clear();
    }

    // A module may answer for its children by code of its own. If the adapter is not listed there, to() and state_dict() would miss it.
    private static void DemandRegistered(IReadOnlyList<ModuleNode> tree, Dictionary<nn.Module, AdapterLayer> byBase)
    {
        foreach (var node in tree)
            if (byBase.TryGetValue(node.Module, out var layer) && !node.Owner.named_children().Any(child => child.name == node.Name && ReferenceEquals(child.module, layer)))
                throw new LoraException($"'{node.Path}' cannot be adapted: {node.Owner.GetType().Name} lists its children by code of its own and would hide the adapter from state_dict and to. "
                    + "Register the layer by register_module or hold it in a field.");
    }
}
