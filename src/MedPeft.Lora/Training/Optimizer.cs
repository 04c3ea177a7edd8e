using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Turns gradients into steps and keeps what it must remember of them.</summary>
internal abstract class Optimizer : IDisposable
{
    private readonly IReadOnlyList<ParameterUnit> _units;
    private readonly IReadOnlyList<string> _stateNames;
    private readonly List<Tensor[]> _states = [];

    /// <param name="groups">What is trained.</param>
    /// <param name="stateNames">One tensor of each name is kept for every parameter, zero at first.</param>
    protected Optimizer(IReadOnlyList<ParameterGroup> groups, params IReadOnlyList<string> stateNames)
    {
        _units = [.. groups.SelectMany(ParameterUnit.Of)];
        _stateNames = stateNames;
        using var guard = no_grad();
        foreach (var unit in _units) _states.Add([.. stateNames.Select(_ => zeros_like(unit.Values).DetachFromDisposeScope())]);
    }

    /// <summary>Steps taken.</summary>
    public int Steps { get; private set; }

    /// <summary>False steps with tensor operations everywhere, as float32 on a CPU otherwise does not; both give the same but for rounding.</summary>
    /// <value>Default true.</value>
    public bool Flat { get; init; } = true;

    /// <summary>What is trained, in the tensors that it is stepped in.</summary>
    public IReadOnlyList<ParameterUnit> Units => _units;

    public static Optimizer For(IReadOnlyList<ParameterGroup> groups, TrainingOptions options, bool flat = true) => options.Optimizer switch
    {
        OptimizerKind.Sgd => new Sgd(groups, options.Momentum) { Flat = flat },
        OptimizerKind.AdamW => new AdamW(groups, options.Beta1, options.Beta2) { Flat = flat },
        _ => throw new TrainingException($"Optimizer {options.Optimizer} is unknown; choose Sgd or AdamW."),
    };

    /// <summary>Takes up the gradients of the pass and measures them.</summary>
    /// <returns>Their Euclidean norm over everything that trains, in float64.</returns>
    public double Gather()
    {
        using var guard = no_grad();
        var squares = 0.0;
        foreach (var unit in _units)
        {
            unit.Gather(Flat);
            squares += unit.SquaredNorm();
        }

        return Math.Sqrt(squares);
    }

    /// <summary>Multiplies the gradients taken up.</summary>
    public void ScaleGradients(double factor)
    {
        using var guard = no_grad();
        foreach (var unit in _units) unit.ScaleGradient(factor);
    }

    /// <summary>Sees to it that the parameters' own gradients are as those taken up were scaled: methods that watch the steps read them there.</summary>
    public void GiveBack()
    {
        using var guard = no_grad();
        foreach (var unit in _units) unit.GiveBack();
    }

    /// <summary>Steps along the gradients taken up; parameters without one stay as they are.</summary>
    public void Apply(double learningRate)
    {
        Steps++;
        using var guard = no_grad();
        for (var i = 0; i < _units.Count; i++)
        {
            var unit = _units[i];
            var rate = learningRate * unit.Scale;
            if (unit.IsFlat) unit.Apply(_states[i], step => Update(step, rate, unit.WeightDecay));
            else unit.Apply(_states[i], (values, gradient, state) => Update(values, gradient, state, rate, unit.WeightDecay));
        }
    }

    /// <summary>Applies the gradients of the pass.</summary>
    public void Step(double learningRate)
    {
        foreach (var unit in _units) unit.Gather(Flat);
        Apply(learningRate);
    }

    public void ClearGradients()
    {
        foreach (var unit in _units)
        {
            unit.ClearGathered();
            unit.ClearGradients();
        }
    }

    /// <summary>What it remembers, by state and parameter: views that the caller owns.</summary>
    public IEnumerable<(string Name, Tensor View)> State()
    {
        for (var i = 0; i < _units.Count; i++)
            for (var s = 0; s < _stateNames.Count; s++)
                foreach (var (name, view) in _units[i].Cut(_states[i][s])) yield return ($"{_stateNames[s]}/{name}", view);
    }

    /// <summary>Goes on after a number of steps; their state is copied into the views of <see cref="State"/>.</summary>
    public void Resume(int steps) => Steps = steps;

    public void Dispose()
    {
        foreach (var state in _states.SelectMany(state => state)) state.Dispose();
        foreach (var unit in _units) unit.Dispose();
    }

    /// <summary>The step in tensor operations, of any type on any device.</summary>
    protected abstract void Update(Tensor values, Tensor gradient, IReadOnlyList<Tensor> state, double learningRate, double weightDecay);

    /// <summary>The same on float32 numbers in the processor's memory, in one pass.</summary>
    protected abstract void Update(FlatStep step, double learningRate, double weightDecay);
}
