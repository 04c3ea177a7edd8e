using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>EVA: the first factors and the ranks of LoRA from what the layers see in a few batches.</summary>
/// <remarks>
/// Paischer et al. 2024, arXiv:2410.07170, in PEFT's conventions: ρ·r components of the inputs of each layer by incremental PCA, until those that would be used no
/// longer turn from one batch to the next; then the sum of all ranks is given to the components that explain the largest shares of their layer's variance, and α grows with a layer's rank.
/// </remarks>
internal static class EvaStart
{
    public static LoraAdapter Inject(nn.Module root, LoraConfig config, IEnumerable<Tensor> batches, double rho, double tau, string name)
    {
        if (config.Initialization != LoraInitialization.Eva)
            throw new LoraException($"Initialization is {config.Initialization}, which looks at no batches. Set it to Eva, or leave the batches out.");
        if (root is not nn.Module<Tensor, Tensor> model)
            throw new LoraException($"{root.GetType().Name} is no Module<Tensor, Tensor>, so that batches of single tensors cannot be run through it. Wrap it in one, or take another Initialization.");
        var selection = Selection.Of(root, ModuleTree.Read(root), config);
        var layers = selection.Layers.Select(layer => new Watched(layer.Path, (Linear)layer.Layer, (LoraConfig)layer.Config, rho)).ToList();
        try
        {
            Watch(model, layers, batches, tau);
            var ranks = Ranks(layers);
            var adapter = Injector.Inject(root, Derived(config, layers, ranks), name);
            foreach (var layer in layers.Where(layer => ranks[layer.Path] > 0)) layer.PutInto((LoraLayer)adapter.Layer(layer.Path), ranks[layer.Path]);
            return adapter;
        }
        finally
        {
            foreach (var layer in layers) layer.Dispose();
        }
    }

    private static void Watch(nn.Module<Tensor, Tensor> model, List<Watched> layers, IEnumerable<Tensor> batches, double tau)
    {
        var count = 0;
        foreach (var batch in batches)
        {
            ReachCheck.InEvaluation(model, () => model.call(batch));
            count++;
            if (layers.Find(layer => !layer.Seen) is { } missed) throw new LoraException($"No batch has reached '{missed.Path}', so that Eva has nothing to start it from. Leave it out of Targets, or run it by call.");
            var ranks = Ranks(layers);
            if (layers.All(layer => layer.Steady(ranks[layer.Path], tau))) break;
        }
        if (count == 0) throw new LoraException("The batches are none, and Eva starts from what the layers see. Give at least one batch of images.");
    }

    private static Dictionary<string, int> Ranks(List<Watched> layers)
    {
        var ranks = layers.ToDictionary(layer => layer.Path, _ => 0);
        foreach (var (path, _) in layers.SelectMany(layer => layer.Shares().Select(share => (layer.Path, share))).OrderByDescending(entry => entry.share).Take(layers.Sum(layer => layer.Config.Rank)))
            ranks[path]++;
        return ranks;
    }

    private static LoraConfig Derived(LoraConfig config, List<Watched> layers, Dictionary<string, int> ranks)
    {
        var kept = layers.Where(layer => ranks[layer.Path] > 0).ToList();
        return config with
        {
            RankPattern = kept.ToDictionary(layer => layer.Path, layer => ranks[layer.Path]),
            AlphaPattern = kept.ToDictionary(layer => layer.Path, layer => layer.Config.Alpha * ranks[layer.Path] / layer.Config.Rank),
            Exclude = [.. config.Exclude, .. layers.Except(kept).Select(layer => layer.Path)],
        };
    }

    private sealed class Watched : IDisposable
    {
        private readonly IncrementalPca _components;
        private readonly Action _unhook;

        public Watched(string path, Linear layer, LoraConfig config, double rho)
        {
            (Path, Config) = (path, config);
            var shape = layer.weight.shape;
            var most = Math.Min(shape[1], shape[0] / (config.Blocks is null ? 1 : 3));
            _components = new IncrementalPca((int)Math.Min(most, Math.Max(config.Rank, Math.Round(config.Rank * rho))));
            var close = NativePart.Of(layer)?.Layer.Open();
            var unhook = layer.register_forward_hook((_, input, output) =>
            {
                using var rows = input.detach().reshape(-1, input.shape[^1]);
                _components.Add(rows);
                return output;
            });
            _unhook = () =>
            {
                unhook.remove();
                close?.Invoke();
            };
        }

        public string Path { get; }

        public LoraConfig Config { get; }

        public bool Seen => _components.Count > 0;

        public IReadOnlyList<double> Shares() => _components.Shares();

        public bool Steady(int rank, double tau) => _components.Steady(rank, tau);

        public void PutInto(LoraLayer layer, int rank)
        {
            using var none = no_grad();
            using var first = _components.First(rank);
            for (var g = 0; g < layer.A.shape[0] / rank; g++) // the blocks of a fused layer see the same input
                using (var rows = layer.A.narrow(0, g * rank, rank)) rows.copy_(first);
        }

        public void Dispose()
        {
            _unhook();
            _components.Dispose();
        }
    }
}
