namespace MedPeft.Lora.Metrics;

/// <summary>Sums of integers and of their products, exactly: a variance that is 0 comes out as 0.</summary>
internal struct Moments
{
    private Int128 count, x, y, xx, yy, xy, dd;

    /// <summary>The sum of the first values.</summary>
    public readonly double X => (double)x;

    /// <summary>The sum of the second values.</summary>
    public readonly double Y => (double)y;

    /// <summary>The sample variance of the first values, by n - 1.</summary>
    public readonly double VarianceX => Sample(xx, x, x);

    /// <summary>The sample variance of the second values.</summary>
    public readonly double VarianceY => Sample(yy, y, y);

    /// <summary>The sample covariance.</summary>
    public readonly double Covariance => Sample(xy, x, y);

    /// <summary>The sample variance of the differences.</summary>
    public readonly double VarianceOfDifference => Sample(dd, x - y, x - y);

    /// <summary>Adds a pair of values <paramref name="times"/> times.</summary>
    public void Add(long first, long second, int times = 1)
    {
        count += times;
        x += (Int128)first * times;
        y += (Int128)second * times;
        xx += (Int128)first * first * times;
        yy += (Int128)second * second * times;
        xy += (Int128)first * second * times;
        dd += (Int128)(first - second) * (first - second) * times;
    }

    private readonly double Sample(Int128 products, Int128 left, Int128 right) =>
        (double)(count * products - left * right) / ((double)count * (double)(count - 1));
}
