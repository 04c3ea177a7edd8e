namespace MedPeft.Lora.Metrics;

/// <summary>The normal distribution, to about fifteen digits.</summary>
internal static class Normal
{
    /// <summary>P(|Z| ≥ |z|) for a standard normal Z.</summary>
    public static double TwoSided(double z) => ErrorComplement(Math.Abs(z) / Math.Sqrt(2));

    /// <summary>The z with P(|Z| ≤ z) = level: 1.959964 for 0.95.</summary>
    /// <param name="level">Above 0 and below 1.</param>
    public static double Quantile(double level)
    {
        // Newton from 0: the tail is convex, so the steps rise to the root and never pass it.
        var (z, tail) = (0.0, 1 - level);
        for (var i = 0; i < 200; i++)
        {
            var step = (TwoSided(z) - tail) / (Math.Sqrt(2 / Math.PI) * Math.Exp(-z * z / 2));
            z += step;
            if (Math.Abs(step) <= 1e-15 * z) break;
        }

        return z;
    }

    /// <summary>A level of confidence is above 0 and below 1.</summary>
    public static void CheckLevel(double level, string name)
    {
        if (!(level is > 0 and < 1)) throw new ArgumentOutOfRangeException(name, level, "A level of confidence is above 0 and below 1, 0.95 for instance.");
    }

    /// <summary>1 - erf(x) for x ≥ 0.</summary>
    private static double ErrorComplement(double x)
    {
        if (double.IsPositiveInfinity(x)) return 0;
        var scale = Math.Exp(-x * x) / Math.Sqrt(Math.PI);
        if (x < 2)
        {
            // erf(x) = 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, all terms positive.
            double term = x, sum = x;
            for (var n = 1; term > 1e-17 * sum; n++) sum += term *= 2 * x * x / (2 * n + 1);
            return 1 - 2 * scale * sum;
        }

        // The continued fraction x + (1/2)/(x + (2/2)/(x + (3/2)/(x + …))), from its far end.
        var fraction = x;
        for (var n = 120; n > 0; n--) fraction = x + n / 2.0 / fraction;
        return scale / fraction;
    }
}
