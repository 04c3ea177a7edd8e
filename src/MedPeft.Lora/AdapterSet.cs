using System.Runtime.CompilerServices;
using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The adapters of one model: many findings, sites or tasks on one backbone. From <see cref="LoraExtensions.Adapters"/>.</summary>
/// <remarks>
/// Each has a name, its own update of the layers, and its own values of the modules that it trains in full, e.g. its own head. Those in use add up, each relative to
/// the plain model, and only they are trained. The parameters of an adapter that is not called <see cref="DefaultName"/> carry its name in the state dict
/// (<c>lora_A.nih.weight</c>); the model's own names never change.
/// </remarks>
public sealed partial class AdapterSet
{
    /// <summary>The name of an adapter that was given none, as in PEFT.</summary>
    public const string DefaultName = "default";

    private static readonly ConditionalWeakTable<nn.Module, AdapterSet> Sets = [];

    private readonly nn.Module _model;
    private readonly List<LoraAdapter> _adapters = [];
    private readonly OwnValues _values;

    private AdapterSet(nn.Module model) => (_model, _values) = (model, new OwnValues(model));

    /// <summary>The names, in the order the adapters came in.</summary>
    public IReadOnlyList<string> Names => [.. _adapters.Select(adapter => adapter.Name).Distinct()];

    /// <summary>The names of the adapters that passes run with.</summary>
    public IReadOnlyList<string> InUse { get; private set; } = [];

    /// <summary>The handle of an adapter; where several calls have injected under the same name, on different layers, that of the first.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="LoraException">There is none of that name.</exception>
    public LoraAdapter this[string name] => Parts(name)[0];

    /// <summary>Which parameters received gradients before; null without adapters.</summary>
    internal Freezing? Freezing { get; private set; }

    internal static AdapterSet Of(nn.Module model) => Sets.GetValue(model, static model => new AdapterSet(model));

    /// <summary>The handles of what was injected into this very module, in that order; makes no set where there is none.</summary>
    internal static IReadOnlyList<LoraAdapter> HandlesOf(nn.Module model) => Sets.TryGetValue(model, out var set) ? set._adapters : [];

    /// <summary>Lets passes run with these adapters and no others, and training train these. Their heads come with them.</summary>
    /// <remarks>
    /// Updates of several add up, each relative to the plain model. Of modules that several train in full, the values of the first are used. An optimizer that was made
    /// for an adapter goes on when that adapter is back in use. Changing adapters between a pass and its backward pass is an error there.
    /// </remarks>
    /// <param name="names">The names; none is the plain model.</param>
    /// <exception cref="LoraException">There is none of that name, adapters are merged, or cannot be used together.</exception>
    public void Use(params IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        foreach (var name in names) Parts(name);
        if (names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new LoraException($"'{twice.Key}' is named twice; an adapter is in use or not.");
        DemandNotMerged("using others");
        DemandNotRouting("using others");
        DemandTogether(names);
        Apply([.. names]);
    }

    /// <summary>Takes an adapter out of the model; what others have learned stays. If it was in use, the rest of those in use stay in use.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="LoraException">There is none of that name.</exception>
    public void Delete(string name)
    {
        foreach (var adapter in Parts(name)) adapter.Remove();
    }

    /// <summary>E.g. <c>nih (in use), rsna</c>.</summary>
    public override string ToString() => _adapters.Count == 0 ? "no adapters" : string.Join(", ", Names.Select(name => InUse.Contains(name) ? $"{name} (in use)" : name));

    /// <summary>The injections under a name.</summary>
    internal IReadOnlyList<LoraAdapter> Parts(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var found = _adapters.Where(adapter => adapter.Name == name).ToList();
        return found.Count > 0 ? found : throw new LoraException($"There is no adapter '{name}'. Adapters here: {(_adapters.Count == 0 ? "none" : string.Join(", ", Names))}.");
    }

    /// <summary>What the adapters in use have selected; null without adapters.</summary>
    internal IReadOnlyList<Selection>? SelectionsInUse() =>
        _adapters.Count == 0 ? null : [.. _adapters.Where(adapter => InUse.Contains(adapter.Name)).Select(adapter => adapter.Selection)];

    internal void Add(LoraAdapter adapter, Freezing freezing)
    {
        Freezing = freezing;
        _adapters.Add(adapter);
        _values.Add(adapter.Name, adapter.Selection);
        Apply(InUse.Contains(adapter.Name) ? InUse : [adapter.Name]);
    }

    internal void Remove(LoraAdapter adapter)
    {
        _adapters.Remove(adapter);
        _values.Remove(adapter.Name,
            key => _adapters.Exists(other => other.Name == adapter.Name && OwnValues.Owns(other.Selection, key)),
            key => _adapters.Exists(other => OwnValues.Owns(other.Selection, key)), last: _adapters.Count == 0);
        InUse = [.. InUse.Where(Names.Contains)];
        if (_adapters.Count > 0)
        {
            Apply(InUse);
            return;
        }
        Freezing!.Apply(_model, null);
        Freezing = null;
    }

    /// <summary>The model's own parameters and buffers as one adapter alone, or with <see cref="OwnValues.Plain"/> none, sees them: live where they lie in the model.</summary>
    internal IReadOnlyList<(string Name, Tensor Value)> StateOf(string name)
    {
        var adapters = ModuleTree.Read(_model).Where(node => node.Module is AdapterLayer)
            .SelectMany(node => ((AdapterLayer)node.Module).StateNames.Select(own => $"{node.Path}.{own}")).ToHashSet(StringComparer.Ordinal);
        var state = _model.state_dict();
        return [.. state.Where(entry => !adapters.Contains(entry.Key)).Select(entry => (entry.Key, _values.Of(name, entry.Key, state)))];
    }

    internal void DemandNotMerged(string before)
    {
        if (_adapters.Find(adapter => adapter.Merged) is { } merged) throw new LoraException($"Adapter '{merged.Name}' is merged; call Unmerge() before {before}.");
    }

    internal static void DemandName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('_' or '-')))
            throw new ArgumentException($"'{name}' cannot name an adapter: the name is part of the names in the state dict and of a folder. Use letters, digits, '_' and '-'.", nameof(name));
    }

    private void Apply(IReadOnlyList<string> names)
    {
        InUse = names;
        foreach (var adapter in _adapters)
            foreach (var (_, layer) in adapter.Entries)
                layer.InUse = names.Contains(adapter.Name);
        _values.Switch(names);
        Freezing!.Apply(_model, SelectionsInUse());
    }

    private void DemandTogether(IReadOnlyList<string> names)
    {
        var shared = _adapters.Where(adapter => names.Contains(adapter.Name)).SelectMany(adapter => adapter.Entries).GroupBy(entry => entry.Layer.Base, (IEqualityComparer<nn.Module>)ReferenceEqualityComparer.Instance);
        foreach (var layers in shared.Where(layers => layers.Count() > 1))
            if (layers.Select(entry => entry.Layer.SharingObstacle).FirstOrDefault(obstacle => obstacle is not null) is { } obstacle)
                throw new LoraException(obstacle);
    }
}
