using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>The values of what adapters train in full: each adapter has its own, and one set of them lies in the model.</summary>
/// <remarks>The others are kept in the host's memory. The values move, not the parameters: an optimizer that was made for an adapter fits again when it is back in use.</remarks>
internal sealed class OwnValues(nn.Module root)
{
    /// <summary>Owner of the values of the model without adapters.</summary>
    public const string Plain = ""; // no adapter has this name

    private static readonly string[] RunningStatistics = ["running_mean", "running_var", "num_batches_tracked"];

    private readonly Dictionary<string, Dictionary<string, Tensor>> _stored = []; // by parameter, by owner
    private readonly Dictionary<string, string> _live = [];

    /// <summary>True for a statistic that moves in training even where the weights around it are frozen.</summary>
    public static bool IsRunningStatistic(string name) => RunningStatistics.Contains(ModulePath.Last(name));

    /// <summary>True for what an adapter has values of its own of.</summary>
    public static bool Owns(Selection selection, string name) => selection.IsTrained(name) || IsRunningStatistic(name);

    /// <summary>The parameters and buffers that some adapter has values of its own of.</summary>
    public IReadOnlyCollection<string> Keys => _live.Keys;

    /// <summary>Gives an adapter values of its own: at first those of the model without adapters.</summary>
    public void Add(string owner, Selection selection)
    {
        foreach (var (key, tensor) in root.state_dict().Where(entry => Owns(selection, entry.Key)))
        {
            if (!_stored.TryGetValue(key, out var owners))
            {
                _stored[key] = new Dictionary<string, Tensor> { [Plain] = Copy(tensor) };
                _live[key] = owner;
            }
            else if (_live[key] != owner && !owners.ContainsKey(owner)) owners[owner] = Copy(_live[key] == Plain ? tensor : owners[Plain]);
        }
    }

    /// <summary>Puts the values into the model that the adapters in use want: of several that train the same, the first.</summary>
    public void Switch(IReadOnlyList<string> inUse)
    {
        var state = root.state_dict();
        using var none = no_grad();
        foreach (var (key, owners) in _stored)
        {
            var wanted = inUse.FirstOrDefault(name => _live[key] == name || (name != Plain && owners.ContainsKey(name)), Plain);
            if (wanted == _live[key]) continue;
            var tensor = state[key];
            if (owners.TryGetValue(_live[key], out var old)) old.copy_(tensor);
            else owners[_live[key]] = Copy(tensor);
            tensor.copy_(owners[wanted]);
            if (tensor.requires_grad) tensor.grad = null; // they were the other adapter's
            _live[key] = wanted;
        }
    }

    /// <summary>An adapter's value of a parameter: the model's own tensor while it is in there.</summary>
    public Tensor Of(string owner, string key, IReadOnlyDictionary<string, Tensor> state) =>
        !_live.TryGetValue(key, out var live) || live == owner ? state[key] : _stored[key].TryGetValue(owner, out var own) ? own : live == Plain ? state[key] : _stored[key][Plain];

    /// <summary>Forgets an adapter's values of what it no longer trains. With nobody left the model keeps what it has learned.</summary>
    public void Remove(string owner, Func<string, bool> stillTrained, Func<string, bool> trainedByOthers, bool last)
    {
        var state = root.state_dict();
        using var none = no_grad();
        foreach (var (key, owners) in _stored.Where(entry => !stillTrained(entry.Key)).ToList())
        {
            if (_live[key] == owner)
            {
                if (!last && state.TryGetValue(key, out var tensor)) tensor.copy_(owners[Plain]);
                _live[key] = Plain;
            }
            if (owners.Remove(owner, out var own)) own.Dispose();
            if (trainedByOthers(key)) continue;
            foreach (var value in owners.Values) value.Dispose();
            _stored.Remove(key);
            _live.Remove(key);
        }
    }

    // In the host's memory, and in no caller's dispose scope.
    private static Tensor Copy(Tensor tensor) => tensor.detach().to(CPU, copy: true).DetachFromDisposeScope();
}
