using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>An exponential moving average of what trains: average ← d·average + (1 − d)·weights, from the first weights on.</summary>
internal sealed class MovingAverage : IDisposable
{
    private readonly IReadOnlyList<ParameterUnit> _units;
    private readonly double _decay;
    private readonly List<Tensor> _averages;

    public MovingAverage(IReadOnlyList<ParameterUnit> units, double decay)
    {
        (_units, _decay) = (units, decay);
        using var guard = no_grad();
        _averages = [.. units.Select(unit => unit.Values.detach().clone().DetachFromDisposeScope())];
    }

    public void Update()
    {
        using var guard = no_grad();
        for (var i = 0; i < _units.Count; i++) _averages[i].TimesInPlace(_decay).PlusInPlace(_units[i].Values, 1 - _decay);
    }

    /// <summary>Puts the average into the model and the model's weights into the average's place; a second call undoes the first.</summary>
    public void Swap()
    {
        using var guard = no_grad();
        for (var i = 0; i < _units.Count; i++)
        {
            using var weights = _units[i].Values.detach().clone();
            _units[i].Values.copy_(_averages[i]);
            _averages[i].copy_(weights);
        }
    }

    /// <summary>The average by parameter: views that the caller owns.</summary>
    public IEnumerable<(string Name, Tensor View)> State() => _units.SelectMany((unit, i) => unit.Cut(_averages[i]));

    public void Dispose()
    {
        foreach (var average in _averages) average.Dispose();
    }
}
