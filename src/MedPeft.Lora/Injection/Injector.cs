using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Puts adapters into a model: all of them, or, if anything is wrong, none.</summary>
internal static class Injector
{
    public static LoraAdapter Inject(nn.Module root, AdapterConfig config, string name = AdapterSet.DefaultName)
    {
        NativeHeap.KeepFreed();
        AdapterSet.DemandName(name);
        var set = AdapterSet.Of(root);
        set.DemandNotMerged("adding another adapter");
        var tree = ModuleTree.Read(root);
        var selection = Selection.Of(root, tree, config, name);
        var freezing = set.Freezing ?? new Freezing(root); // before the first adapter freezes its layer

        using var generator = new Generator(config.Seed);
        var layers = new List<(string Path, AdapterLayer Layer)>();
        Placement placement;
        try
        {
            foreach (var layer in config.AdaptAll(selection.Layers, generator)) 
            {
                layer.AdapterName = name;
                layers.Add((selection.Layers[layers.Count].Path, layer));
            }
            placement = Placement.Put(root, tree, layers);
        }
        catch
        {
            foreach (var (_, layer) in layers) layer.Detach();
            freezing.Apply(root, set.SelectionsInUse());
            throw;
        }
        var adapter = new LoraAdapter(root, config, name, selection, placement, set, layers);
        set.Add(adapter, freezing);
        return adapter;
    }
}
