using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Puts adapters into a model: all of them, or, if anything is wrong, none.</summary>
internal static class Injector
{
    public static LoraAdapter Inject(nn.Module root, AdapterConfig config)
    {
        var tree = ModuleTree.Read(root);
        var selection = Selection.Of(root, tree, config);
        var freezing = Freezing.Of(root); // before the first adapter freezes its layer

        using var generator = new Generator(config.Seed);
        var layers = new List<(string Path, AdapterLayer Layer)>();
        Placement placement;
        try
        {
            foreach (var layer in config.AdaptAll(selection.Layers, generator)) layers.Add((selection.Layers[layers.Count].Path, layer));
            placement = Placement.Put(root, tree, layers);
        }
        catch
        {
            foreach (var (_, layer) in layers) layer.Detach();
            freezing.Restore(root);
            throw;
        }
        freezing.Add(root, selection);
        return new LoraAdapter(root, config, selection, placement, freezing, layers);
    }
}
