using System.Globalization;
using MedPeft.Lora.Combination;

namespace MedPeft.Lora;

public sealed partial class AdapterSet
{
    /// <summary>Makes a new adapter of others of this model and puts it in use; the others stay as they are.</summary>
    /// <remarks>
    /// Done on the changes of the weights in float64, with each adapter's own scale (rsLoRA, and DoRA where a method allows it): one adapter of weight 1 gives itself. The result is plain LoRA.
    /// What is trained in full becomes the plain model's values plus the weighted changes, e.g. of the heads.
    /// </remarks>
    /// <param name="name">Name of the new adapter.</param>
    /// <param name="weights">The adapters and the factor of each.</param>
    /// <param name="options">The method, rank and so on; null is <see cref="CombinationMethod.Concatenation"/>.</param>
    /// <returns>The adapter, and how much each of its layers keeps.</returns>
    /// <exception cref="LoraException">There is no such adapter, the name is taken, adapters are merged, a method cannot combine them, or the rank is above what a layer can hold.</exception>
    public CombinationReport Combine(string name, IReadOnlyDictionary<string, double> weights, CombinationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        DemandName(name);
        if (weights.Count == 0) throw new ArgumentException("It names no adapters.", nameof(weights));
        foreach (var (part, weight) in weights.Where(entry => !double.IsFinite(entry.Value)))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The weight of '{part}' is {weight}; it must be a number."), nameof(weights));
        if (Names.Contains(name)) throw new LoraException($"There is an adapter '{name}' already. Choose another name, or delete it first.");
        DemandNotMerged("combining");
        DemandNotRouting("combining");
        var combiner = new Combiner([.. weights.SelectMany(entry => Parts(entry.Key).Select(part => (part, entry.Value)))], options ?? new CombinationOptions());
        var before = InUse;
        var result = Injection.Injector.Inject(_model, combiner.Config(), name);
        try
        {
            var layers = combiner.Fill(result);
            combiner.FillOwn(this, result);
            return new CombinationReport(result, layers);
        }
        catch
        {
            result.Remove();
            Apply(before);
            throw;
        }
    }
}
