namespace MedPeft.Lora.Metrics;

/// <summary>A sum that keeps what rounding drops: a million terms are as exact as two (Neumaier 1974, Z. Angew. Math. Mech. 54:39-51).</summary>
internal struct Sum
{
    private double total, dropped;

    /// <summary>The sum.</summary>
    public readonly double Value => total + dropped;

    /// <summary>Adds a term.</summary>
    public void Add(double term)
    {
        var next = total + term;
        dropped += Math.Abs(total) >= Math.Abs(term) ? total - next + term : term - next + total;
        total = next;
    }
}
