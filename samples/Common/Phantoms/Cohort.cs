namespace MedPeft.Samples.Phantoms;

/// <summary>
/// Draws patients and their visits so that findings are as frequent, and as often together, as in the ChestX-ray14 table: a Gaussian
/// copula, whose marginals are the table's prevalences and whose correlations are the tetrachoric ones of its 112,120 rows.
/// </summary>
public static class Cohort
{
    // Positives per label among 112,120 images (Wang et al., CVPR 2017; the table of the NIH Clinical Center).
    private static readonly int[] Positives = [11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227];

    // Share of each label's images that were taken AP; without findings it is .37.
    private static readonly double[] ApShare = [.50, .44, .51, .53, .38, .34, .56, .36, .67, .88, .40, .16, .29, .15];

    private static readonly double[][] Factor = Cholesky(
    [
        [],
        [.07],
        [.37, .39],
        [.21, .05, .25],
        [.06, -.07, .20, .04],
        [-.03, -.07, .06, .12, .30],
        [.14, .02, .12, .29, -.01, -.03],
        [.10, -.17, .15, .00, .12, .03, -.09],
        [.31, .08, .28, .14, .25, .12, .15, .00],
        [-.02, .16, .23, .31, .02, .00, .56, -.20, .11],
        [.13, -.06, .05, .00, .11, -.04, -.05, .51, .00, -.09],
        [.06, .04, -.01, .04, .06, .12, -.09, .00, .02, -.19, -.01],
        [.10, .06, .23, .07, .24, .19, .02, .14, .13, -.01, .14, .26],
        [.11, .03, -.05, -.04, .13, -.04, .00, -.03, -.11, -.05, -.03, .12, .02],
    ]);

    /// <summary>The share of images with label k in ChestX-ray14.</summary>
    public static double Prevalence(int k) => Positives[k] / 112120.0;

    /// <summary>Draws the images of a cohort, patient after patient.</summary>
    public static IReadOnlyList<PhantomVisit> Draw(CohortOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Images);
        var thresholds = Enumerable.Range(0, Positives.Length)
            .Select(k => NormalQuantile(1 - Math.Clamp(Math.Max(Prevalence(k) * options.PrevalenceScale, options.MinimumPrevalence), 1e-6, .95))).ToArray();
        var visits = new List<PhantomVisit>(options.Images);
        for (var patient = 1; visits.Count < options.Images; patient++)
        {
            var dice = Dice.For(options.Seed + ((ulong)patient << 20), "patient");
            var seed = dice.NextUInt64();
            var female = dice.Chance(.435);
            var age = (int)Math.Clamp(dice.Gauss(47, 17), 4, 94);
            var chronic = Correlated(dice);
            // Most come once, some again and again (the table's mean is 3.6 images a patient, its longest history 184).
            var count = dice.Chance(.57) ? 1 : Math.Min(1 + (int)(1 / Math.Max(.05, dice.Unit())), 12);
            for (var followUp = 0; followUp < count && visits.Count < options.Images; followUp++)
            {
                visits.Add(Visit(dice, thresholds, chronic, patient, followUp, seed, female, Math.Min(age + (followUp / 2), 95)));
            }
        }

        return visits;
    }

    private static PhantomVisit Visit(Dice dice, double[] thresholds, double[] chronic, int patient, int followUp, ulong seed, bool female, int age)
    {
        var acute = Correlated(dice);
        var findings = Findings.None;
        double ap = .37, most = 0;
        for (var k = 0; k < thresholds.Length; k++)
        {
            // Half of what ails a patient today was there last time; the sum is standard normal again.
            if (((chronic[k] + acute[k]) / Math.Sqrt(2)) <= thresholds[k]) continue;
            findings |= (Findings)(1 << k);
            if (Math.Abs(ApShare[k] - .37) > most) (ap, most) = (ApShare[k], Math.Abs(ApShare[k] - .37));
        }

        var who = new PhantomCase { Patient = seed, Exposure = dice.NextUInt64(), Findings = findings, Female = female, Age = age, Ap = dice.Chance(ap) };
        return new PhantomVisit(patient, followUp, who);
    }

    private static double[] Correlated(Dice dice)
    {
        var free = new double[Factor.Length];
        for (var k = 0; k < free.Length; k++) free[k] = dice.StandardNormal();
        return [.. Factor.Select(row => row.Select((weight, j) => weight * free[j]).Sum())];
    }

    private static double[][] Cholesky(double[][] below)
    {
        var factor = new double[below.Length][];
        for (var i = 0; i < below.Length; i++)
        {
            factor[i] = new double[i + 1];
            for (var j = 0; j <= i; j++)
            {
                var rest = (i == j ? 1 : below[i][j]) - Enumerable.Range(0, j).Sum(k => factor[i][k] * factor[j][k]);
                factor[i][j] = i == j ? Math.Sqrt(rest) : rest / factor[j][j];
            }
        }

        return factor;
    }

    /// <summary>The inverse of the normal distribution function, by bisection: a handful of calls, no table of coefficients.</summary>
    private static double NormalQuantile(double probability)
    {
        double low = -8, high = 8;
        for (var step = 0; step < 60; step++)
        {
            var middle = (low + high) / 2;
            if (NormalTail(-middle) < probability) low = middle;
            else high = middle;
        }

        return low;
    }

    /// <summary>P(Z &gt; x), by integrating the density with Simpson's rule.</summary>
    private static double NormalTail(double x)
    {
        const int cells = 2000;
        var width = (9 - x) / cells;
        var sum = 0.0;
        for (var k = 0; k <= cells; k++)
        {
            var z = x + (k * width);
            sum += (k is 0 or cells ? 1 : k % 2 == 1 ? 4 : 2) * Math.Exp(-z * z / 2);
        }

        return sum * width / 3 / Math.Sqrt(2 * Math.PI);
    }
}
